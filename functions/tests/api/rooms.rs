//! Rooms over WebSockets: every call, as clients see it.

use serde_json::{Value, json};

use crate::socket::{Document, ORIGIN, Socket, insertion};
use crate::world::World;

#[tokio::test]
async fn two_people_edit_by_positions() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let room = world.room(&ann, "ac").await;
    world.invite(&ann, &room, &bob, "editor").await;
    let mut a = Socket::program(&world, &ann, &room).await;
    let welcome = a.join("json", "tab-1").await;
    let member = json!({ "userId": ann.id, "session": "tab-1", "name": "Ann Lee" });
    assert_eq!(welcome["state"], json!({ "text": "ac" }));
    assert_eq!((&welcome["member"], &welcome["members"]), (&member, &json!([member])));
    assert_eq!((&welcome["role"], &welcome["count"], &welcome["pace"]), (&json!("owner"), &json!(1), &json!(100)));
    assert_eq!((welcome.get("clientId"), &welcome["room"]), (None, &json!(room)));
    let rev = welcome["rev"].as_u64().unwrap();

    let mut b = world.enter(&bob, &room, "json", "tab-1").await;
    assert_eq!(a.hear("user-joined").await["member"]["userId"], bob.id.as_str());
    let ack = a.insert(1, rev, 1, "b").await;
    assert_eq!((&ack["rev"], &ack["patch"]["ops"][0]["content"]), (&json!(rev + 1), &json!("b")));
    let op = json!({ "type": "insert", "position": 1, "content": "b" });
    let patch = b.hear("patch").await;
    assert_eq!(patch, json!({ "type": "patch", "from": rev, "to": rev + 1, "ops": [op], "by": member }));

    // Bob edits a text that he saw before Ann's change: it lands where he meant it.
    let ack = b.ask(&insertion(1, rev, 2, "d"), "ack").await;
    assert_eq!(ack["rev"], rev + 2);
    assert_eq!(a.hear("patch").await["ops"][0], json!({ "type": "insert", "position": 3, "content": "d" }));
    assert_eq!(world.text(&ann, &room).await, "abcd");
    // A resend gets the same answer, and changes nothing.
    assert_eq!(b.ask(&insertion(1, rev, 2, "d"), "ack").await["rev"], rev + 2);
    assert_eq!(world.text(&ann, &room).await, "abcd");

    b.tell(&json!({ "action": "leave" })).await;
    let left = a.hear("user-left").await;
    assert_eq!(left["by"], json!({ "userId": bob.id, "session": "tab-1", "name": "Ann Lee" }));
    b.refused(&json!({ "action": "pull", "from": 1 }), "not_joined").await;
    b.join("json", "tab-1").await;
    drop(b);
    a.hear("user-left").await;
}

#[tokio::test]
async fn clients_with_yjs_and_without_share_a_text() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "🙂 ").await;
    let mut a = Socket::program(&world, &ann, &room).await;
    let mut b = Socket::program(&world, &ann, &room).await;
    let mut c = Socket::program(&world, &ann, &room).await;
    let (welcome_a, welcome_b) = (a.join("yjs", "a").await, b.join("yjs", "b").await);
    let rev = c.join("json", "c").await["rev"].as_u64().unwrap();
    assert_ne!(welcome_a["clientId"], welcome_b["clientId"]);
    let (mut doc_a, mut doc_b) = (Document::of(&welcome_a), Document::of(&welcome_b));
    let u = doc_a.insert(3, "héllo");
    assert_eq!(a.ask(&json!({ "action": "update", "n": 1, "u": u }), "ack").await["rev"], rev + 1);
    let told = b.hear("update").await;
    assert_eq!((&told["rev"], &told["by"]["session"]), (&json!(rev + 1), &json!("a")));
    doc_b.apply(told["u"].as_str().unwrap());
    assert_eq!(doc_b.text(), "🙂 héllo");
    let patch = c.hear("patch").await;
    assert_eq!(patch["ops"], json!([{ "type": "insert", "position": 3, "content": "héllo" }]));
    // The one without writes, in UTF-16 units.
    let op = json!({ "type": "replace", "position": 0, "length": 2, "content": "🙃" });
    c.ask(&json!({ "action": "edit", "n": 1, "base": rev + 1, "ops": [op] }), "ack").await;
    for (socket, doc) in [(&mut a, &mut doc_a), (&mut b, &mut doc_b)] {
        doc.apply(socket.hear("update").await["u"].as_str().unwrap());
        assert_eq!(doc.text(), "🙃 héllo");
    }
    // A new page gets all of it, and one that was away only what it missed.
    let mut d = Socket::program(&world, &ann, &room).await;
    assert_eq!(Document::of(&d.join("yjs", "d").await).text(), "🙃 héllo");
    let mut e = Socket::program(&world, &ann, &room).await;
    let join = json!({ "action": "join", "kind": "yjs", "session": "e", "rev": rev + 1 });
    let missed = e.ask(&join, "welcome").await;
    assert_eq!(missed["rev"], rev + 2);
    let whole = d.ask(&json!({ "action": "pull", "from": 1 }), "batch").await;
    let length = |value: &Value| value.as_str().unwrap().len();
    assert!(length(&missed["state"]["update"]) < length(&welcome_a["state"]["update"]) + 60);
    assert_eq!(whole["updates"].as_array().unwrap().len() as u64, rev + 2);
}

