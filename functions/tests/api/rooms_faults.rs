//! Rooms whose functions die, whose clients vanish, and rooms that are busy.

use std::collections::{BTreeMap, BTreeSet};

use aura_local::{SocketFault as Fault, SocketRule as Rule, When};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::socket::{Socket, insertion};
use crate::world::{Session, World};

/// Types `texts`, one after the other, each until it is acknowledged; the revs.
async fn type_all(socket: &mut Socket, texts: &[String]) -> Vec<u64> {
    type_telling(socket, texts, || ()).await
}

/// The same, with a word after each.
async fn type_telling(socket: &mut Socket, texts: &[String], acked: impl Fn()) -> Vec<u64> {
    let (mut base, mut revs) = (0, Vec::new());
    for (n, text) in texts.iter().enumerate() {
        let message = insertion(n as u64 + 1, base, 0, text);
        socket.tell(&message).await;
        loop {
            let frame = socket.next().await;
            match frame["type"].as_str() {
                Some("ack") if frame["n"] == n + 1 => {
                    base = frame["rev"].as_u64().unwrap();
                    revs.push(base);
                    acked();
                    break;
                }
                // A function that died: API Gateway says so in words of its own.
                None => socket.tell(&message).await,
                Some("nack") => {
                    assert!(["retry", "slow_down"].contains(&frame["code"].as_str().unwrap()), "{frame}");
                    socket.tell(&message).await;
                }
                Some(_) => {}
            }
        }
    }
    revs
}

fn words(who: usize, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("<{who}.{n}>")).collect()
}

/// Every text of everybody is there, once.
fn assert_all_once(text: &str, people: usize, count: usize) {
    for word in (0..people).flat_map(|who| words(who, count)) {
        assert_eq!(text.matches(&word).count(), 1, "{word} in {text}");
    }
    assert_eq!(text.len(), (0..people).flat_map(|who| words(who, count)).map(|word| word.len()).sum::<usize>());
}

async fn room_of(world: &World, people: usize, kind: &str) -> (Session, String, Vec<Socket>) {
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut sockets = Vec::new();
    for who in 0..people {
        sockets.push(world.enter(&ann, &room, kind, &format!("s{who}")).await);
    }
    (ann, room, sockets)
}

/// The tables' items of a room's connections.
async fn connections(world: &World, room: &str) -> usize {
    let items = world.tables().scan().table_name("EphemeralTable").send().await.unwrap().items.unwrap();
    items.iter().filter(|item| item["pk"].as_s().unwrap() == &format!("RC#{room}")).count()
}

#[tokio::test]
async fn ten_people_type_while_functions_die() {
    const PEOPLE: usize = 10;
    const WORDS: usize = 6;
    let world = World::start().await;
    let (ann, room, mut sockets) = room_of(&world, PEOPLE, "json").await;
    let (acked, mut progress) = tokio::sync::watch::channel(0);
    let typing = async move {
        let acked = || acked.send_modify(|count| *count += 1);
        let each = sockets.iter_mut().enumerate();
        join_all(each.map(|(who, socket)| async move { type_telling(socket, &words(who, WORDS), acked).await })).await
    };
    // A death for every few words, while the others go on.
    let killing = async {
        for round in 0..12 {
            let when = if round % 2 == 0 { When::Before } else { When::After };
            world.stack.kill_on_dynamodb_call("edit", if round % 3 == 0 { "Query" } else { "PutItem" }, when);
            if progress.changed().await.is_err() {
                break;
            }
            if round % 4 == 3 {
                world.stack.kill("edit").await;
            }
        }
        world.stack.end_faults();
    };
    let (revs, ()) = tokio::join!(typing, killing);
    assert_all_once(&world.text(&ann, &room).await, PEOPLE, WORDS);
    // Acknowledged places are different ones, and all of the log.
    let acknowledged: BTreeSet<u64> = revs.iter().flatten().copied().collect();
    assert_eq!(acknowledged.len(), PEOPLE * WORDS);
    let mut reader = world.enter(&ann, &room, "yjs", "reader").await;
    let batch = reader.ask(&json!({ "action": "pull", "from": 1 }), "batch").await;
    let logged: Vec<u64> =
        batch["updates"].as_array().unwrap().iter().map(|update| update["rev"].as_u64().unwrap()).collect();
    assert_eq!(logged, (1..=(PEOPLE * WORDS) as u64).collect::<Vec<_>>());
}

