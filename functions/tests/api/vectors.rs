//! One contract for both stores: the same requests, the same results; and what is Pinecone's alone.

use std::collections::BTreeSet;

use aura_local::{DynamoDbFault, DynamoDbRule as Rule};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::pinecone::{Fault, KEY, Pinecone};
use crate::search::{DOCUMENTS, INDEX, assert_report, ferries, ids};
use crate::tokens::claims;
use crate::world::{Reply, Session, World};

/// A stack whose vectors are in Pinecone; with OpenAI, they are made by it, too.
async fn outside(openai: bool) -> (World, Pinecone, Session) {
    let pinecone = Pinecone::start().await;
    let base_url = format!("{}/v1", pinecone.base_url);
    let world = World::with(|builder| {
        let builder = builder.setting("PINECONE_API_KEY", KEY).setting("PINECONE_BASE_URL", &pinecone.base_url);
        let builder = builder.setting("AI_RATE_LIMIT_MAX_REQUESTS", "300");
        if openai {
            builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &base_url)
        } else {
            builder
        }
    })
    .await;
    let session = world.account("ann@example.com").await;
    (world, pinecone, session)
}

fn note(n: usize) -> Value {
    json!({"id": format!("doc-{n}"), "content": format!("Note number{n} about subject{n}."), "metadata": {"n": n}})
}

fn notes(count: usize) -> Value {
    (0..count).map(note).collect()
}

fn partition(session: &Session) -> AttributeValue {
    AttributeValue::S(format!("V#{}#default", claims(&session.token)["tid"].as_str().unwrap()))
}

/// Lets the time of all claims be over.
async fn expire_claims(world: &World, session: &Session) {
    let request =
        world.tables().query().table_name("VectorsTable").key_condition_expression("pk = :pk AND begins_with(sk, :d)");
    let request = request.expression_attribute_values(":pk", partition(session));
    let items =
        request.expression_attribute_values(":d", AttributeValue::S("D#".into())).send().await.unwrap().items.unwrap();
    for item in items.iter().filter(|item| item.contains_key("w")) {
        let request = world.tables().update_item().table_name("VectorsTable");
        let request =
            request.key("pk", item["pk"].clone()).key("sk", item["sk"].clone()).update_expression("SET til = :zero");
        request.expression_attribute_values(":zero", AttributeValue::N("0".into())).send().await.unwrap();
    }
}

/// Makes a namespace look as if its vectors were of this kind.
async fn relabel(world: &World, session: &Session, kind: &str) {
    counting(world, session, kind, 0).await;
}

/// The same, with so many passages.
async fn counting(world: &World, session: &Session, kind: &str, passages: u64) {
    let item =
        [("pk", partition(session)), ("sk", AttributeValue::S("@".into())), ("model", AttributeValue::S(kind.into()))];
    let counts = [("epoch", 0), ("docs", passages), ("passages", passages), ("ver", 1)];
    let item = item.into_iter().chain(counts.map(|(name, count)| (name, AttributeValue::N(count.to_string()))));
    let item = item.map(|(name, value)| (name.to_owned(), value)).collect();
    world.tables().put_item().table_name("VectorsTable").set_item(Some(item)).send().await.unwrap();
}