#[tokio::test]
async fn what_was_missed_is_pulled() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut a = world.enter(&ann, &room, "json", "a").await;
    let mut b = world.enter(&ann, &room, "yjs", "b").await;
    for n in 1..=3 {
        a.insert(n, n - 1, 0, "x").await;
    }
    let batch = b.ask(&json!({ "action": "pull", "from": 2 }), "batch").await;
    assert_eq!((&batch["from"], &batch["to"]), (&json!(2), &json!(3)));
    assert_eq!(batch["updates"][0]["by"], json!({ "userId": ann.id, "session": "a" }));
    assert_eq!(b.ask(&json!({ "action": "pull", "from": 4 }), "batch").await["to"], 3);
    let patch = a.ask(&json!({ "action": "pull", "from": 2 }), "patch").await;
    assert_eq!((&patch["from"], &patch["to"], patch["ops"].as_array().unwrap().len()), (&json!(1), &json!(3), 2));
    b.refused(&json!({ "action": "pull", "from": 0 }), "bad_request").await;
    b.refused(&json!({ "action": "pull", "from": 1_000_000_000 }), "bad_request").await;
    // A heartbeat says only what is news.
    b.missed.clear();
    assert_eq!(b.ask(&json!({ "action": "heartbeat", "rev": 2 }), "behind").await["rev"], 3);
    b.tell(&json!({ "action": "heartbeat", "rev": 3 })).await;
    assert_eq!(b.heard(&world).await, Vec::<Value>::new());
}

#[tokio::test]
async fn presence_is_told_and_not_stored() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut a = world.enter(&ann, &room, "yjs", "a").await;
    let mut b = world.enter(&ann, &room, "json", "b").await;
    world.stack.quiet().await.unwrap();
    world.stack.clear_dynamodb_calls();
    let status = json!({ "user": { "name": "Ann", "color": "#123456" } });
    a.tell(&json!({ "action": "presence", "clock": 1, "cursor": 4, "status": status })).await;
    let told = b.hear("presence").await;
    assert_eq!((&told["clock"], &told["cursor"], &told["status"]), (&json!(1), &json!(4), &status));
    assert_eq!((&told["by"]["session"], told.get("selection")), (&json!("a"), None));
    let calls = world.operations("presence");
    assert!(calls.iter().all(|call| call == "Query" || call == "BatchGetItem"), "{calls:?}");
    a.refused(&json!({ "action": "presence", "clock": 2, "status": "x".repeat(5_000) }), "too_big").await;
}

#[tokio::test]
async fn a_session_on_two_connections_is_one_member() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut watch = world.enter(&ann, &room, "json", "watch").await;
    let old = world.enter(&ann, &room, "json", "tab").await;
    watch.hear("user-joined").await;
    let new = world.enter(&ann, &room, "json", "tab").await;
    drop(old);
    assert_eq!(watch.heard(&world).await, Vec::<Value>::new());
    // Two tabs are two sessions of one user, and hear each other.
    let mut tab = world.enter(&ann, &room, "json", "other").await;
    watch.hear("user-joined").await;
    tab.insert(1, 0, 0, "x").await;
    assert_eq!(watch.hear("patch").await["by"]["session"], "other");
    drop(new);
    assert_eq!(watch.hear("user-left").await["by"]["session"], "tab");
    // A connection keeps its session and kind.
    for (kind, session) in [("json", "third"), ("yjs", "other")] {
        tab.refused(&json!({ "action": "join", "kind": kind, "session": session }), "bad_request").await;
    }
    tab.join("json", "other").await;
}