#[tokio::test]
async fn row_62_a_death_at_any_point_loses_and_repeats_nothing() {
    let world = World::start().await;
    let (ann, room, mut sockets) = room_of(&world, 2, "json").await;
    let mut expected = String::new();
    let mut rev = 0;
    for (n, (operation, when)) in
        [("Query", When::Before), ("Query", When::After), ("PutItem", When::Before), ("PutItem", When::After)]
            .into_iter()
            .enumerate()
    {
        let [a, b] = &mut sockets[..] else { panic!("two") };
        world.stack.kill_on_dynamodb_call("edit", operation, when);
        let edit = insertion(n as u64 + 1, rev, 0, &n.to_string());
        a.tell(&edit).await;
        while a.next().await["message"] != "Internal server error" {}
        let ack = a.ask(&edit, "ack").await;
        rev += 1;
        expected.insert_str(0, &n.to_string());
        assert_eq!(ack["rev"], rev, "{operation} {when:?}");
        // The other one hears of it, though the first attempt may have died before it said anything.
        assert_eq!(b.hear("patch").await["to"], rev, "{operation} {when:?}");
        assert_eq!(world.text(&ann, &room).await, expected);
    }
    // The answer that is lost on its way, and the message that is.
    let [a, _] = &mut sockets[..] else { panic!("two") };
    for fault in [Fault::LoseAnswer, Fault::LoseMessage] {
        world.stack.socket_fault(Rule::new(fault).route("edit").times(1));
        let edit = insertion(rev + 10, rev, 0, "-");
        a.tell(&edit).await;
        world.stack.quiet().await.unwrap();
        rev += 1;
        assert_eq!(a.ask(&edit, "ack").await["rev"], rev, "{fault:?}");
    }
}

#[tokio::test]
async fn row_63_a_message_that_comes_twice_counts_once() {
    let world = World::start().await;
    let (ann, room, mut sockets) = room_of(&world, 2, "json").await;
    world.stack.socket_fault(Rule::new(Fault::DuplicateMessage).route("edit"));
    let [a, b] = &mut sockets[..] else { panic!("two") };
    for n in 1..=5 {
        let first = a.insert(n, n - 1, 0, "x").await;
        let second = a.hear("ack").await;
        assert_eq!((&first["rev"], &second["rev"]), (&json!(n), &json!(n)));
    }
    assert_eq!(world.text(&ann, &room).await, "xxxxx");
    let revs: BTreeSet<u64> = b.heard(&world).await.iter().filter_map(|frame| frame["to"].as_u64()).collect();
    assert_eq!(revs, (1..=5).collect());
}

#[tokio::test]
async fn row_60_everybody_writes_at_once() {
    const PEOPLE: usize = 16;
    const WORDS: usize = 2;
    let world = World::start().await;
    let (ann, room, mut sockets) = room_of(&world, PEOPLE, "json").await;
    let typing = sockets.iter_mut().enumerate();
    join_all(typing.map(|(who, socket)| async move { type_all(socket, &words(who, WORDS)).await })).await;
    assert_all_once(&world.text(&ann, &room).await, PEOPLE, WORDS);
}

