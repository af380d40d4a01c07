//! A log becomes a snapshot, dies in between, is raced by another one: nothing is lost.

use aura::rooms::{Compacted, MAX_UPDATE, Pulled};
use tokio::sync::OnceCell;

use super::*;

/// Entries of 20 KB, so that a few of them are more than the window keeps. Written once, then copied.
async fn long_room() -> (World, Author, String) {
    static WRITTEN: OnceCell<(Vec<Value>, Author, String)> = OnceCell::const_new();
    let world = World::new();
    let (items, author, text) = WRITTEN.get_or_init(write_long_room).await;
    for item in items {
        world.table.call("PutItem", &json!({ "TableName": TABLE, "Item": item })).unwrap();
    }
    world.clock.advance(Duration::from_secs(61));
    (world, author.clone(), text.clone())
}

async fn write_long_room() -> (Vec<Value>, Author, String) {
    let world = World::new();
    let (rooms, author) = world.typist().await;
    for n in 1..=12 {
        rooms.update(world.room, &author, n, &page(&author, n), editor).await.unwrap();
    }
    (world.items(), author, world.text().await)
}

/// What a long room's author typed as the `n`th.
fn page(author: &Author, n: u64) -> Vec<u8> {
    typed(author.cid.unwrap(), (n - 1) * 20_000, &format!("{n:020000}"))
}

/// Whatever happened, the text and the log's end are as before, and a change is taken.
async fn is_whole(world: &World, author: &Author, text: &str) {
    let rooms = world.instance();
    let state = rooms.state(world.room, None).await.unwrap();
    assert_eq!((state.text.as_str(), state.rev), (text, 12));
    let resent = rooms.update(world.room, author, 12, &page(author, 12), editor).await.unwrap();
    assert_eq!((resent.rev, resent.again), (12, true));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_takes_the_log_but_for_its_window() {
    let (world, author, text) = long_room().await;
    let rooms = world.instance();
    assert_eq!(rooms.compact(world.room).await.unwrap(), Compacted::Done(6));
    is_whole(&world, &author, &text).await;
    let log = world.sort_keys().into_iter().filter(|sk| sk.starts_with("L#")).count();
    assert_eq!(log, 6);
    assert!(matches!(rooms.pull(world.room, 6, MAX_UPDATE).await.unwrap(), Pulled::Trimmed { rev: 12 }));
    assert!(matches!(rooms.pull(world.room, 7, MAX_UPDATE).await.unwrap(), Pulled::Batch { from: 7, .. }));
    let stale = world.instance().edit(world.room, &author, 13, 5, &insert(0, "x"), editor).await.unwrap_err();
    assert_eq!(stale.code(), "stale_base");
    let written = world.put(&world.instance(), &author, 13, 6, "!").await;
    assert_eq!(written.rev, 13);
    let joiner = world.instance().state(world.room, Some(3)).await.unwrap();
    assert!(joiner.whole && joiner.text.contains('!'));
}

#[tokio::test(start_paused = true)]
async fn a_young_or_short_log_stays() {
    let world = World::new();
    let (rooms, author) = world.typist().await;
    assert_eq!(rooms.compact(world.room).await.unwrap(), Compacted::Nothing);
    for n in 1..=12 {
        rooms.update(world.room, &author, n, &page(&author, n), editor).await.unwrap();
    }
    assert_eq!(rooms.compact(world.room).await.unwrap(), Compacted::Nothing);
    world.clock.advance(Duration::from_secs(61));
    assert!(matches!(rooms.compact(world.room).await.unwrap(), Compacted::Done(_)));
    assert_eq!(rooms.compact(world.room).await.unwrap(), Compacted::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_compactor_may_die_at_every_call() {
    for fate in [Fate::DeathBefore, Fate::DeathAfter, Fate::AnswerLost] {
        for left in 0.. {
            let (world, author, text) = long_room().await;
            world.table.set_fates(Strike { left, fate });
            world.table.take_calls();
            let first = mortal(world.instance().compact(world.room)).await;
            let calls = world.table.take_calls().len();
            world.table.set_fates(aura_sim::table::Calm);
            is_whole(&world, &author, &text).await;
            // The lease of the dead one runs out; the next one finishes and cleans up.
            world.clock.advance(Duration::from_secs(61));
            let second = world.instance().compact(world.room).await.unwrap();
            assert!(matches!(second, Compacted::Done(6) | Compacted::Nothing), "{fate:?} {left}: {first:?} {second:?}");
            is_whole(&world, &author, &text).await;
            let keys = world.sort_keys();
            assert_eq!(keys.iter().filter(|sk| sk.starts_with("L#")).count(), 6, "{fate:?} {left} {keys:?}");
            let parts: Vec<&String> = keys.iter().filter(|sk| sk.starts_with("S#")).collect();
            assert_eq!(parts.len(), 1, "{fate:?} {left} {parts:?}");
            if calls < left {
                assert!(left > 6);
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_compactors_and_writers_and_joiners_at_the_same_time() {
    #[derive(Debug)]
    struct Jitter(Random);
    impl Fates for Jitter {
        fn next(&mut self, _: &str, _: &Value) -> Fate {
            Fate::Answered(Duration::from_micros(u64::from(u16::from_le_bytes(self.0.bytes().unwrap()))))
        }
    }
    for seed in 0..4 {
        let (world, author, text) = long_room().await;
        world.table.set_fates(Jitter(Random::seeded(seed)));
        let (one, two, writer, reader) = (world.instance(), world.instance(), world.instance(), world.instance());
        let write = async {
            let mut last = String::new();
            for n in 13..18 {
                last = format!("<{n}>");
                world.put(&writer, &author, n, n - 1, &last).await;
            }
            last
        };
        let read = async {
            let mut revs = Vec::new();
            for _ in 0..8 {
                let state =
                    if revs.len() % 2 == 0 { reader.state(world.room, None) } else { one.state(world.room, Some(10)) }
                        .await
                        .unwrap();
                assert!(state.text.ends_with(&text), "a joiner has everything");
                revs.push(state.rev);
            }
            assert!(revs.is_sorted(), "{revs:?}");
        };
        // The lease of the first one has run out for the second one's clock.
        let late = async {
            world.clock.advance(Duration::from_secs(61));
            two.compact(world.room).await.unwrap()
        };
        let (first, second, last, ()) = tokio::join!(one.compact(world.room), late, write, read);
        assert!([first.unwrap(), second].iter().any(|done| matches!(done, Compacted::Done(_))), "{seed}");
        let state = world.instance().state(world.room, None).await.unwrap();
        assert_eq!(state.rev, 17);
        assert!(state.text.starts_with(&last) && state.text.ends_with(&text), "{seed}");
    }
}

/// An instance that has not looked for long believes in a head whose successors are no longer in the log.
#[tokio::test(start_paused = true)]
async fn an_instance_that_slept_writes_at_the_logs_end() {
    let world = World::new();
    let ((sleeper, author), rooms) = (world.typist().await, world.instance());
    for n in 1..40 {
        let rooms = if n < 4 { &sleeper } else { &rooms };
        rooms.update(world.room, &author, n, &page(&author, n), editor).await.unwrap();
    }
    world.clock.advance(Duration::from_secs(61));
    assert!(matches!(rooms.compact(world.room).await.unwrap(), Compacted::Done(rev) if rev > 10));
    let written = world.put(&sleeper, &author, 40, 39, "z").await;
    assert_eq!(written.rev, 40);
    assert!(world.text().await.starts_with('z'));
}
