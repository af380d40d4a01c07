//! The WebSocket rows of the attack and fault table.

use aura::clock::Clock;
use aura_functions::socket::Endpoint;
use aura_functions::{rooms, socket_route};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::socket::{Document, ORIGIN, Socket, insertion};
use crate::world::{Session, World, now};

async fn ticket(user: &Session, room: &str) -> String {
    let made = user.client.post(&format!("/api/rooms/{room}/ticket"), &json!({})).await;
    made.body["ticket"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
}

/// Connects as a browser does; the refusal's status if there is one.
async fn browser(world: &World, ticket: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let protocols = format!("aura.v1, {ticket}");
    let mut headers = vec![("sec-websocket-protocol", protocols.as_str())];
    headers.extend(origin.map(|origin| ("origin", origin)));
    Socket::open(&world.stack.websocket(), &headers).await
}

#[tokio::test]
async fn row_52_only_our_pages_connect() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let good = ticket(&ann, &room).await;
    for origin in [
        None,
        Some("null"),
        Some("https://evil.example"),
        Some("http://localhost:3000.evil.example"),
        Some("http://evil-localhost:3000"),
        Some("https://localhost:3000"),
        Some("http://localhost:30001"),
    ] {
        assert_eq!(browser(&world, &good, origin).await.err(), Some(403), "{origin:?}");
    }
    // A program with a foreign origin is a page that found a token.
    let bearer = format!("Bearer {}", ann.token);
    let url = format!("{}?room={room}", world.stack.websocket());
    let headers = [("authorization", bearer.as_str()), ("origin", "https://evil.example")];
    assert_eq!(Socket::open(&url, &headers).await.err(), Some(403));
    // None of them used the ticket up.
    browser(&world, &good, Some(ORIGIN)).await.unwrap();
}

#[tokio::test]
async fn row_53_a_ticket_opens_once() {
    let world = World::with(|builder| builder.ttl_sweep(None)).await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let used = ticket(&ann, &room).await;
    let tries = (0..20).map(|_| browser(&world, &used, Some(ORIGIN)));
    let opened: Vec<_> = futures_util::future::join_all(tries).await;
    assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    assert!(opened.iter().filter_map(|opened| opened.as_ref().err()).all(|status| *status == 401));
    // In a URL it opens nothing.
    let other = ticket(&ann, &room).await;
    for query in [format!("ticket={other}"), format!("room={room}&token={}", ann.token), format!("room={room}")] {
        let url = format!("{}?{query}", world.stack.websocket());
        assert_eq!(Socket::open(&url, &[("origin", ORIGIN)]).await.err(), Some(401), "{query}");
    }
    for forged in ["aurawt_", "aurawt_AAAA", &other[..other.len() - 1], "e30.e30.e30"] {
        assert_eq!(browser(&world, forged, Some(ORIGIN)).await.err(), Some(401), "{forged}");
    }
    // The table holds no ticket, and no log does.
    let items = world.tables().scan().table_name("EphemeralTable").send().await.unwrap().items.unwrap();
    assert!(!format!("{items:?}").contains(&other[7..]));
    for function in ["connect", "create-room-ticket"] {
        assert!(world.stack.logs(function).iter().all(|line| !line.contains(&used) && !line.contains(&other)));
    }
    // One that is too old opens nothing, also before it is deleted.
    for item in items.into_iter().filter(|item| item["pk"].as_s().unwrap().starts_with("T#")) {
        let request = world.tables().update_item().table_name("EphemeralTable");
        let request = request.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        let request = request.update_expression("SET ex = :past");
        request.expression_attribute_values(":past", AttributeValue::N("1000".into())).send().await.unwrap();
    }
    assert_eq!(browser(&world, &other, Some(ORIGIN)).await.err(), Some(401));
}