#[tokio::test]
async fn row_58_who_is_gone_is_removed_once() {
    let world = World::start().await;
    let (_ann, room, mut sockets) = room_of(&world, 6, "json").await;
    for socket in &mut sockets {
        socket.heard(&world).await;
    }
    world.stack.socket_fault(Rule::new(Fault::SkipDisconnect));
    sockets.truncate(4);
    while world.stack.connections().len() > 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(connections(&world, &room).await, 6);
    // Several notice at the same time.
    let edits = sockets.iter_mut().enumerate().map(|(who, socket)| async move {
        type_all(socket, &words(who, 1)).await;
    });
    join_all(edits).await;
    assert_eq!(connections(&world, &room).await, 4);
    for socket in &mut sockets {
        let mut left: BTreeMap<String, usize> = BTreeMap::new();
        for frame in socket.heard(&world).await.iter().filter(|frame| frame["type"] == "user-left") {
            *left.entry(frame["by"]["session"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        // The one who says so does not tell itself.
        assert!(left.values().all(|times| *times == 1) && left.len() <= 2, "{left:?}");
    }
}

#[tokio::test]
async fn row_58_who_reads_slowly_harms_nobody() {
    let world = World::start().await;
    let (_ann, _room, mut sockets) = room_of(&world, 3, "yjs").await;
    let slow = world.stack.connections()[2].clone();
    for fault in [Fault::RefusePost, Fault::LosePost] {
        world.stack.socket_fault(Rule::new(fault).connection(&slow).times(1));
        let head = sockets[0].ask(&json!({ "action": "pull", "from": 1 }), "batch").await["to"].as_u64().unwrap();
        sockets[0].insert(head + 1, head, 0, "x").await;
        assert_eq!(sockets[1].hear("update").await["rev"], head + 1);
        // The slow one is still a member, and hears with its next heartbeat.
        assert_eq!(sockets[2].ask(&json!({ "action": "heartbeat", "rev": head }), "behind").await["rev"], head + 1);
        let batch = sockets[2].ask(&json!({ "action": "pull", "from": head + 1 }), "batch").await;
        assert_eq!(batch["to"], head + 1);
    }
}

#[tokio::test]
async fn a_room_is_deleted_while_people_type() {
    let world = World::start().await;
    let (ann, room, sockets) = room_of(&world, 5, "json").await;
    let bob = world.account("bob@example.com").await;
    world.invite(&ann, &room, &bob, "editor").await;
    // Types until the end; the last rev that was acknowledged.
    let typing = join_all(sockets.into_iter().map(|mut socket| async move {
        let mut last = 0;
        for n in 1.. {
            let frame = insertion(n, last, 0, "x").to_string();
            use futures_util::SinkExt as _;
            if socket.stream.send(tokio_tungstenite::tungstenite::Message::text(frame)).await.is_err() {
                return (last, false);
            }
            loop {
                let Some(answer) = socket.try_next().await else { return (last, false) };
                match answer["type"].as_str() {
                    Some("ack") => {
                        last = answer["rev"].as_u64().unwrap();
                        break;
                    }
                    Some("room-gone") => return (last, true),
                    Some("nack") if answer["code"] == "room_gone" => return (last, true),
                    _ => {}
                }
            }
        }
        (last, false)
    }));
    let deleting = async {
        // One that dies on the way is simply repeated.
        world.stack.kill_on_dynamodb_call("delete-room", "PutItem", When::After);
        let path = format!("/api/rooms/{room}");
        assert_eq!(ann.client.delete(&path).await.status, 502);
        assert_eq!(ann.client.delete(&path).await.status, 200);
    };
    let (ends, ()) = tokio::join!(typing, deleting);
    assert_eq!(ends.len(), 5);
    world.stack.quiet().await.unwrap();
    assert_eq!(connections(&world, &room).await, 0);
    assert!(world.stack.connections().is_empty());
    for user in [&ann, &bob] {
        user.client.get(&format!("/api/rooms/{room}/snapshot")).await.assert_problem(404, "NOT_FOUND");
        assert_eq!(user.client.get("/api/rooms").await.body["rooms"], json!([]));
    }
    // Every entry that was acknowledged lies before the end, and nothing lies behind it.
    let items = world.tables().scan().table_name("RoomsTable").send().await.unwrap().items.unwrap();
    let entries: Vec<_> = items.iter().filter(|item| item["sk"].as_s().unwrap().starts_with("L#")).collect();
    let last = entries.iter().map(|item| item["sk"].as_s().unwrap()).max().unwrap();
    let close = entries.iter().find(|item| item["sk"].as_s().unwrap() == last).unwrap();
    assert_eq!(close["k"].as_s().unwrap(), "close");
    let end: u64 = last[2..].parse().unwrap();
    assert!(ends.iter().all(|(rev, _)| *rev < end), "{ends:?} {end}");
}

/// More than 200: others do the posting, in the background.
#[tokio::test]
async fn a_large_room_is_told_by_others() {
    const MANY: usize = 203;
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let room = world.room(&ann, "").await;
    let mut sockets = Vec::new();
    while sockets.len() < MANY {
        let some = (sockets.len()..MANY.min(sockets.len() + 20)).map(|who| {
            let (world, ann, room) = (&world, &ann, &room);
            async move { world.enter(ann, room, "json", &format!("s{who}")).await }
        });
        sockets.extend(join_all(some).await);
    }
    for socket in &mut sockets {
        socket.missed.clear();
    }
    world.stack.quiet().await.unwrap();
    let (first, rest) = sockets.split_first_mut().unwrap();
    first.insert(1, 0, 0, "x").await;
    for socket in rest {
        assert_eq!(socket.hear("patch").await["to"], 1);
        // In a crowd nobody is told who comes and goes; the first fifty were.
        assert!(socket.missed.iter().all(|frame| frame["type"] == "user-joined"));
    }
    assert!(!world.stack.logs("fan-out").iter().any(|line| line.contains("ERROR")));
    assert_ne!(world.stack.processes("fan-out"), Vec::<u64>::new());
}

/// What was lost on the way shows with the next heartbeat, also when nothing comes behind it.
#[tokio::test]
async fn the_last_message_is_lost() {
    let world = World::start().await;
    let (_ann, _room, mut sockets) = room_of(&world, 2, "json").await;
    let [a, b] = &mut sockets[..] else { panic!("two") };
    a.insert(1, 0, 0, "gone").await;
    b.hear("patch").await;
    world.stack.socket_fault(Rule::new(Fault::LosePost).times(1));
    let delete = json!({ "type": "delete", "position": 0, "length": 4 });
    a.ask(&json!({ "action": "edit", "n": 2, "base": 1, "ops": [delete] }), "ack").await;
    assert_eq!(b.ask(&json!({ "action": "heartbeat", "rev": 1 }), "behind").await["rev"], 2);
    let patch = b.ask(&json!({ "action": "pull", "from": 2 }), "patch").await;
    assert_eq!(patch["ops"], json!([delete]));
}

/// The frames of a connection are of no other one's kind, whatever else is in the room.
#[tokio::test]
async fn nobody_hears_the_own_change() {
    let world = World::start().await;
    let (_ann, _room, mut sockets) = room_of(&world, 2, "json").await;
    sockets[1].insert(1, 0, 0, "x").await;
    assert_eq!(sockets[1].heard(&world).await, Vec::<Value>::new());
}
