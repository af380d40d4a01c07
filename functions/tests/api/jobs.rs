//! Indexing in the background, over HTTP: 202, progress, and a worker that dies.

use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};
use serde_json::{Value, json};

use crate::search::{INDEX, ids};
use crate::world::{Reply, Session, World};

fn notes(count: usize) -> Value {
    (0..count)
        .map(|n| json!({"id": format!("doc-{n}"), "content": format!("Note number{n} about subject{n}.")}))
        .collect()
}

async fn begin(ann: &Session, documents: Value, background: bool) -> String {
    let reply = ann.client.post(INDEX, &json!({"documents": documents, "background": background})).await;
    assert_eq!(reply.status, 202, "{}", reply.text);
    reply.body["jobId"].as_str().unwrap().to_owned()
}

async fn progress(ann: &Session, job: &str) -> Reply {
    ann.client.get(&format!("/api/ai/index-jobs/{job}")).await
}

#[tokio::test]
async fn more_documents_than_a_call_takes_are_indexed_in_the_background() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let mut documents = notes(400);
    documents[3]["metadata"] = json!({"bad": null});
    let job = begin(&ann, documents, false).await;
    world.stack.quiet().await.unwrap();
    let reply = progress(&ann, &job).await;
    let expected = json!({
        "jobId": job, "status": "done", "total": 400, "done": 400, "progress": 1.0, "indexed": 399, "skipped": 0, "failedCount": 1,
        "failed": [{"id": "doc-3", "code": "INVALID_METADATA", "message": reply.body["failed"][0]["message"]}],
    });
    assert_eq!((reply.status, &reply.body), (200, &expected), "{}", reply.text);
    assert_eq!(ids(&ann.search("number77", json!({"topK": 1})).await), ["doc-77"]);

    // Again: every document is known, and a job that has nothing to do is done.
    let again = begin(&ann, notes(400), false).await;
    world.stack.quiet().await.unwrap();
    let again = progress(&ann, &again).await.body;
    assert_eq!((&again["indexed"], &again["skipped"], &again["status"]), (&json!(1), &json!(399), &json!("done")));
}

#[tokio::test]
async fn row_27_somebody_elses_job_is_not_there() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let job = begin(&ann, notes(2), true).await;
    world.stack.quiet().await.unwrap();
    assert_eq!(progress(&ann, &job).await.status, 200);
    progress(&bob, &job).await.assert_problem(404, "NOT_FOUND");
    progress(&ann, "0123456789abcdef0123456789abcdef").await.assert_problem(404, "NOT_FOUND");
    progress(&ann, "no-job").await.assert_problem(404, "NOT_FOUND");
}

/// Row 62: Lambda repeats a worker that died, and it goes on where it stopped: every document is counted once.
#[tokio::test]
async fn row_62_a_worker_that_dies_is_repeated_and_counts_once() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    for (round, (operation, skip)) in [
        ("Query", 1),
        ("TransactWriteItems", 0),
        ("TransactWriteItems", 1),
        ("TransactWriteItems", 2),
        ("UpdateItem", 0),
    ]
    .into_iter()
    .enumerate()
    {
        for kill in [Fault::KillBefore, Fault::KillAfter] {
            let mut documents = notes(120);
            (0..120).for_each(|n| documents[n]["content"] = json!(format!("Round {round}{kill:?}, note {n}.")));
            world
                .stack
                .dynamodb_fault(Rule::new(kill).function("index-worker").operation(operation).skip(skip).times(1));
            let job = begin(&ann, documents, true).await;
            world.stack.quiet().await.unwrap();
            world.stack.end_faults();
            let reply = progress(&ann, &job).await.body;
            assert_eq!(
                (&reply["status"], &reply["done"], &reply["failedCount"]),
                (&json!("done"), &json!(120), &json!(0)),
                "{operation} {skip} {kill:?}: {reply}"
            );
        }
    }
}

#[tokio::test]
async fn one_key_is_one_job() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let request = json!({"documents": notes(2), "background": true});
    let with_key = |key: &str| {
        let request = ann.client.request("POST", INDEX).header("idempotency-key", key).json(&request);
        Reply::of(request)
    };
    let first = with_key("k1").await;
    let second = with_key("k1").await;
    assert_eq!((first.status, second.status, &first.body), (202, 202, &second.body), "one job for one key");
    world.stack.quiet().await.unwrap();
}
