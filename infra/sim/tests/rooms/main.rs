//! Rooms over an embedded DynamoDB: what one writer, many writers and dying writers leave behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test, in helpers too")]

mod access;
mod compaction;
mod mixed;
mod races;
mod write;

use std::time::Duration;

use aura::clock::{Clock, Timestamp};
use aura::random::Random;
use aura::rooms::{Author, Cid, Op, Rev, Role, Rooms, Written};
use aura::{RoomId, UserId};
use aura_sim::table::{Fate, Fates, TABLE, Table, mortal};
use serde_json::{Value, json};

/// One room, and as many instances as a test wants.
struct World {
    table: Table,
    clock: Clock,
    random: Random,
    room: RoomId,
}

impl World {
    fn new() -> Self {
        let random = Random::seeded(7);
        let world = Self {
            table: Table::new(),
            clock: Clock::manual(Timestamp::from_secs(1_795_000_000)),
            room: random.id().unwrap(),
            random,
        };
        world.table.make_room(world.room);
        world
    }

    fn instance(&self) -> Rooms {
        self.table.rooms(&self.clock, &self.random)
    }

    fn author(&self, session: &str) -> Author {
        Author { user: self.random.id::<UserId>().unwrap(), session: session.parse().unwrap(), cid: None }
    }

    /// Somebody with Yjs, and their instance.
    async fn typist(&self) -> (Rooms, Author) {
        let (rooms, author) = (self.instance(), self.author("a"));
        let cid = rooms.assign_cid(self.room, author.user).await.unwrap();
        (rooms, Author { cid: Some(cid), ..author })
    }

    /// Adds text at the front of what is at `base`.
    async fn put(&self, rooms: &Rooms, author: &Author, n: u64, base: Rev, text: &str) -> Written {
        rooms.edit(self.room, author, n, base, &insert(0, text), editor).await.unwrap()
    }

    async fn text(&self) -> String {
        self.instance().state(self.room, None).await.unwrap().text
    }

    /// Everything in the table.
    fn items(&self) -> Vec<Value> {
        let answer = self.table.call("Scan", &json!({ "TableName": TABLE })).unwrap();
        serde_json::from_slice::<Value>(&answer).unwrap()["Items"].as_array().unwrap().clone()
    }

    /// The sort keys of the room's partition.
    fn sort_keys(&self) -> Vec<String> {
        self.items().iter().map(|item| item["sk"]["S"].as_str().unwrap().to_owned()).collect()
    }
}

/// The update of a client that types at the end of what it typed before.
fn typed(cid: Cid, clock: u64, text: &str) -> Vec<u8> {
    let mut update = vec![1, 1];
    varint(&mut update, cid.get());
    varint(&mut update, clock);
    match clock.checked_sub(1) {
        None => update.extend([4, 1, 4, b't', b'e', b'x', b't']),
        Some(last) => {
            update.push(0x84);
            varint(&mut update, cid.get());
            varint(&mut update, last);
        }
    }
    varint(&mut update, text.len() as u64);
    update.extend(text.bytes());
    update.push(0);
    update
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
}

async fn editor() -> aura::Result<Option<Role>> {
    Ok(Some(Role::Editor))
}

fn insert(position: u32, content: &str) -> Vec<Op> {
    vec![Op::Insert { position, content: content.to_owned() }]
}

/// Every call is answered at once, but for the one that comes after `left` others.
#[derive(Debug)]
struct Strike {
    left: usize,
    fate: Fate,
}

impl Fates for Strike {
    fn next(&mut self, _: &str, _: &Value) -> Fate {
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Fate::Answered(Duration::ZERO)
            }
            None => std::mem::replace(&mut self.fate, Fate::Answered(Duration::ZERO)),
        }
    }
}
