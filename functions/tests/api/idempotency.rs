//! A request that is sent again has one effect and one answer.

use std::collections::HashSet;
use std::time::Duration;

use aura::clock::Clock;
use aura::idempotency::{self, Claim, Keyed};
use aura_local::{Fault, When};
use serde_json::{Value, json};

use crate::provider::{Provider, completion, one_field};
use crate::world::{Client, Reply, World, now};

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Reply {
    Reply::of(client.request("POST", path).header("idempotency-key", key).json(body)).await
}

fn wish(name: &str) -> Value {
    json!({"name": name, "scopes": ["ai:use_openai"]})
}

const KEYS: &str = "/api/auth/api-keys";

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let first = post(&ann.client, KEYS, "k-1", &wish("job")).await;
    assert_eq!(first.status, 201, "{}", first.text);
    let again = post(&ann.client, KEYS, "k-1", &wish("job")).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(ann.client.get(KEYS).await.body["keys"].as_array().unwrap().len(), 1);
    post(&ann.client, KEYS, "k-1", &wish("another")).await.assert_problem(422, "IDEMPOTENCY_KEY_REUSED");
    // Another key, another route and another user have nothing to do with it.
    assert_ne!(post(&ann.client, KEYS, "k-2", &wish("job")).await.body["id"], first.body["id"]);
    let form = post(&ann.client, "/api/ai/generate-form", "k-1", &json!({"context": "a login form"})).await;
    assert_eq!(form.status, 200, "{}", form.text);
    let bob = world.account("bob@example.com").await;
    assert_eq!(post(&bob.client, KEYS, "k-1", &wish("another")).await.status, 201);
    // What is kept is sealed: the table knows neither the new API key nor the client's key.
    let items = world.tables().scan().table_name("EphemeralTable").send().await.unwrap().items.unwrap();
    let dump = format!("{items:?}");
    assert!(!dump.contains("k-1") && !dump.contains("aura_"));
}

#[tokio::test]
async fn keys_have_a_form() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let long = "k".repeat(256);
    for key in ["", long.as_str()] {
        post(&ann.client, KEYS, key, &wish("job")).await.assert_problem(400, "INVALID_REQUEST");
    }
    assert_eq!(post(&ann.client, KEYS, &long[1..], &wish("job")).await.status, 201);
}

#[tokio::test]
async fn what_failed_may_be_tried_again() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let greedy = json!({"name": "x", "scopes": ["admin:manage_users"]});
    for _ in 0..2 {
        post(&ann.client, KEYS, "k-1", &greedy).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    }
    assert_eq!(post(&ann.client, KEYS, "k-1", &wish("job")).await.status, 201);
}

#[tokio::test]
async fn row_63_parallel_and_duplicate_requests_have_one_effect() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    world.stack.fault("create-api-key", 1, Fault::Duplicate);
    let requests = (0..12).map(|_| {
        let client = ann.client.clone();
        tokio::spawn(async move { post(&client, KEYS, "k-1", &wish("job")).await })
    });
    let mut ids = HashSet::new();
    for reply in requests.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        match reply.status {
            201 => drop(ids.insert(reply.body["id"].to_string())),
            503 => reply.assert_problem(503, "UNAVAILABLE"),
            _ => reply.assert_problem(409, "IDEMPOTENCY_IN_PROGRESS"),
        }
    }
    // Of an invocation that came twice the caller may hear the one that was refused: who asks again hears of the effect.
    world.stack.quiet().await.unwrap();
    let again = post(&ann.client, KEYS, "k-1", &wish("job")).await;
    assert_eq!(again.status, 201, "{}", again.text);
    ids.insert(again.body["id"].to_string());
    assert_eq!(ids.len(), 1);
    assert_eq!(ann.client.get(KEYS).await.body["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_model_is_paid_once() {
    let provider = Provider::start(vec![completion(&one_field("shoeSize", "Shoe size"))]).await;
    let world = World::with(|builder| {
        builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &provider.base_url)
    })
    .await;
    let ann = world.account("ann@example.com").await;
    let body = json!({"context": "ask for the shoe size"});
    let first = post(&ann.client, "/api/ai/generate-form", "k-1", &body).await;
    let again = post(&ann.client, "/api/ai/generate-form", "k-1", &body).await;
    assert_eq!((first.status, &first.body), (200, &again.body));
    assert_eq!(provider.requests().len(), 1);
}

/// Row 62: killed after the claim, before and after the work; the next one waits, and takes over when the time is over.
#[tokio::test]
async fn row_62_a_killed_function_blocks_until_its_time_is_over() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    world.stack.kill_on_dynamodb_call("create-api-key", "PutItem", When::After);
    assert_eq!(post(&ann.client, KEYS, "k-1", &wish("job")).await.status, 502);
    let blocked = post(&ann.client, KEYS, "k-1", &wish("job")).await;
    blocked.assert_problem(409, "IDEMPOTENCY_IN_PROGRESS");
    assert_eq!(blocked.header("retry-after"), "1");

    let clock = Clock::manual(now());
    let app = world.app(&clock);
    let user = ann.id.parse().unwrap();
    let request = |body| Keyed { user, route: "test", key: "k-9", body };
    let claim = async |body| idempotency::claim(app, request(body), Duration::from_secs(10)).await;
    let Claim::Fresh(dead) = claim(b"a").await.unwrap() else { panic!("nobody was here before") };
    assert_eq!(claim(b"a").await.err().unwrap().code(), "IDEMPOTENCY_IN_PROGRESS");
    clock.advance(Duration::from_secs(11));
    let Claim::Fresh(heir) = claim(b"a").await.unwrap() else { panic!("the first one's time is over") };
    // The dead one was only slow: what it brings now counts no more, and what it gives back is not its own.
    idempotency::complete(app, dead, b"late").await;
    assert_eq!(claim(b"a").await.err().unwrap().code(), "IDEMPOTENCY_IN_PROGRESS");
    idempotency::complete(app, heir, b"answer").await;
    let Claim::Repeat(answer) = claim(b"a").await.unwrap() else { panic!("it was done") };
    assert_eq!(answer, b"answer");
    assert_eq!(claim(b"b").await.err().unwrap().code(), "IDEMPOTENCY_KEY_REUSED");
    clock.advance(idempotency::KEPT);
    assert!(matches!(claim(b"b").await.unwrap(), Claim::Fresh(_)), "after a day the key is free");
}
