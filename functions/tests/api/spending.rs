//! Money over HTTP: what a call costs is on the ledger, and a call that there is no money for is not made.

use std::time::Duration;

use aura::budget::Payer;
use aura::clock::Clock;
use aura_local::Fault;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::provider::{Provider, completion, one_field};
use crate::tokens::claims;
use crate::world::{World, now};

async fn with_provider(settings: &[(&str, &str)]) -> (World, Provider) {
    let provider = Provider::start(vec![completion(&one_field("shoeSize", "Shoe size"))]).await;
    let world = World::with(|builder| {
        let builder = builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &provider.base_url);
        settings.iter().fold(builder, |builder, (name, value)| builder.setting(name, value))
    })
    .await;
    (world, provider)
}

#[tokio::test]
async fn a_call_is_on_its_users_ledger() {
    let (world, _provider) = with_provider(&[]).await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    assert_eq!(ann.client.form("ask for the shoe size").await.body["source"], "openai");
    let usage = ann.client.get("/api/usage").await;
    assert_eq!(usage.status, 200, "{}", usage.text);
    let line = &usage.body["lines"][0];
    assert_eq!(
        (&line["operation"], &line["model"], &line["calls"]),
        (&json!("generate-form"), &json!("gpt-6-luna"), &json!(1))
    );
    assert_eq!((&line["promptTokens"], &line["completionTokens"]), (&json!(100), &json!(50)));
    // 100 tokens read at 0.10 USD per million, a quarter dearer where they may be written to the provider's cache, and
    // 50 written at 0.50.
    assert_eq!(usage.body["spent"], json!(0.000_037_5));
    assert_eq!((&usage.body["reserved"], &usage.body["unconfirmed"]), (&json!(0.0), &json!(0.0)));
    assert_eq!(usage.body["budgets"].as_array().unwrap().len(), 3);
    assert!(usage.body.get("tenant").is_none());
    assert_eq!(bob.client.get("/api/usage").await.body["lines"], json!([]), "nobody else pays for it");

    let of_ann = format!("/api/usage?user={}&months=2", ann.id);
    bob.client.get(&of_ann).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    world.set_user(&bob.id, "role", AttributeValue::S("admin".into())).await;
    world.stack.kill("usage").await;
    let seen = bob.client.get(&of_ann).await;
    assert_eq!((&seen.body["spent"], &seen.body["tenant"]["spent"]), (&usage.body["spent"], &usage.body["spent"]));
    bob.client.get("/api/usage?user=nobody").await.assert_problem(404, "NOT_FOUND");
    bob.client.get("/api/usage?months=13").await.assert_problem(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn row_49_without_money_no_call_is_made() {
    let (world, provider) = with_provider(&[("BUDGET_USER_DAY", "0.000001")]).await;
    let ann = world.account("ann@example.com").await;
    let refused = ann.client.form("ask for the shoe size").await;
    refused.assert_problem(402, "BUDGET_EXCEEDED");
    let sentence = refused.body["error"].as_str().unwrap();
    assert!(sentence.contains("0.000001 USD") && sentence.contains("T00:00:00Z"), "{sentence}");
    assert_eq!(provider.requests().len(), 0);

    let (world, provider) = with_provider(&[("MAX_COST_PER_REQUEST", "0.0001")]).await;
    let ann = world.account("ann@example.com").await;
    ann.client.form("ask for the shoe size").await.assert_problem(402, "BUDGET_EXCEEDED");

    let (world, unpriced) = with_provider(&[("MODEL_SIMPLE", "mystery-1"), ("MODEL_COMPLEX", "mystery-1")]).await;
    let ann = world.account("ann@example.com").await;
    ann.client.form("ask for the shoe size").await.assert_problem(503, "MODEL_UNPRICED");
    assert_eq!(provider.requests().len() + unpriced.requests().len(), 0);
}

#[tokio::test]
async fn row_49_forty_parallel_calls_stay_within_the_cap() {
    // Each call reserves its worst case, some 0.005 USD, and costs next to nothing: a cap of 0.03 lets a few in at a time.
    let (world, provider) = with_provider(&[("BUDGET_USER_DAY", "0.03")]).await;
    let ann = world.account("ann@example.com").await;
    let calls = (0..40).map(|n| {
        let client = ann.client.clone();
        tokio::spawn(async move { client.form(&format!("ask for the shoe size, form {n}")).await })
    });
    let mut served = 0;
    for call in calls.collect::<Vec<_>>() {
        let reply = call.await.unwrap();
        match reply.status {
            200 => served += 1,
            402 => reply.assert_problem(402, "BUDGET_EXCEEDED"),
            _ => reply.assert_problem(503, "UNAVAILABLE"),
        }
    }
    let usage = ann.client.get("/api/usage").await.body;
    let calls: u64 = usage["lines"].as_array().unwrap().iter().map(|line| line["calls"].as_u64().unwrap()).sum();
    assert_eq!(provider.requests().len() as u64, calls, "every request is on the ledger: {usage}");
    assert!(served <= calls && usage["spent"].as_f64().unwrap() <= 0.03, "{usage}");
}

/// Row 62: a function that dies in the middle of a call leaves its worst case booked, and shown as unconfirmed.
#[tokio::test]
async fn row_62_a_killed_call_is_paid_at_its_worst() {
    let (world, _provider) = with_provider(&[]).await;
    let ann = world.account("ann@example.com").await;
    assert_eq!(ann.client.form("ask for the shoe size").await.status, 200);
    world.stack.kill_on_dynamodb_call("generate-form", "TransactWriteItems", aura_local::When::Before);
    assert_eq!(ann.client.form("ask for the shoe size again").await.status, 502);
    let usage = ann.client.get("/api/usage").await.body;
    assert!(usage["reserved"].as_f64().unwrap() > 0.0, "{usage}");

    let clock = Clock::manual(now() + Duration::from_secs(40));
    let tenant = claims(&ann.token)["tid"].as_str().unwrap().parse().unwrap();
    let payer = Payer { tenant, user: ann.id.parse().unwrap() };
    let swept = serde_json::to_value(world.app(&clock).budget.usage(payer, 1).await.unwrap()).unwrap();
    assert_eq!((&swept["reserved"], &swept["unconfirmed"]), (&json!(0.0), &usage["reserved"]), "{swept}");
    let total = |value: &Value| value["spent"].as_f64().unwrap() + value["reserved"].as_f64().unwrap();
    assert!((total(&swept) - total(&usage)).abs() < 1e-12, "nothing was released and nothing counted twice");
}

#[tokio::test]
async fn a_duplicate_delivery_books_no_more_than_was_asked() {
    let (world, provider) = with_provider(&[]).await;
    let ann = world.account("ann@example.com").await;
    world.stack.fault("generate-form", 1, Fault::Duplicate);
    assert_eq!(ann.client.form("ask for the shoe size").await.status, 200);
    world.stack.log_line("generate-form", "answered").await.unwrap();
    let usage = ann.client.get("/api/usage").await.body;
    let calls = usage["lines"][0]["calls"].as_u64().unwrap();
    assert!((1..=2).contains(&calls) && calls <= provider.requests().len() as u64);
}