#[tokio::test]
async fn row_54_who_logs_out_is_heard_no_more() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let room = world.room(&ann, "").await;
    world.invite(&ann, &room, &bob, "editor").await;
    let mut a = world.enter(&ann, &room, "json", "a").await;
    let old = ticket(&bob, &room).await;
    for action in [
        insertion(1, 0, 0, "x"),
        json!({ "action": "heartbeat", "rev": 0 }),
        json!({ "action": "pull", "from": 1 }),
        json!({ "action": "presence", "clock": 1 }),
        json!({ "action": "join", "kind": "json", "session": "b" }),
    ] {
        let login = world.client().login("bob@example.com", crate::world::PASSWORD).await;
        let again = Session::of(world.client(), &login.body);
        let mut b = world.enter(&again, &room, "json", "b").await;
        assert_eq!(again.client.post("/api/auth/logout", &json!({})).await.status, 200);
        // What the instances remember of the session, up to 30 s, is gone with them.
        for function in ["edit", "heartbeat", "pull", "presence", "join"] {
            world.stack.kill(function).await;
        }
        b.refused(&action, "session_ended").await;
        b.end().await;
        a.hear("user-left").await;
    }
    assert_eq!(world.text(&ann, &room).await, "");
    // A ticket of a session that has ended opens nothing.
    assert_eq!(bob.client.post("/api/auth/logout", &json!({})).await.status, 200);
    world.stack.kill("connect").await;
    assert_eq!(browser(&world, &old, Some(ORIGIN)).await.err(), Some(401));
}

#[tokio::test]
async fn row_55_who_has_not_joined_does_nothing() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut watch = world.enter(&ann, &room, "json", "watch").await;
    let mut socket = Socket::program(&world, &ann, &room).await;
    for message in [
        insertion(1, 0, 0, "x"),
        json!({ "action": "update", "n": 1, "u": "AAA=" }),
        json!({ "action": "pull", "from": 1 }),
        json!({ "action": "presence", "clock": 1 }),
        json!({ "action": "heartbeat", "rev": 0 }),
    ] {
        socket.refused(&message, "not_joined").await;
    }
    socket.tell(&json!({ "action": "leave" })).await;
    assert_eq!(watch.heard(&world).await, Vec::<Value>::new());
}

/// Who it is and which room it is about, no message can say.
#[tokio::test]
async fn row_56_identity_comes_from_the_connection() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let room = world.room(&ann, "").await;
    let other = world.room(&ann, "").await;
    world.invite(&ann, &room, &bob, "editor").await;
    let mut a = Socket::program(&world, &ann, &room).await;
    let welcome_a = a.join("yjs", "a").await;
    let mut b = Socket::program(&world, &bob, &room).await;
    let welcome_b = b.join("yjs", "b").await;
    for message in [
        json!({ "action": "edit", "n": 1, "base": 0, "ops": [], "userId": ann.id }),
        json!({ "action": "edit", "n": 1, "base": 0, "ops": [], "by": { "userId": ann.id } }),
        json!({ "action": "update", "n": 1, "u": "AAA=", "seq": 7 }),
        json!({ "action": "presence", "clock": 1, "by": { "userId": ann.id } }),
        json!({ "action": "heartbeat", "rev": 0, "role": "owner" }),
        json!({ "action": "join", "kind": "yjs", "session": "b", "clientId": welcome_a["clientId"] }),
        json!({ "action": "pull", "from": 1, "room": other }),
    ] {
        b.refused(&message, "bad_request").await;
    }
    // Bob writes with Ann's client id: a reused one would make texts differ.
    let mut forged = Document::of(&welcome_a);
    let u = forged.insert(0, "forged");
    b.refused(&json!({ "action": "update", "n": 1, "u": u }), "bad_request").await;
    let mut own = Document::of(&welcome_b);
    b.ask(&json!({ "action": "update", "n": 1, "u": own.insert(0, "own") }), "ack").await;
    let told = a.hear("update").await;
    assert_eq!(told["by"], json!({ "userId": bob.id, "session": "b", "name": "Ann Lee" }));
    assert_eq!((world.text(&ann, &room).await.as_str(), world.text(&ann, &other).await.as_str()), ("own", ""));
}