/// What both stores do the same way; what they found, for comparison.
async fn contract(ann: &Session, bob: &Session) -> Vec<(Vec<String>, Vec<f64>)> {
    let mut seen = Vec::new();
    let mut look = |reply: &Reply| {
        let scores =
            reply.body["results"].as_array().unwrap().iter().map(|hit| hit["score"].as_f64().unwrap()).collect();
        seen.push((ids(reply), scores));
    };
    let plain = |options: Value| {
        let mut options = options;
        options["enhance"] = json!(false);
        options
    };
    let delete = async |body: Value| ann.client.delete_with(DOCUMENTS, &body).await;

    assert_report(&ann.index(ferries()).await, 3, 0);
    assert_report(&ann.index(ferries()).await, 0, 3);
    for query in ["ferry to the island", "sleeping in a train", "dough", "travel", "bicycle"] {
        look(&ann.search(query, plain(json!({}))).await);
    }
    let explained = ann
        .search(
            "island ferries",
            plain(json!({"explain": true, "topK": 1, "semanticWeight": 0.5, "keywordWeight": 0.5})),
        )
        .await;
    look(&explained);
    let parts = &explained.body["results"][0]["parts"];
    for part in ["semantic", "keyword"] {
        assert!((0.05..=1.0).contains(&parts[part].as_f64().unwrap()), "{parts}");
    }
    look(&ann.search("ferry", plain(json!({"semanticWeight": 0, "keywordWeight": 1}))).await);
    look(&ann.search("ferry", plain(json!({"semanticWeight": 1, "keywordWeight": 0}))).await);

    // A filter means the same wherever it is evaluated.
    for (filter, expected) in [
        (json!({"tags": "travel"}), &["ferries", "trains"][..]),
        (json!({"tags": {"$ne": "sea"}}), &["bread", "trains"]),
        (json!({"year": {"$gte": 2020, "$lt": 2026}}), &["trains"]),
        (json!({"topic": {"$ne": "baking"}}), &["ferries", "trains"]),
        (json!({"topic": {"$nin": ["cooking", "sewing"]}}), &["bread", "ferries", "trains"]),
        (json!({"open": true}), &["ferries"]),
        (json!({"open": {"$exists": false}}), &["bread", "trains"]),
        (
            json!({"$or": [{"topic": "baking"}, {"$and": [{"year": 2020}, {"tags": {"$in": ["sea", "travel"]}}]}]}),
            &["bread", "trains"],
        ),
    ] {
        let reply = ann.search("ferry train bread", plain(json!({"filter": filter}))).await;
        let found: BTreeSet<_> = ids(&reply).into_iter().collect();
        assert_eq!(found, expected.iter().map(ToString::to_string).collect(), "{filter}");
    }

    // A document that is sent again replaces the one before, all of it.
    let long = (0..60).map(|n| format!("Sentence {n} about zebras and savannahs. ")).collect::<String>();
    assert_report(&ann.index(json!([{"id": "ferries", "content": long}])).await, 1, 0);
    let reply = ann.search("zebras", plain(json!({"topK": 5}))).await;
    assert_eq!(ids(&reply), ["ferries"], "a document is found once, whatever its passages");
    assert_report(&ann.index(json!([{"id": "ferries", "content": "Now about quokkas."}])).await, 1, 0);
    assert!(
        !ids(&ann.search("zebras savannahs", plain(json!({"keywordWeight": 1}))).await).contains(&"ferries".to_owned())
    );
    look(&ann.search("quokkas", plain(json!({"topK": 1}))).await);

    // Names and tenants are walls.
    let elsewhere =
        json!({"documents": [{"id": "ferries", "content": "Elsewhere, about narwhals."}], "namespace": "other"});
    assert_eq!(ann.client.post(INDEX, &elsewhere).await.body["indexed"], 1);
    assert_report(&bob.index(json!([{"id": "ferries", "content": "Bob's own, about walruses."}])).await, 1, 0);
    for (session, query, namespace, mine) in [
        (ann, "narwhals", "other", true),
        (ann, "narwhals", "default", false),
        (ann, "walruses", "default", false),
        (bob, "walruses", "default", true),
        (bob, "quokkas", "default", false),
        (bob, "narwhals", "other", false),
    ] {
        let reply = session.search(query, plain(json!({"namespace": namespace, "keywordWeight": 1}))).await;
        assert_eq!(ids(&reply).len(), usize::from(mine), "{query} in {namespace}");
    }

    assert_eq!(delete(json!({"ids": ["ferries", "never"]})).await.body, json!({"success": true, "deleted": 1}));
    assert_eq!(delete(json!({"filter": {"tags": "travel"}})).await.body["deleted"], 1);
    look(&ann.search("ferry train bread quokkas", plain(json!({}))).await);
    assert_eq!(delete(json!({"all": true})).await.body["deleted"], 1);
    assert!(ids(&ann.search("bread dough", plain(json!({}))).await).is_empty());
    assert_report(&ann.index(ferries()).await, 3, 0);
    look(&ann.search("bread dough", plain(json!({}))).await);
    assert_eq!(ids(&bob.search("walruses", plain(json!({}))).await), ["ferries"], "nobody else's documents went");
    seen
}

