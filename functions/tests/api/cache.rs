//! Answers that are known, over HTTP.

use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::provider::{Line, Provider, completion, completion_text, ending, one_field};
use crate::world::{Reply, Session, World};

const FORM: &str = "generate-form";
const SHOES: &str = "ask for the shoe size";

async fn with(settings: &[(&str, &str)], script: Vec<Line>) -> (World, Provider, Session) {
    let provider = Provider::play(script).await;
    let world = World::with(|builder| {
        let builder = builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &provider.base_url);
        settings.iter().fold(builder.processes(40), |builder, (name, value)| builder.setting(name, value))
    })
    .await;
    let session = world.account("ann@example.com").await;
    (world, provider, session)
}

fn whole((status, body): (u16, String)) -> Line {
    Line::Whole(status, body)
}

fn form() -> Line {
    whole(completion(&one_field("shoeSize", "Shoe size")))
}

#[track_caller]
fn assert_made(reply: &Reply) {
    assert_eq!((reply.status, &reply.body["source"]), (200, &json!("openai")), "{}", reply.text);
    assert_eq!((&reply.body["cached"], &reply.body["usage"]["totalTokens"]), (&json!(false), &json!(150)));
    assert!(reply.body["usage"].get("savedUsd").is_none());
}

#[track_caller]
fn assert_known(reply: &Reply) {
    assert_eq!((reply.status, &reply.body["source"]), (200, &json!("openai")), "{}", reply.text);
    assert_eq!((&reply.body["cached"], &reply.body["usage"]["totalTokens"]), (&json!(true), &json!(0)));
    assert_eq!(reply.body["usage"]["savedUsd"], json!(0.000_037_5), "{}", reply.text);
    assert_eq!(reply.body["usage"]["model"], "gpt-6-luna");
}

/// An answer without what may differ: who paid.
fn answer(reply: &Reply) -> Value {
    let mut answer = reply.body.clone();
    let members = answer.as_object_mut().unwrap();
    members.remove("usage");
    members.remove("cached");
    answer
}

#[tokio::test]
async fn every_operation_repeats_its_answer_at_no_cost() {
    let reading =
        json!({"enhancedQuery": "red shoes", "searchTerms": ["shoes"], "intent": "search", "confidence": 0.9});
    let script = vec![
        form(),
        whole(completion(&reading)),
        whole(completion(&json!({"summary": "A cat sat."}))),
        whole(completion_text("a + b\n}")),
    ];
    let (world, provider, ann) = with(&[], script).await;
    let code = json!({"code": "fn add(a: i32, b: i32) -> i32 {", "language": "rust"});
    for (n, (function, body)) in [
        (FORM, json!({"context": SHOES})),
        ("enhance-query", json!({"query": "Please find red shoes"})),
        ("summarize", json!({"content": "A cat sat on a mat. It slept.", "maxLength": 20})),
        ("complete-code", code),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/api/ai/{function}");
        let made = ann.client.post(&path, &body).await;
        assert_made(&made);
        let near = ann.client.post(&path, &body).await;
        // Another instance finds it in the table.
        world.stack.kill(function).await;
        let far = ann.client.post(&path, &body).await;
        for known in [near, far] {
            assert_known(&known);
            assert_eq!(answer(&known), answer(&made));
        }
        assert_eq!(provider.requests().len(), n + 1, "{function}");
    }
    let usage = ann.client.get("/api/usage").await.body;
    assert_eq!(usage["lines"].as_array().unwrap().len(), 4, "{usage}");
    for line in usage["lines"].as_array().unwrap() {
        assert_eq!((&line["calls"], &line["cacheHits"]), (&json!(1), &json!(2)), "{line}");
        assert_eq!((&line["spent"], &line["saved"]), (&json!(0.000_037_5), &json!(0.000_075)), "{line}");
    }
    assert_eq!(usage["budgets"][0]["used"], json!(0.000_15), "what was saved was not spent: {usage}");
}