#[tokio::test]
async fn row_57_floods_and_giants() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let open = async || world.enter(&ann, &room, "yjs", "s").await;
    // The gateway ends what is larger than a frame or a message may be.
    let mut socket = open().await;
    let giant = json!({ "action": "update", "n": 1, "u": "A".repeat(33 * 1024) }).to_string();
    let _ = socket.stream.send(Message::text(giant)).await;
    socket.end().await;
    let mut socket = open().await;
    let part =
        |opcode, bytes: usize, last| Message::Frame(Frame::message(vec![b'a'; bytes], OpCode::Data(opcode), last));
    for n in 0..5 {
        let opcode = if n == 0 { Data::Text } else { Data::Continue };
        if socket.stream.send(part(opcode, if n == 4 { 1 } else { 32 * 1024 }, n == 4)).await.is_err() {
            break;
        }
    }
    socket.end().await;
    // A message in two frames reaches us, and is too long.
    let mut socket = open().await;
    let message = json!({ "action": "update", "n": 3, "u": "A".repeat(36 * 1024) }).to_string().into_bytes();
    let (first, second) = message.split_at(20_000);
    for (opcode, bytes, last) in [(Data::Text, first, false), (Data::Continue, second, true)] {
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(opcode), last);
        socket.stream.send(Message::Frame(frame)).await.unwrap();
    }
    let nack = socket.hear("nack").await;
    assert_eq!((&nack["code"], &nack["n"]), (&json!("too_big"), &json!(3)));
    let raw = STANDARD.encode(vec![7_u8; 23_001]);
    socket.refused(&json!({ "action": "update", "n": 1, "u": raw }), "too_big").await;
    for u in ["", "AAA", "????", "AAA="] {
        socket.refused(&json!({ "action": "update", "n": 1, "u": u }), "bad_request").await;
    }
}

/// Messages without an end: refused, and then the connection is ended. One instance, at a time that stands still.
#[tokio::test]
async fn row_57_a_flood_ends() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut socket = world.enter(&ann, &room, "yjs", "s").await;
    let app = world.app_as("default", &Clock::manual(now()));
    let endpoint = Endpoint::new(socket_route::DEFAULT, rooms::default);
    let connection = &world.stack.connections()[0];
    let who = json!({ "room": room, "name": "Ann Lee", "user": ann.id, "by": format!("s{}", ann.id), "epoch": "0" });
    let context = json!({ "connectionId": connection, "requestId": "r", "authorizer": who });
    let event = json!({ "requestContext": context, "body": "{}" });
    let mut codes = Vec::new();
    for _ in 0..201 {
        let answer = endpoint.answer(app, event.clone()).await;
        let frame: Value = serde_json::from_str(answer["body"].as_str().unwrap_or("{}")).unwrap();
        codes.push(frame["code"].as_str().unwrap_or_default().to_owned());
    }
    let times = |code: &str| codes.iter().filter(|known| *known == code).count();
    assert_eq!((times("bad_request"), times("slow_down"), times("")), (100, 100, 1));
    // The last word is posted, because an answer would come behind the end.
    socket.hear("nack").await;
    socket.end().await;
}

/// Hundreds of updates that are broken in every way neither end a function nor touch the text.
#[tokio::test]
async fn row_57_mutated_updates_harm_nobody() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "base").await;
    let mut socket = Socket::program(&world, &ann, &room).await;
    let welcome = socket.join("yjs", "s").await;
    let mut document = Document::of(&welcome);
    let good = STANDARD.decode(document.insert(4, "-end")).unwrap();
    let processes = world.stack.processes("update").len();
    // As many as one connection may send at once.
    for n in 0..99_usize {
        let mut bytes = good.clone();
        match n % 3 {
            0 => bytes.truncate(n % good.len()),
            1 => bytes[n % good.len()] ^= 0x80,
            _ => bytes[n * 7 % good.len()] = u8::try_from(n * 37 % 256).unwrap(),
        }
        socket.tell(&json!({ "action": "update", "n": n + 10, "u": STANDARD.encode(&bytes) })).await;
        let answer = socket.next().await;
        assert!(matches!(answer["type"].as_str(), Some("ack" | "nack")), "{answer}");
    }
    assert!(world.stack.processes("update").len() >= processes);
    assert!(world.stack.logs("update").iter().all(|line| !line.contains("panicked")));
    assert!(world.text(&ann, &room).await.contains("base"));
}
