//! What rooms cost: calls, rounds, units and posts. ARCHITECTURE.md lists what is asserted here.

use std::collections::HashMap;

use aura_local::{Call, DynamoDbFault as Fault, DynamoDbRule as Rule};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::socket::{Document, Socket};
use crate::world::World;

/// Operations of a function since the last look, by name.
fn calls(world: &World, function: &str) -> Vec<String> {
    let mut calls = world.operations(function);
    calls.sort_unstable();
    calls
}

/// Units of a function's calls: written and read.
fn units(world: &World, function: &str) -> (f64, f64) {
    let calls = world.stack.dynamodb_calls(function);
    let writes = |call: &&Call| ["PutItem", "UpdateItem", "DeleteItem"].contains(&call.operation.as_str());
    let sum = |calls: Vec<&Call>| calls.iter().filter_map(|call| call.capacity).sum();
    (sum(calls.iter().filter(writes).collect()), sum(calls.iter().filter(|call| !writes(call)).collect()))
}

/// What a cold change asks for: connection, session, access and log at once; then the entry beside the connections.
const COLD: [&str; 6] = ["BatchGetItem", "GetItem", "GetItem", "PutItem", "Query", "Query"];

/// Ends the instances, and lets the next change go on only if its first reading of the log meets another call of the
/// first round, a different one for each `n`, and its second the entry: two rounds, or it never ends.
async fn cold(world: &World, function: &str, n: u64) {
    world.stack.end_faults();
    world.stack.kill(function).await;
    world.stack.clear_dynamodb_calls();
    let meet = |operation: &str| Rule::new(Fault::Meet).function(function).operation(operation);
    let other = match n % 3 {
        0 => meet("BatchGetItem"),
        1 => meet("GetItem"),
        _ => meet("GetItem").skip(1),
    };
    for rule in [meet("Query").times(2), meet("PutItem").times(1), other.times(1)] {
        world.stack.dynamodb_fault(rule);
    }
}

/// One round with a warm head, two without; a post to each of the others, and to nobody else.
#[tokio::test]
async fn an_edit_takes_one_round_or_two() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut a = world.enter(&ann, &room, "json", "a").await;
    let mut yjs = world.enter(&ann, &room, "yjs", "b").await;
    let mut others = [world.enter(&ann, &room, "json", "c").await, world.enter(&ann, &room, "json", "d").await];
    for n in 1..=2 {
        a.insert(n, n - 1, 0, "x").await;
    }
    for socket in others.iter_mut().chain([&mut yjs, &mut a]) {
        socket.heard(&world).await;
    }

    // Warm: what is written and what is read are one round, or neither would go on.
    world.stack.clear_dynamodb_calls();
    world.stack.dynamodb_fault(Rule::new(Fault::Meet).function("edit"));
    a.insert(3, 2, 0, "x").await;
    assert_eq!(calls(&world, "edit"), ["PutItem", "Query"]);
    assert_eq!(units(&world, "edit"), (1.0, 1.0));
    for socket in &mut others {
        let heard = socket.heard(&world).await;
        assert_eq!(heard.iter().map(|frame| &frame["type"]).collect::<Vec<_>>(), ["patch"], "{heard:?}");
    }
    assert_eq!(yjs.heard(&world).await.len(), 1);
    assert_eq!(a.heard(&world).await, Vec::<Value>::new());

    // Cold: an instance that knows neither connection nor room.
    for n in 4..=6 {
        cold(&world, "edit", n).await;
        a.insert(n, n - 1, 0, "x").await;
        assert_eq!(calls(&world, "edit"), COLD);
    }
    assert_eq!(world.text(&ann, &room).await, "xxxxxx");
}

#[tokio::test]
async fn an_update_costs_as_much() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut a = Socket::program(&world, &ann, &room).await;
    let mut document = Document::of(&a.join("yjs", "a").await);
    let mut send = async |n: u64| {
        let update = json!({ "action": "update", "n": n, "u": document.insert(0, "x") });
        a.ask(&update, "ack").await
    };
    for n in 1..=2 {
        send(n).await;
    }
    world.stack.clear_dynamodb_calls();
    world.stack.dynamodb_fault(Rule::new(Fault::Meet).function("update"));
    send(3).await;
    assert_eq!(calls(&world, "update"), ["PutItem", "Query"]);
    for n in 4..=6 {
        cold(&world, "update", n).await;
        send(n).await;
        assert_eq!(calls(&world, "update"), COLD);
    }
}