#[tokio::test]
async fn every_parameter_makes_another_question() {
    let (_world, provider, ann) = with(&[], vec![form()]).await;
    let mut asked = 0;
    for body in [
        json!({"context": SHOES}),
        json!({"context": "ask for the hat size"}),
        json!({"context": SHOES, "existingFields": ["name"]}),
        json!({"context": SHOES, "existingFields": ["name", "email"]}),
        json!({"context": SHOES, "existingFields": ["email", "name"]}),
    ] {
        assert_made(&ann.client.post("/api/ai/generate-form", &body).await);
        asked += 1;
        assert_eq!(provider.requests().len(), asked);
        assert_known(&ann.client.post("/api/ai/generate-form", &body).await);
    }
    // What is the same to the model is the same here.
    assert_known(&ann.client.post("/api/ai/generate-form", &json!({"context": format!(" {SHOES}\n")})).await);
}

#[tokio::test]
async fn row_29_nobody_reads_what_another_tenant_asked() {
    let (world, provider, ann) = with(&[], vec![form()]).await;
    let bob = world.account("bob@example.com").await;
    assert_made(&ann.client.form(SHOES).await);
    assert_made(&bob.client.form(SHOES).await);
    assert_eq!(provider.requests().len(), 2);
    assert_known(&ann.client.form(SHOES).await);
    assert_known(&bob.client.form(SHOES).await);
    // And the table tells neither the question nor the answer.
    let items = world.tables().scan().table_name("EphemeralTable").send().await.unwrap();
    let cached = items.items().iter().filter(|item| item["pk"].as_s().unwrap().starts_with("C#")).collect::<Vec<_>>();
    assert_eq!(cached.len(), 2);
    for item in cached {
        let answer = String::from_utf8_lossy(item["v"].as_b().unwrap().as_ref()).into_owned();
        assert!(!answer.contains("shoe") && !format!("{item:?}").contains("shoe"));
    }
}

/// Row 31: who loses a permission is not given what was kept for those who have it, also when the token still says so.
#[tokio::test]
async fn row_31_another_role_reads_other_answers() {
    let (world, provider, ann) = with(&[], vec![form()]).await;
    assert_made(&ann.client.form(SHOES).await);
    world.set_user(&ann.id, "role", AttributeValue::S("developer".into())).await;
    // A new instance believes the table; the token's role, by which it looks ahead, is still the old one.
    world.stack.kill(FORM).await;
    assert_made(&ann.client.form(SHOES).await);
    assert_eq!(provider.requests().len(), 2);
    let (key, _) = ann.client.api_key(&["ai:use_openai"]).await;
    let program = world.client().with_token(&key);
    assert_made(&program.form(SHOES).await);
    assert_known(&program.form(SHOES).await);
}

#[tokio::test]
async fn row_46_what_the_model_did_not_answer_well_is_not_kept() {
    let refusal = ending(&json!({"content": null, "refusal": "No."}), "stop");
    let script = vec![
        whole(refusal),
        Line::Whole(400, "{}".into()),
        whole(completion(&json!({"fields": []}))),
        whole(completion(&json!({"fields": []}))),
        form(),
    ];
    let (_world, provider, ann) = with(&[], script).await;
    for (reason, requests) in [("refused", 1), ("provider_unavailable", 2), ("answer_unusable", 4)] {
        let reply = ann.client.form(SHOES).await;
        assert_eq!((&reply.body["source"], &reply.body["cached"]), (&json!("fallback"), &json!(false)));
        assert_eq!(reply.body["usage"]["reason"], reason);
        assert_eq!(provider.requests().len(), requests);
    }
    assert_made(&ann.client.form(SHOES).await);
    assert_known(&ann.client.form(SHOES).await);
    assert_eq!(provider.requests().len(), 5);
}

#[tokio::test]
async fn caching_can_be_switched_off() {
    let (world, provider, ann) = with(&[("ENABLE_AI_CACHING", "false")], vec![form()]).await;
    assert_made(&ann.client.form(SHOES).await);
    world.stack.clear_dynamodb_calls();
    assert_made(&ann.client.form(SHOES).await);
    assert_eq!(provider.requests().len(), 2);
    assert_eq!(world.operations(FORM), ["UpdateItem", "UpdateItem", "TransactWriteItems"]);
}

