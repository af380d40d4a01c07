//! Rooms over an embedded DynamoDB: what one writer, many writers and dying writers leave behind.

#![expect(clippy::unwrap_used, reason = "a test stops where it stands")]

use aura::clock::{Clock, Timestamp};
use aura::random::Random;
use aura::rooms::document::Document;
use aura::rooms::{Author, Cid, MAX_UPDATE, Op, Pulled, Role, Rooms};
use aura::{RoomId, UserId};
use aura_sim::table::{TABLE, Table};
use serde_json::json;

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
        let item = json!({
            "pk": {"S": format!("R#{}", world.room)}, "sk": {"S": "META"}, "epoch": {"N": "1"},
            "snapSeq": {"N": "0"}, "snapGen": {"N": "0"}, "snapId": {"N": "0"}, "snapParts": {"N": "0"},
        });
        world.table.call("PutItem", &json!({ "TableName": TABLE, "Item": item })).unwrap();
        world
    }

    fn instance(&self) -> Rooms {
        self.table.rooms(&self.clock, &self.random)
    }

    fn author(&self, session: &str) -> Author {
        Author { user: self.random.id::<UserId>().unwrap(), session: session.parse().unwrap(), cid: None }
    }
}

async fn editor() -> aura::Result<Option<Role>> {
    Ok(Some(Role::Editor))
}

fn insert(position: u32, content: &str) -> Vec<Op> {
    vec![Op::Insert { position, content: content.to_owned() }]
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_in_the_log_and_everybody_reads_it() {
    let world = World::new();
    let (here, there) = (world.instance(), world.instance());
    let author = world.author("a");
    let first = here.edit(world.room, &author, 1, 0, &insert(0, "hello"), editor).await.unwrap();
    let second = there.edit(world.room, &author, 2, 1, &insert(5, " wörld"), editor).await.unwrap();
    assert_eq!((first.rev, second.rev), (1, 2));
    let state = here.state(world.room, None).await.unwrap();
    assert_eq!((state.text.as_str(), state.rev, state.whole), ("hello wörld", 2, true));
    let missed = here.state(world.room, Some(1)).await.unwrap();
    assert!(!missed.whole);
    let reader = Document::new(Cid::new(9).unwrap());
    assert!(reader.apply(&first.update).unwrap() && reader.apply(&missed.update).unwrap());
    assert_eq!(reader.text(), "hello wörld");
    let Pulled::Batch { from, to, entries } = there.pull(world.room, 2, MAX_UPDATE).await.unwrap() else { panic!() };
    assert_eq!((from, to, &entries[0].update), (2, 2, &second.update));
    assert_eq!(there.head(world.room).await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resend_is_answered_with_the_first_rev() {
    let world = World::new();
    let author = world.author("a");
    for instance in [world.instance(), world.instance()] {
        let written = instance.edit(world.room, &author, 1, 0, &insert(0, "x"), editor).await.unwrap();
        assert_eq!(written.rev, 1);
        assert_eq!(written.patch.unwrap().ops, insert(0, "x"));
    }
    assert_eq!(world.instance().state(world.room, None).await.unwrap().text, "x");
}