#[tokio::test]
async fn both_stores_keep_the_contract_and_find_the_same() {
    let embedded = World::start().await;
    let ann = embedded.account("ann@example.com").await;
    let bob = embedded.account("bob@example.com").await;
    let inside = contract(&ann, &bob).await;
    for openai in [false, true] {
        let (world, pinecone, ann) = outside(openai).await;
        let bob = world.account("bob@example.com").await;
        let outside = contract(&ann, &bob).await;
        assert_eq!(inside.len(), outside.len());
        for ((ids, scores), (other_ids, other_scores)) in inside.iter().zip(&outside) {
            // A model reads title and text as one; without one, a title counts more.
            if !openai {
                assert_eq!(ids, other_ids);
                let near = |(a, b): (&f64, &f64)| (a - b).abs() < 0.01;
                assert!(scores.iter().zip(other_scores).all(near), "{scores:?} {other_scores:?}");
            }
        }
        assert_eq!(pinecone.requests("/indexes").len(), 1, "an index is made once");
        assert!(pinecone.namespaces().iter().all(|name| name.len() > 33), "every namespace is a tenant's");
        let usage = ann.client.get("/api/usage").await.body;
        let models: BTreeSet<_> =
            usage["lines"].as_array().unwrap().iter().map(|line| line["model"].as_str().unwrap()).collect();
        assert!(models.contains("pinecone/write-unit") && models.contains("pinecone/read-unit"), "{usage}");
        assert_eq!(models.contains("text-embedding-3-small"), openai);
        assert_eq!((&usage["reserved"], &usage["unconfirmed"]), (&json!(0.0), &json!(0.0)));
    }
}

#[tokio::test]
async fn two_hundred_and_fifty_documents_are_three_upserts_and_then_nothing() {
    let (_world, service, ann) = outside(true).await;
    assert_report(&ann.index(notes(250)).await, 250, 0);
    let sizes: Vec<_> =
        service.requests("/vectors/upsert").iter().map(|r| r.body["vectors"].as_array().unwrap().len()).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 250);
    assert_eq!(BTreeSet::from_iter(sizes.clone()), BTreeSet::from([50, 100]), "{sizes:?}");
    assert!(service.requests("/vectors/upsert").iter().all(|request| request.bytes <= 2_000_000));
    assert_eq!(service.requests("/v1/embeddings").len(), 1);
    assert_report(&ann.index(notes(250)).await, 0, 250);
    assert_eq!((service.requests("/v1/embeddings").len(), service.requests("/vectors/upsert").len()), (1, 3));
    let mut changed = notes(250);
    changed[7]["content"] = json!("Another text.");
    assert_report(&ann.index(changed).await, 1, 249);
    assert_eq!((service.requests("/v1/embeddings").len(), service.requests("/vectors/upsert").len()), (2, 4));

    // A query's vector is paid for once, its results as long as the namespace stays as it is.
    let options = || json!({"enhance": false, "topK": 3});
    let first = ann.search("number7 subject7", options()).await;
    let second = ann.search("number7 subject7", options()).await;
    assert_eq!((&first.body["cached"], &second.body["cached"]), (&json!(false), &json!(true)));
    assert_eq!(first.body["results"], second.body["results"]);
    assert_eq!((service.requests("/v1/embeddings").len(), service.requests("/query").len()), (3, 1));
    assert_eq!(ann.client.delete_with(DOCUMENTS, &json!({"ids": ["doc-7"]})).await.body["deleted"], 1);
    assert_eq!(ann.search("number7 subject7", options()).await.body["cached"], json!(false));
    assert_eq!((service.requests("/v1/embeddings").len(), service.requests("/query").len()), (3, 2));
}