/// Row 65: a herd asks for one thing, and one of it asks the provider.
#[tokio::test]
async fn row_65_a_hundred_identical_requests_are_one_call() {
    let settings = [("AI_RATE_LIMIT_MAX_REQUESTS", "300")];
    let (_world, provider, ann) = with(&settings, vec![form()]).await;
    let herd: Vec<_> = (0..100)
        .map(|_| {
            let client = ann.client.clone();
            tokio::spawn(async move {
                // A machine that starts so many processes at once may be too busy to count a request: then it is sent
                // again, as the answer says.
                for _ in 0..5 {
                    let reply = client.form(SHOES).await;
                    if reply.code() != "UNAVAILABLE" {
                        return reply;
                    }
                }
                panic!("the machine is too busy")
            })
        })
        .collect();
    let mut known = 0;
    for reply in herd {
        let reply = reply.await.unwrap();
        if reply.body["cached"] == true {
            assert_known(&reply);
            known += 1;
        } else {
            assert_made(&reply);
        }
    }
    assert_eq!((provider.requests().len(), known), (1, 99));
    let usage = ann.client.get("/api/usage").await.body;
    let line = &usage["lines"][0];
    // A note that DynamoDB answered too late is made again, and may then count twice: it is statistics, not money.
    assert!(line["calls"] == 1 && line["cacheHits"].as_u64() >= Some(99), "{usage}");
    assert_eq!((&usage["reserved"], &usage["unconfirmed"]), (&json!(0.0), &json!(0.0)), "{usage}");
    assert_eq!(usage["budgets"][0]["used"], usage["spent"], "nothing is left reserved: {usage}");
}

/// Rows 49 and 65: each of a herd puts money aside while it finds out whose turn it is. Those who find that it is not
/// theirs give it back, and nobody is refused for want of it.
#[tokio::test]
async fn row_49_a_herd_at_a_cap_for_one_call_is_served() {
    // The worst case of one call is some 0.005 USD.
    let (_world, provider, ann) = with(&[("BUDGET_USER_DAY", "0.006")], vec![form()]).await;
    let herd = (0..12).map(|_| {
        let client = ann.client.clone();
        tokio::spawn(async move { client.form(SHOES).await })
    });
    for reply in herd.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        assert_eq!((reply.status, &reply.body["source"]), (200, &json!("openai")), "{}", reply.text);
    }
    assert_eq!(provider.requests().len(), 1);
}

/// Rows 62 and 65: the holder dies while the provider works; of those who ask then, one takes over.
#[tokio::test]
async fn row_65_of_those_who_wait_for_a_dead_holder_one_takes_over() {
    let (world, provider, ann) = with(&[], vec![Line::Slow, form()]).await;
    let client = ann.client.clone();
    let holder = tokio::spawn(async move { client.form(SHOES).await });
    while provider.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    world.stack.kill(FORM).await;
    assert_eq!(holder.await.unwrap().status, 502);
    let waiters: Vec<_> = (0..8)
        .map(|_| {
            let client = ann.client.clone();
            tokio::spawn(async move { client.form(SHOES).await })
        })
        .collect();
    let mut made = 0;
    for reply in waiters {
        let reply = reply.await.unwrap();
        assert_eq!((reply.status, &reply.body["source"]), (200, &json!("openai")), "{}", reply.text);
        made += usize::from(reply.body["cached"] == false);
    }
    assert_eq!((made, provider.requests().len()), (1, 2));
}

/// Row 59: what DynamoDB does not answer costs a repetition at most, and nobody an answer.
#[tokio::test]
async fn row_59_a_cache_that_hesitates_is_not_noticed() {
    let (world, provider, ann) = with(&[], vec![form()]).await;
    assert_made(&ann.client.form("ask for the hat size").await);
    let hit = |fault, operation: &str| {
        world.stack.dynamodb_fault(Rule::new(fault).function(FORM).operation(operation).times(1));
    };
    for (n, (fault, operation)) in
        [(Fault::LoseAnswer, "PutItem"), (Fault::Throttling, "PutItem"), (Fault::InternalServerError, "GetItem")]
            .into_iter()
            .enumerate()
    {
        hit(fault, operation);
        let question = format!("{SHOES}, form {n}");
        assert_made(&ann.client.form(&question).await);
        world.stack.end_faults();
        assert_known(&ann.client.form(&question).await);
        assert_eq!(provider.requests().len(), n + 2, "its own claim is recognised");
    }
    // Applied, and not answered at all: what is there tells that the claim is ours.
    hit(Fault::LoseAnswer, "PutItem");
    world.stack.dynamodb_fault(Rule::new(Fault::Dark).function(FORM).operation("PutItem"));
    assert_made(&ann.client.form("ask for the belt size").await);
    world.stack.end_faults();
    assert_known(&ann.client.form("ask for the belt size").await);
    // Out of reach altogether: everybody asks alone.
    world.stack.dynamodb_fault(Rule::new(Fault::Dark).function(FORM).operation("GetItem"));
    world.stack.dynamodb_fault(Rule::new(Fault::Dark).function(FORM).operation("PutItem"));
    assert_made(&ann.client.form("ask for the glove size").await);
}