#[tokio::test]
async fn a_browser_connects_with_a_ticket() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "hello").await;
    let made = ann.client.post(&format!("/api/rooms/{room}/ticket"), &json!({})).await;
    assert_eq!((made.status, &made.body["url"]), (200, &json!(world.stack.websocket())), "{}", made.text);
    let protocols = format!("aura.v1, {}", made.body["ticket"].as_str().unwrap());
    // The page of the API itself may connect too.
    let headers = [("sec-websocket-protocol", protocols.as_str()), ("origin", world.stack.http())];
    let mut socket = Socket::open(&world.stack.websocket(), &headers).await.unwrap();
    assert_eq!(socket.protocol.as_deref(), Some("aura.v1"));
    assert_eq!(socket.join("json", "s").await["state"]["text"], "hello");
    let (key, _) = ann.client.api_key(&["collab:join_room"]).await;
    let bearer = format!("Bearer {key}");
    let url = format!("{}?room={room}", world.stack.websocket());
    let mut program = Socket::open(&url, &[("authorization", &bearer), ("origin", ORIGIN)]).await.unwrap();
    program.join("json", "p").await;
    // A key that may join and not edit.
    program.refused(&insertion(1, 1, 0, "x"), "forbidden").await;
}

#[tokio::test]
async fn a_long_text_is_fetched() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let text = "0123456789".repeat(20_000);
    let room = world.room(&ann, &text).await;
    for kind in ["json", "yjs"] {
        let mut socket = Socket::program(&world, &ann, &room).await;
        let welcome = socket.join(kind, kind).await;
        let url = welcome["state"]["url"].as_str().unwrap();
        assert_eq!(ann.client.get(url).await.body["text"], text.as_str());
        let pulled = socket.ask(&json!({ "action": "pull", "from": 1 }), "snapshot").await;
        assert_eq!((&pulled["rev"], &pulled["url"]), (&welcome["rev"], &json!(url)));
    }
}

#[tokio::test]
async fn a_demotion_bites_on_the_next_message() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let room = world.room(&ann, "").await;
    world.invite(&ann, &room, &bob, "editor").await;
    let mut b = world.enter(&bob, &room, "json", "b").await;
    // The instance knows Bob as an editor, and the log's end.
    for n in 1..=3 {
        b.insert(n, n - 1, 0, "x").await;
    }
    world.invite(&ann, &room, &bob, "viewer").await;
    let nack = b.refused(&insertion(4, 3, 0, "x"), "forbidden").await;
    assert_eq!((&nack["n"], &nack["action"]), (&json!(4), &json!("edit")));
    assert_eq!(b.hear("role").await["role"], "viewer");
    assert_eq!(world.text(&ann, &room).await, "xxx");
    // A viewer reads, and is back as an editor at once.
    let head = b.ask(&json!({ "action": "heartbeat", "rev": 0 }), "behind").await["rev"].as_u64().unwrap();
    world.invite(&ann, &room, &bob, "editor").await;
    b.ask(&insertion(5, head, 0, "y"), "ack").await;
    // Who is removed hears it by the end of the connection, and does not come back.
    let mut a = world.enter(&ann, &room, "json", "a").await;
    let removed = ann.client.put(&format!("/api/rooms/{room}/members/{}", bob.id), &json!({ "role": null })).await;
    assert_eq!(removed.status, 200, "{}", removed.text);
    b.end().await;
    assert_eq!(a.hear("user-left").await["by"]["userId"], bob.id.as_str());
    let bearer = format!("Bearer {}", bob.token);
    let url = format!("{}?room={room}", world.stack.websocket());
    assert_eq!(Socket::open(&url, &[("authorization", &bearer)]).await.err(), Some(403));
    bob.client.get(&format!("/api/rooms/{room}/snapshot")).await.assert_problem(404, "NOT_FOUND");
}