#[tokio::test]
async fn row_61_what_pinecone_fails_with_is_told_and_can_be_sent_again() {
    let (_world, service, ann) = outside(false).await;
    service.fault("/vectors/upsert", Fault::Refuse(503, "upstream connect error"));
    assert_report(&ann.index(notes(1)).await, 1, 0);
    assert_eq!(service.requests("/vectors/upsert").len(), 2, "what may pass is tried once more");
    service.fault("/vectors/upsert", Fault::LoseAnswer);
    let lost = ann.index(notes(2)).await;
    assert_eq!((lost.status, &lost.body["failed"][0]["code"]), (200, &json!("UPSTREAM_UNAVAILABLE")), "{}", lost.text);
    assert_report(&ann.index(notes(2)).await, 1, 1);
    assert_eq!(service.records().len(), 2, "what was written twice is there once");
    for (status, body) in [(401, "Invalid API Key"), (400, r#"{"code": 3, "message": "bad", "details": []}"#)] {
        service.fault("/query", Fault::Refuse(status, body));
        let refused = ann.search("number1", json!({"topK": usize::from(status > 400) + 1})).await;
        refused.assert_problem(503, "UPSTREAM_UNAVAILABLE");
        assert!(!refused.text.contains("Invalid API Key") && !refused.text.contains(KEY));
    }
    assert_eq!(ids(&ann.search("number1", json!({"topK": 1})).await), ["doc-1"]);
}

/// A claim outlives the call that died with it, for half a minute; then, or with a process that comes after it, every
/// document is indexed once.
#[tokio::test]
async fn row_62_a_writer_that_died_leaves_its_documents_busy_and_whole() {
    let (world, service, ann) = outside(false).await;
    assert_report(&ann.index(notes(3)).await, 3, 0);
    let mut changed = notes(4);
    (0..4).for_each(|n| changed[n]["content"] = json!(format!("Changed {n}.")));
    world.stack.dynamodb_fault(
        Rule::new(DynamoDbFault::KillBefore)
            .function("index-documents")
            .operation("TransactWriteItems")
            .skip(1)
            .times(1),
    );
    // The first transaction settles the upsert's bill, the second one would commit the documents.
    assert_eq!(ann.index(changed.clone()).await.status, 502);
    world.stack.end_faults();
    let busy = ann.index(changed.clone()).await;
    let codes: BTreeSet<_> =
        busy.body["failed"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap()).collect();
    assert_eq!(codes, BTreeSet::from(["DOCUMENT_BUSY"]), "{}", busy.text);
    let found = ids(&ann.search("number1 subject1", json!({"topK": 1, "enhance": false, "keywordWeight": 0.5})).await);
    assert!(found.len() <= 1);
    expire_claims(&world, &ann).await;
    assert_report(&ann.index(changed).await, 4, 0);
    assert_eq!(service.records().len(), 4);
    assert_eq!(ids(&ann.search("changed 2", json!({"topK": 1, "keywordWeight": 1})).await), ["doc-2"]);
}

#[tokio::test]
async fn a_namespace_of_another_kind_is_refused_until_it_is_deleted() {
    let (world, _service, ann) = outside(false).await;
    relabel(&world, &ann, "text-embedding-3-small embedded").await;
    ann.index(notes(1)).await.assert_problem(409, "VECTORS_DIFFER");
    ann.search("number1", json!({})).await.assert_problem(409, "VECTORS_DIFFER");
    ann.client.delete_with(DOCUMENTS, &json!({"ids": ["doc-1"]})).await.assert_problem(409, "VECTORS_DIFFER");
    assert_eq!(ann.client.delete_with(DOCUMENTS, &json!({"all": true})).await.status, 200);
    assert_report(&ann.index(notes(1)).await, 1, 0);
}

#[tokio::test]
async fn a_full_namespace_says_so_and_names_pinecone() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    counting(&world, &ann, "lexical-1 embedded", 19_998).await;
    let reply = ann.index(notes(5)).await;
    assert_eq!(
        (reply.status, &reply.body["indexed"], &reply.body["success"]),
        (200, &json!(2), &json!(false)),
        "{}",
        reply.text
    );
    let failed = reply.body["failed"].as_array().unwrap();
    assert_eq!(failed.len(), 3);
    for failed in failed {
        assert_eq!(failed["code"], "NAMESPACE_FULL");
        assert!(failed["message"].as_str().unwrap().contains("PINECONE_API_KEY"), "{failed}");
    }
    // What is there may still be replaced, and what goes makes room.
    let mut changed = notes(1);
    changed[0]["content"] = json!("Another text.");
    assert_report(&ann.index(changed).await, 1, 0);
    assert_eq!(ann.client.delete_with(DOCUMENTS, &json!({"ids": ["doc-0"]})).await.body["deleted"], 1);
    assert_report(&ann.index(json!([note(9)])).await, 1, 0);
}