/// Row 66: when the answer is there, nothing is left to do: an instance that is frozen then loses nothing.
#[tokio::test]
async fn row_66_nothing_happens_after_the_answer() {
    let (world, provider, ann) = with(&[], vec![form(), Line::Whole(400, "{}".into())]).await;
    // Made, known, and failed.
    for question in [SHOES, SHOES, "ask for the hat size"] {
        assert_eq!(ann.client.form(question).await.status, 200);
        let (calls, requests) = (world.operations(FORM), provider.requests().len());
        // Whatever were left would be done by an instance that goes on with something else.
        assert_eq!(ann.client.post("/api/ai/generate-form", &json!({})).await.status, 400);
        let further = world.operations(FORM).split_off(calls.len());
        assert_eq!((further, provider.requests().len()), (vec!["UpdateItem".to_owned()], requests), "the limit alone");
    }
    let usage = ann.client.get("/api/usage").await.body;
    assert_eq!(usage["reserved"], json!(0.0), "{usage}");
}

/// The calls of warm requests, how many follow one another, and what they cost: ARCHITECTURE.md has the table.
#[tokio::test]
async fn calls_rounds_and_units_are_counted() {
    let (world, _provider, ann) = with(&[], vec![form()]).await;
    // The user is known to the instance from here on, and so are rows of usage and the log.
    assert_made(&ann.client.form("ask for the hat size").await);
    let costs = || -> Vec<(String, f64)> {
        let calls = world.stack.dynamodb_calls(FORM).into_iter();
        let mut costs: Vec<_> = calls.map(|call| (call.operation, call.capacity.unwrap())).collect();
        costs.sort_by(|a, b| a.0.cmp(&b.0));
        world.stack.clear_dynamodb_calls();
        costs
    };
    let cost = |operation: &str, units: f64| (operation.to_owned(), units);
    // Each two of these calls meet, or the request fails: nothing that is sent after an answer meets what came before.
    let meet = |calls: usize| world.stack.dynamodb_fault(Rule::new(Fault::Meet).function(FORM).times(calls));
    world.stack.clear_dynamodb_calls();

    // A miss: the limit beside the cache; the claim beside the reservation; after the provider, the books beside the
    // cache. Three rounds.
    meet(6);
    assert_made(&ann.client.form(SHOES).await);
    world.stack.end_faults();
    let miss = [
        cost("GetItem", 0.5),
        cost("PutItem", 1.0),
        cost("TransactWriteItems", 4.0),
        cost("UpdateItem", 1.0),
        cost("UpdateItem", 1.0),
        cost("UpdateItem", 1.0),
    ];
    assert_eq!(costs(), miss);

    // Known to the instance: the limit, and the note of what was saved. Two rounds.
    assert_known(&ann.client.form(SHOES).await);
    assert_eq!(costs(), [cost("UpdateItem", 1.0), cost("UpdateItem", 1.0)]);

    // Known to the table: the limit beside the cache; the note. Two rounds. A new instance, warmed by another question.
    world.stack.kill(FORM).await;
    assert_known(&ann.client.form("ask for the hat size").await);
    costs();
    meet(2);
    assert_known(&ann.client.form(SHOES).await);
    world.stack.end_faults();
    assert_eq!(costs(), [cost("GetItem", 0.5), cost("UpdateItem", 1.0), cost("UpdateItem", 1.0)]);
}