#[tokio::test]
async fn the_other_messages_cost_little() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "text").await;
    let mut a = Socket::program(&world, &ann, &room).await;
    // Joining reads access twice, around the record; log, text and connections once.
    for (kind, reads) in [
        ("yjs", vec!["BatchGetItem", "GetItem", "GetItem", "PutItem", "PutItem", "Query", "Query"]),
        ("json", vec!["GetItem", "GetItem", "PutItem", "Query", "Query"]),
    ] {
        let mut socket = Socket::program(&world, &ann, &room).await;
        world.stack.clear_dynamodb_calls();
        socket.join(kind, kind).await;
        assert_eq!(calls(&world, "join"), reads, "{kind}");
    }
    a.join("json", "a").await;
    let rev = world.text(&ann, &room).await.len() as u64 / 4;
    for (action, function, expected) in [
        (json!({ "action": "presence", "clock": 1 }), "presence", vec!["Query"]),
        (json!({ "action": "heartbeat", "rev": rev }), "heartbeat", vec!["GetItem", "Query"]),
        (json!({ "action": "pull", "from": rev + 1 }), "pull", vec!["GetItem", "Query", "Query"]),
    ] {
        // The first one reads the session too.
        a.tell(&action).await;
        a.heard(&world).await;
        world.stack.clear_dynamodb_calls();
        a.tell(&action).await;
        a.heard(&world).await;
        assert_eq!(calls(&world, function), expected, "{function}");
    }
    world.stack.clear_dynamodb_calls();
    Socket::program(&world, &ann, &room).await;
    assert_eq!(calls(&world, "connect"), ["GetItem"]);
}

/// The entries of all logs.
async fn entries(world: &World) -> Vec<HashMap<String, AttributeValue>> {
    let items = world.tables().scan().table_name("RoomsTable").send().await.unwrap().items.unwrap();
    items.into_iter().filter(|item| item["sk"].as_s().unwrap().starts_with("L#")).collect()
}

/// Makes them of long ago.
async fn grow_old(world: &World) {
    for item in entries(world).await {
        let request = world.tables().update_item().table_name("RoomsTable");
        let request = request.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        let request = request.update_expression("SET #t = :old").expression_attribute_names("#t", "t");
        request.expression_attribute_values(":old", AttributeValue::N("1000".into())).send().await.unwrap();
    }
}

/// Nobody asks for it: whoever writes into a log that is long has it made shorter.
#[tokio::test]
async fn writing_makes_a_long_log_shorter() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let text = "0123456789".repeat(20_000);
    let room = world.room(&ann, &text).await;
    let mut a = world.enter(&ann, &room, "json", "a").await;
    let word = "x".repeat(2_000);
    let mut n = 0;
    // The log's first entry is the first text; the writer of each fiftieth looks how long it is.
    while entries(&world).await.len() < 49 {
        n += 1;
        a.insert(n, n, 0, &word).await;
    }
    grow_old(&world).await;
    assert_eq!(world.operations("compact-room"), Vec::<String>::new());
    n += 1;
    a.insert(n, n, 0, &word).await;
    world.stack.quiet().await.unwrap();
    let left = entries(&world).await.len();
    assert!(left < 50, "{left} entries are left; {:?}", world.stack.logs("compact-room"));
    assert_eq!(world.text(&ann, &room).await, word.repeat(49) + &text);
    let mut b = Socket::program(&world, &ann, &room).await;
    assert_eq!(b.join("json", "b").await["rev"], 50);
}

/// A joiner reads the snapshot and what came after it, once; the log before it is gone.
#[tokio::test]
async fn a_joiner_reads_the_snapshot_and_the_tail() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let text = "0123456789".repeat(20_000);
    let room = world.room(&ann, &text).await;
    let mut a = world.enter(&ann, &room, "json", "a").await;
    for n in 1..=3 {
        a.insert(n, n, 0, "x").await;
    }
    let compact = async || {
        let done = world.stack.invoke("compact-room", json!({ "room": room })).await;
        assert!(done.is_ok(), "{done:?} {:?}", world.stack.logs("compact-room"));
    };
    // What is young stays: an instance may still believe in the log's end as it was.
    compact().await;
    a.ask(&json!({ "action": "heartbeat", "rev": 0 }), "behind").await;
    assert_eq!(entries(&world).await.len(), 4);
    grow_old(&world).await;
    compact().await;
    compact().await;
    let left = entries(&world).await;
    assert!((1..4).contains(&left.len()), "{} entries", left.len());
    assert!(world.stack.logs("compact-room").iter().all(|line| !line.contains("ERROR")));

    world.stack.kill("join").await;
    let mut b = Socket::program(&world, &ann, &room).await;
    world.stack.clear_dynamodb_calls();
    let welcome = b.join("yjs", "b").await;
    assert!(welcome["state"]["url"].is_string(), "{welcome}");
    let queries = world.stack.dynamodb_calls("join").into_iter().filter(|call| call.operation == "Query");
    let read: f64 = queries.filter_map(|call| call.capacity).sum();
    // 200 KB of text, once: 50 units of 4 KB.
    assert!((50.0..60.0).contains(&read), "{read} units");
    assert_eq!(world.text(&ann, &room).await, format!("xxx{text}"));
    b.ask(&json!({ "action": "pull", "from": 1 }), "snapshot").await;
    // Whoever edits a text that is no longer kept hears where the text is now; an instance that has it still knows better.
    world.stack.kill("edit").await;
    let nack = a.refused(&crate::socket::insertion(9, 0, 0, "x"), "stale_base").await;
    assert_eq!((&nack["rev"], nack.get("text")), (&welcome["rev"], None));
}