#[tokio::test]
async fn row_49_without_money_nothing_is_embedded_or_written() {
    let service = Pinecone::start().await;
    let base_url = format!("{}/v1", service.base_url);
    let world = World::with(|builder| {
        let builder = builder.setting("PINECONE_API_KEY", KEY).setting("PINECONE_BASE_URL", &service.base_url);
        let builder = builder.setting("OPENAI_API_KEY", "sk-test").setting("OPENAI_BASE_URL", &base_url);
        builder.setting("BUDGET_USER_DAY", "0.0000001")
    })
    .await;
    let ann = world.account("ann@example.com").await;
    ann.index(notes(3)).await.assert_problem(402, "BUDGET_EXCEEDED");
    assert_eq!((service.requests("/v1/embeddings").len(), service.requests("/vectors/upsert").len()), (0, 0));
    let again = ann.index(notes(3)).await;
    again.assert_problem(402, "BUDGET_EXCEEDED");
}

/// Row 62 with vectors outside the table: wherever the call dies, once its claims are over every document is indexed
/// once, and no record is left that belongs to none.
#[tokio::test]
async fn row_62_indexing_into_pinecone_killed_at_every_call_and_sent_again() {
    let (world, service, ann) = outside(false).await;
    assert_report(&ann.index(notes(3)).await, 3, 0);
    let mut died = 0;
    for kill in [DynamoDbFault::KillBefore, DynamoDbFault::KillAfter] {
        for call in 0.. {
            let mut documents = notes(3);
            // The first one has several passages in every other round.
            let long = format!("Round {kill:?}{call} goes on. ").repeat(if call % 2 == 0 { 90 } else { 1 });
            documents[0]["content"] = json!(long);
            documents[1]["content"] = json!(format!("Round {kill:?}{call}, the second."));
            world.stack.dynamodb_fault(Rule::new(kill).function("index-documents").skip(call).times(1));
            let killed = ann.index(documents.clone()).await;
            world.stack.end_faults();
            if killed.status == 200 {
                assert!(call >= 8, "limit, head, rows, two claims, reserve, settle, commit");
                break;
            }
            died += 1;
            assert_eq!(killed.status, 502, "{}", killed.text);
            expire_claims(&world, &ann).await;
            let again = ann.index(documents).await;
            assert_eq!((again.status, &again.body["success"]), (200, &json!(true)), "{kill:?}{call}: {}", again.text);
            let passages = service.records().len();
            assert_eq!(
                passages,
                if call % 2 == 0 { passages.max(4) } else { 3 },
                "{kill:?}{call}: {:?}",
                service.records()
            );
            let found =
                ann.search(&format!("{kill:?}{call}"), json!({"topK": 5, "keywordWeight": 1, "enhance": false})).await;
            let found: BTreeSet<_> = ids(&found).into_iter().collect();
            assert_eq!(found, BTreeSet::from(["doc-0".to_owned(), "doc-1".to_owned()]), "{kill:?}{call}");
        }
    }
    assert!(died >= 16, "{died}");
}
