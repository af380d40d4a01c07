//! Many writers at once, and writers that die.

use std::cell::Cell;
use std::rc::Rc;

use aura::rooms::Failure;

use super::*;

/// Calls take a while, each another one.
#[derive(Debug)]
struct Slow(Random);

impl Fates for Slow {
    fn next(&mut self, _: &str, _: &Value) -> Fate {
        Fate::Answered(Duration::from_micros(3_000 + u64::from(u16::from_le_bytes(self.0.bytes().unwrap())) / 16))
    }
}

#[tokio::test(start_paused = true)]
async fn fifty_writers_race_and_each_of_them_has_its_place() {
    let world = Rc::new(World::new());
    world.table.set_fates(Slow(Random::seeded(50)));
    let retries = Rc::new(Cell::new(0));
    let local = tokio::task::LocalSet::new();
    for writer in 0..50_u64 {
        let (world, retries) = (Rc::clone(&world), Rc::clone(&retries));
        local.spawn_local(async move {
            let (rooms, author) = (world.instance(), world.author("s"));
            for n in 1..=2 {
                let text = format!("[{writer}.{n}]");
                loop {
                    match rooms.edit(world.room, &author, n, 0, &insert(0, &text), editor).await {
                        Ok(_) => break,
                        Err(failure) => {
                            assert_eq!(failure.code(), "retry", "{failure:?}");
                            retries.set(retries.get() + 1);
                            tokio::time::sleep(Duration::from_millis(20 + writer)).await;
                        }
                    }
                }
            }
        });
    }
    local.await;
    let writes = world.table.take_calls().iter().filter(|call| call.operation == "PutItem").count();
    println!("50 writers, 100 edits: {writes} puts, {} answers `retry`", retries.get());
    let state = world.instance().state(world.room, None).await.unwrap();
    assert_eq!(state.rev, 100);
    for writer in 0..50 {
        for n in 1..=2 {
            assert_eq!(state.text.matches(&format!("[{writer}.{n}]")).count(), 1);
        }
    }
    let revs: Vec<String> = world.sort_keys().into_iter().filter(|sk| sk.starts_with("L#")).collect();
    assert_eq!(revs, (1..=100).map(|rev| format!("L#{rev:012}")).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_dies_anywhere_leaves_its_change_once() {
    for warm in [false, true] {
        for fate in [Fate::DeathBefore, Fate::DeathAfter, Fate::AnswerLost, Fate::Lost, Fate::Throttled] {
            for left in 0..4 {
                let world = World::new();
                let author = world.author("a");
                let rooms = world.instance();
                for n in 1..4 {
                    world.put(&rooms, &author, n, n - 1, "x").await;
                }
                let rooms = if warm { rooms } else { world.instance() };
                world.table.set_fates(Strike { left, fate });
                let edit = insert(0, "y");
                let first = mortal(rooms.edit(world.room, &author, 4, 3, &edit, editor)).await;
                if let Some(Err(failure)) = &first {
                    assert!(matches!(failure, Failure::Other(error) if error.retryable()), "{failure:?}");
                }
                // Another edit comes between, and then the resend, here or elsewhere.
                let other = world.author("b");
                world.put(&world.instance(), &other, 1, 3, "z").await;
                let there = world.instance();
                let again = if left % 2 == 0 { &rooms } else { &there };
                let resent = again.edit(world.room, &author, 4, 3, &edit, editor).await.unwrap();
                if let Some(Ok(first)) = first {
                    assert_eq!(first.rev, resent.rev);
                }
                let state = world.instance().state(world.room, None).await.unwrap();
                assert_eq!(state.rev, 5, "{warm} {fate:?} {left}");
                let mut letters: Vec<char> = state.text.chars().collect();
                letters.sort_unstable();
                assert_eq!(letters, ['x', 'x', 'x', 'y', 'z']);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_that_cannot_be_reached_is_tried_again_later() {
    #[derive(Debug)]
    struct Dark;
    impl Fates for Dark {
        fn next(&mut self, _: &str, _: &Value) -> Fate {
            Fate::Throttled
        }
    }
    let world = World::new();
    let author = world.author("a");
    world.table.set_fates(Dark);
    let failure = world.instance().edit(world.room, &author, 1, 0, &insert(0, "x"), editor).await.unwrap_err();
    assert_eq!(failure.code(), "retry");
    world.table.set_fates(aura_sim::table::Calm);
    assert_eq!(world.put(&world.instance(), &author, 1, 0, "x").await.rev, 1);
}
