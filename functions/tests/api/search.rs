//! Indexing, searching and deleting over HTTP, with the built-in store and no key at all.

use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::tokens::claims;
use crate::world::{Reply, Session, World};

pub const INDEX: &str = "/api/ai/index-documents";
pub const SEARCH: &str = "/api/ai/search";
pub const DOCUMENTS: &str = "/api/ai/documents";

pub fn ferries() -> Value {
    json!([
        {"id": "ferries", "title": "Ferries", "content": "The ferry to the island leaves at noon. It returns in the evening.",
         "metadata": {"year": 2026, "open": true}, "tags": ["travel", "sea"]},
        {"id": "trains", "title": "Night trains", "content": "Sleeping cars have beds and a washbasin. Reserve weeks ahead.",
         "metadata": {"year": 2020}, "tags": ["travel"]},
        {"id": "bread", "content": "Knead the dough for ten minutes and let it rise.", "metadata": {"topic": "baking"}},
    ])
}

impl Session {
    pub async fn index(&self, documents: Value) -> Reply {
        self.client.post(INDEX, &json!({ "documents": documents })).await
    }

    pub async fn search(&self, query: &str, options: Value) -> Reply {
        self.client.post(SEARCH, &json!({"query": query, "options": options})).await
    }
}

/// The ids of the results, best first.
#[track_caller]
pub fn ids(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let results = reply.body["results"].as_array().unwrap();
    results.iter().map(|hit| hit["id"].as_str().unwrap().to_owned()).collect()
}

/// Documents and passages, as a namespace's head counts them.
async fn head(world: &World, session: &Session) -> [u64; 2] {
    let tenant = claims(&session.token)["tid"].as_str().unwrap().to_owned();
    let request = world.tables().get_item().table_name("VectorsTable");
    let request =
        request.key("pk", AttributeValue::S(format!("V#{tenant}#default"))).key("sk", AttributeValue::S("@".into()));
    let item = request.send().await.unwrap().item.unwrap();
    ["docs", "passages"].map(|name| item[name].as_n().unwrap().parse().unwrap())
}

#[track_caller]
pub fn assert_report(reply: &Reply, indexed: usize, skipped: usize) {
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.body, json!({"success": true, "indexed": indexed, "skipped": skipped, "failed": []}));
}

#[tokio::test]
async fn what_was_indexed_is_found_and_shown() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    assert_report(&ann.index(ferries()).await, 3, 0);
    let found = ann.search("when do ferries leave?", json!({"explain": true, "topK": 2})).await;
    assert_eq!(ids(&found)[0], "ferries");
    let body = &found.body;
    assert_eq!(
        (&body["intent"], &body["source"], &body["cached"]),
        (&json!("question"), &json!("embedded"), &json!(false))
    );
    assert_eq!(
        (&body["enhancedQuery"], &body["totalResults"]),
        (&json!("when do ferries leave?"), &json!(ids(&found).len()))
    );
    let hit = &body["results"][0];
    assert_eq!(
        (&hit["title"], &hit["metadata"]["tags"], &hit["metadata"]["year"]),
        (&json!("Ferries"), &json!(["travel", "sea"]), &json!(2026))
    );
    assert_eq!(
        hit["highlights"][0],
        json!({"text": "The ferry to the island leaves at noon.", "spans": [{"start": 4, "end": 9}, {"start": 24, "end": 30}]})
    );
    let number = |value: &Value| value.as_f64().unwrap();
    let parts = &hit["parts"];
    assert_eq!((number(&parts["semanticWeight"]), number(&parts["keywordWeight"])), (0.75, 0.25));
    let sum = 0.75 * number(&parts["semantic"]) + 0.25 * number(&parts["keyword"]);
    assert!((sum - number(&hit["score"])).abs() < 1e-3 && sum > 0.0 && sum <= 1.0, "{hit}");

    let again = ann.search("when do ferries leave?", json!({"explain": true, "topK": 2})).await;
    assert_eq!((&again.body["cached"], &again.body["results"]), (&json!(true), &body["results"]));
    assert_report(&ann.index(json!([{"id": "b", "content": "Ferries leave."}])).await, 1, 0);
    let fresh = ann.search("when do ferries leave?", json!({"topK": 1})).await;
    assert_eq!((ids(&fresh), &fresh.body["cached"]), (vec!["b".to_owned()], &json!(false)), "the namespace changed");
}

