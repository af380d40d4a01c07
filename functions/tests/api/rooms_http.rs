//! Rooms over HTTP: who may enter, and as what.

use serde_json::{Value, json};

use crate::socket::{ORIGIN, Socket};
use crate::world::World;

#[tokio::test]
async fn a_room_from_making_to_deleting() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let made = ann.client.post("/api/rooms", &json!({ "name": " Minutes ", "text": "Monday 🙂\n" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let room = made.body["roomId"].as_str().unwrap();
    assert_eq!((&made.body["name"], &made.body["role"]), (&json!("Minutes"), &json!("owner")));
    let bare = ann.client.post("/api/rooms", &json!({})).await;
    assert_eq!((bare.status, &bare.body["name"]), (201, &json!("Untitled")));

    let snapshot = ann.client.get(&format!("/api/rooms/{room}/snapshot")).await;
    assert_eq!(snapshot.body["text"], "Monday 🙂\n");
    assert_eq!((&snapshot.body["rev"], &snapshot.body["role"]), (&json!(1), &json!("owner")));

    let listed = ann.client.get("/api/rooms").await;
    let mut ids: Vec<_> = listed.body["rooms"].as_array().unwrap().iter().map(|room| &room["roomId"]).collect();
    ids.sort_by_key(|id| id.as_str());
    let mut both = [&made.body["roomId"], &bare.body["roomId"]];
    both.sort_by_key(|id| id.as_str());
    assert_eq!(ids, both);
    assert!(listed.body.get("next").is_none());
    let after = ann.client.get(&format!("/api/rooms?after={}", both[0].as_str().unwrap())).await;
    assert_eq!(after.body["rooms"].as_array().unwrap().len(), 1);
    ann.client.get("/api/rooms?after=x").await.assert_problem(400, "INVALID_REQUEST");

    let path = format!("/api/rooms/{room}");
    assert_eq!(ann.client.delete(&path).await.body, json!({ "success": true }));
    ann.client.delete(&path).await.assert_problem(404, "NOT_FOUND");
    ann.client.get(&format!("{path}/snapshot")).await.assert_problem(404, "NOT_FOUND");
    ann.client.post(&format!("{path}/ticket"), &json!({})).await.assert_problem(404, "NOT_FOUND");
    assert_eq!(ann.client.get("/api/rooms").await.body["rooms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_room_is_made_once_for_a_key() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let make = async || {
        let request = ann.client.request("POST", "/api/rooms").header("idempotency-key", "k1");
        let reply = request.json(&json!({ "text": "once" })).send().await.unwrap();
        reply.json::<Value>().await.unwrap()["roomId"].clone()
    };
    assert_eq!(make().await, make().await);
    assert_eq!(ann.client.get("/api/rooms").await.body["rooms"].as_array().unwrap().len(), 1);
    for body in [json!({ "name": "" }), json!({ "owner": "x" }), json!({ "text": 5 }), json!({ "name": "a\u{202e}" })] {
        ann.client.post("/api/rooms", &body).await.assert_problem(400, "INVALID_REQUEST");
    }
    let long = json!({ "text": "x".repeat(400_000) });
    ann.client.post("/api/rooms", &long).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn roles_are_given_by_owners() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let eve = world.account("eve@example.com").await;
    let room = world.room(&ann, "x").await;
    let member = |id: &str| format!("/api/rooms/{room}/members/{id}");
    world.invite(&ann, &room, &bob, "editor").await;
    assert_eq!(bob.client.get("/api/rooms").await.body["rooms"][0]["role"], "editor");
    assert_eq!(bob.client.get("/api/rooms").await.body["rooms"][0]["name"], "Minutes");
    // Members who are no owners give nothing and delete nothing, but may leave for good.
    bob.client
        .put(&member(&eve.id), &json!({ "role": "viewer" }))
        .await
        .assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    bob.client.put(&member(&bob.id), &json!({ "role": "owner" })).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    bob.client.delete(&format!("/api/rooms/{room}")).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    let left = bob.client.put(&member(&bob.id), &json!({ "role": null })).await;
    assert_eq!(left.body, json!({ "userId": bob.id, "role": null }), "{}", left.text);
    assert_eq!(bob.client.get("/api/rooms").await.body["rooms"], json!([]));
    // A room always has an owner.
    for role in [json!("viewer"), json!("owner"), Value::Null] {
        ann.client.put(&member(&ann.id), &json!({ "role": role })).await.assert_problem(409, "OWN_ROLE");
    }
    ann.client.put(&member(&"0".repeat(32)), &json!({ "role": "editor" })).await.assert_problem(404, "NOT_FOUND");
    for body in [json!({}), json!({ "role": "king" }), json!({ "role": "editor", "x": 1 })] {
        ann.client.put(&member(&bob.id), &body).await.assert_problem(400, "INVALID_REQUEST");
    }
}

/// Two owners who remove each other at the same moment: one of them stays.
#[tokio::test]
async fn a_room_keeps_an_owner() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    for _ in 0..4 {
        let room = world.room(&ann, "").await;
        world.invite(&ann, &room, &bob, "owner").await;
        let (by_ann, by_bob) =
            (format!("/api/rooms/{room}/members/{}", bob.id), format!("/api/rooms/{room}/members/{}", ann.id));
        let gone = json!({ "role": null });
        let (first, second) = tokio::join!(ann.client.put(&by_ann, &gone), bob.client.put(&by_bob, &gone));
        let done = [&first, &second].iter().filter(|reply| reply.status == 200).count();
        assert_eq!(done, 1, "{} {}", first.text, second.text);
    }
}

#[tokio::test]
async fn row_27_rooms_of_strangers_are_not_found() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let eve = world.account("eve@example.com").await;
    let room = world.room(&ann, "secret").await;
    for id in [room.as_str(), "0123456789abcdef0123456789abcdef", "nonsense", "..%2f..", "%00"] {
        let path = format!("/api/rooms/{id}");
        eve.client.delete(&path).await.assert_problem(404, "NOT_FOUND");
        eve.client.get(&format!("{path}/snapshot")).await.assert_problem(404, "NOT_FOUND");
        eve.client.post(&format!("{path}/ticket"), &json!({})).await.assert_problem(404, "NOT_FOUND");
        let member = format!("{path}/members/{}", eve.id);
        eve.client.put(&member, &json!({ "role": "owner" })).await.assert_problem(404, "NOT_FOUND");
    }
    // Nor do they connect with a ticket of another room, or by naming this one.
    let own = world.room(&eve, "").await;
    let bearer = format!("Bearer {}", eve.token);
    let url = format!("{}?room={room}", world.stack.websocket());
    assert_eq!(Socket::open(&url, &[("authorization", &bearer)]).await.err(), Some(403));
    let mut socket = Socket::program(&world, &eve, &own).await;
    let join = json!({ "action": "join", "room": room, "kind": "json", "session": "s" });
    socket.refused(&join, "bad_request").await;
    let ticket = eve.client.post(&format!("/api/rooms/{own}/ticket"), &json!({})).await;
    let protocols = format!("aura.v1, {}", ticket.body["ticket"].as_str().unwrap());
    // The room in the query is for programs: the ticket's own counts.
    let headers = [("sec-websocket-protocol", protocols.as_str()), ("origin", ORIGIN)];
    let mut socket = Socket::open(&url, &headers).await.unwrap();
    socket.refused(&join, "bad_request").await;
    assert_eq!(socket.join("json", "s").await["state"]["text"], "");
}