#[tokio::test]
async fn filters_namespaces_and_deletions() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    assert_report(&ann.index(ferries()).await, 3, 0);
    let travel = |filter: Value| ann.search("travel by ferry, train or bread dough", json!({"filter": filter}));
    let mut found = ids(&travel(json!({"tags": "travel"})).await);
    found.sort_unstable();
    assert_eq!(found, ["ferries", "trains"]);
    assert_eq!(ids(&travel(json!({"year": {"$gt": 2020}})).await), ["ferries"]);
    assert_eq!(
        ids(&travel(
            json!({"$or": [{"topic": "baking"}, {"year": 2020}], "open": {"$exists": false}, "tags": {"$ne": "travel"}})
        )
        .await),
        ["bread"]
    );
    travel(json!({"year": {"$regex": "x"}})).await.assert_problem(400, "INVALID_REQUEST");
    assert!(ids(&ann.search("ferry", json!({"namespace": "other"})).await).is_empty());

    let delete = |body: Value| {
        let client = ann.client.clone();
        async move { client.delete_with(DOCUMENTS, &body).await }
    };
    let gone = delete(json!({"ids": ["ferries", "nothing"]})).await;
    assert_eq!((gone.status, &gone.body), (200, &json!({"success": true, "deleted": 1})), "{}", gone.text);
    assert!(!ids(&travel(json!({"tags": "travel"})).await).contains(&"ferries".to_owned()));
    assert_eq!(delete(json!({"filter": {"topic": "baking"}})).await.body["deleted"], 1);
    assert_eq!(delete(json!({"filter": {"topic": "baking"}})).await.body["deleted"], 0);
    assert_eq!(delete(json!({"all": true})).await.body["deleted"], 1);
    assert!(ids(&ann.search("night train", json!({})).await).is_empty());
    assert_report(&ann.index(ferries()).await, 3, 0);
    assert_eq!(ids(&ann.search("night train", json!({"topK": 1})).await), ["trains"]);
    for wrong in
        [json!({}), json!({"ids": []}), json!({"ids": ["a"], "all": true}), json!({"all": false}), json!({"ids": [""]})]
    {
        delete(wrong).await.assert_problem(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn what_did_not_change_costs_nothing_and_flaws_are_told_one_by_one() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    assert_report(&ann.index(ferries()).await, 3, 0);
    let before = world.operations("index-documents").len();
    assert_report(&ann.index(ferries()).await, 0, 3);
    let operations = world.operations("index-documents").split_off(before);
    let expected = ["UpdateItem", "GetItem", "BatchGetItem"];
    assert_eq!(operations, expected, "a limit, a head and the documents' fingerprints");
    let mut documents = ferries();
    documents[0]["metadata"]["year"] = json!(2027);
    documents[1]["metadata"]["bad"] = json!(null);
    documents[2]["content"] = json!("x".repeat(100_001));
    documents.as_array_mut().unwrap().push(json!({"id": "ferries", "content": "Twice."}));
    let reply = ann.index(documents).await;
    assert_eq!(
        (reply.status, &reply.body["success"], &reply.body["indexed"]),
        (200, &json!(false), &json!(1)),
        "{}",
        reply.text
    );
    let failed: Vec<_> = reply.body["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| (f["id"].as_str().unwrap(), f["code"].as_str().unwrap()))
        .collect();
    assert_eq!(failed, [("trains", "INVALID_METADATA"), ("bread", "INVALID_CONTENT"), ("ferries", "DUPLICATE_ID")]);
    ann.index(json!([])).await.assert_problem(400, "INVALID_REQUEST");
    ann.index(json!([{"id": "a", "content": "b", "tenant": "c"}])).await.assert_problem(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn long_documents_are_found_by_any_part_and_put_together() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let filler = |topic: &str| {
        (0..30).map(|n| format!("Sentence {n} of the part about {topic} says little. ")).collect::<String>()
    };
    let content =
        format!("{}{}{}", filler("harbours"), "The lighthouse keeper plays the bassoon. ", filler("mountains"));
    assert_report(
        &ann.index(json!([{"id": "long", "content": content}, {"id": "short", "content": "Something else."}])).await,
        2,
        0,
    );
    for query in ["bassoon", "harbours sentence", "mountains sentence"] {
        let found = ann.search(query, json!({"topK": 1})).await;
        assert_eq!(ids(&found), ["long"], "{query}");
        let shown = found.body["results"][0]["content"].as_str().unwrap();
        for part in shown.split("\n[...]\n") {
            assert!(content.contains(part), "what is shown is the document's own text");
        }
    }
    let found = ann.search("lighthouse keeper bassoon", json!({"topK": 1})).await;
    assert_eq!(found.body["results"][0]["highlights"][0]["text"], "The lighthouse keeper plays the bassoon.");
}

/// Rows 27 and 28: nothing in a request leads to another tenant's documents.
#[tokio::test]
async fn row_28_nobody_finds_or_deletes_what_is_not_theirs() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    assert_report(&ann.index(ferries()).await, 3, 0);
    assert!(ids(&bob.search("ferry to the island", json!({})).await).is_empty());
    let tenant = claims(&ann.token)["tid"].as_str().unwrap().to_owned();
    for namespace in
        [format!("{tenant}.default"), format!("#{tenant}"), "../default".to_owned(), format!("V#{tenant}#default")]
    {
        bob.search("ferry", json!({"namespace": namespace})).await.assert_problem(400, "INVALID_REQUEST");
    }
    assert!(ids(&bob.search("ferry", json!({"namespace": tenant})).await).is_empty());
    for extra in ["tenant", "tid", "userId", "user"] {
        let reply = bob.client.post(SEARCH, &json!({"query": "ferry", extra: tenant})).await;
        reply.assert_problem(400, "INVALID_REQUEST");
    }
    let everything = json!({"_aura_epoch": {"$gte": 0}});
    assert!(ids(&bob.search("ferry", json!({"filter": everything})).await).is_empty());
    for body in [json!({"ids": ["ferries"]}), json!({"filter": {"year": {"$gt": 0}}}), json!({"all": true})] {
        assert_eq!(bob.client.delete_with(DOCUMENTS, &body).await.body["deleted"], 0);
    }
    assert_eq!(ids(&ann.search("ferry to the island", json!({"topK": 1})).await), ["ferries"]);
}

/// Row 62: wherever a call that indexes dies, sending it again indexes every document once.
#[tokio::test]
async fn row_62_indexing_killed_at_every_call_and_sent_again() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    // A process that dies before it has an event is not noticed.
    assert_report(&ann.index(json!([{"id": "doc-0", "content": "Warm."}])).await, 1, 0);
    let mut died = 0;
    for kill in [Fault::KillBefore, Fault::KillAfter] {
        for call in 0.. {
            let round = format!("{kill:?}{call}");
            let about = |n: usize| json!({"id": format!("doc-{n}"), "content": format!("Note {n}, round {round}.")});
            let documents = json!((0..120).map(about).collect::<Vec<_>>());
            world.stack.dynamodb_fault(Rule::new(kill).function("index-documents").skip(call).times(1));
            let killed = ann.index(documents.clone()).await;
            world.stack.end_faults();
            if killed.status == 200 {
                assert!(call > 4, "limit, head, fingerprints, two transactions");
                break;
            }
            died += 1;
            assert_eq!(killed.status, 502, "{round}: {}", killed.text);
            let again = ann.index(documents).await;
            assert_eq!((again.status, &again.body["success"]), (200, &json!(true)), "{}", again.text);
            let count = |name: &str| again.body[name].as_u64().unwrap();
            assert_eq!(count("indexed") + count("skipped"), 120, "{round}");
            let found = ann.search(&round, json!({"topK": 100, "keywordWeight": 1, "enhance": false})).await;
            assert_eq!(ids(&found).len(), 100);
            assert_eq!(head(&world, &ann).await, [120, 120], "{round}: each is counted once");
        }
    }
    assert!(died >= 10, "{died}");
}

#[tokio::test]
async fn one_hiccup_of_dynamodb_is_not_noticed_by_searches() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    for fault in [Fault::Throttling, Fault::InternalServerError, Fault::LoseAnswer] {
        world
            .stack
            .dynamodb_fault(Rule::new(fault).function("index-documents").operation("TransactWriteItems").times(1));
        let documents = json!([{"id": format!("{fault:?}"), "content": format!("About {fault:?}.")}]);
        assert_report(&ann.index(documents).await, 1, 0);
        world.stack.dynamodb_fault(Rule::new(fault).function("search").operation("Query").times(1));
        assert_eq!(ids(&ann.search(&format!("{fault:?}"), json!({"topK": 1})).await), [format!("{fault:?}")]);
        world.stack.end_faults();
    }
}
