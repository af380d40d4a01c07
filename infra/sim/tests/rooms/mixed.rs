//! Clients with Yjs and without in the same rooms, most of them behind: everybody ends with the same text.

use aura::rooms::Pulled;
use aura::rooms::edit;
use aura_sim::chance::Chance;
use aura_sim::client::Follows;
use aura_sim::text::{Text, oracle};

use super::*;

struct Typist {
    author: Author,
    text: Text,
    rev: Rev,
    n: u64,
}

/// `ROOM_MIXED` rooms, or 6.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "a test is as long as it is told to be")]
async fn mixed_rooms_converge() {
    let rooms = std::env::var("ROOM_MIXED").map_or(6, |count| count.parse().unwrap());
    let (mut edits, mut stale, mut updates) = (0, 0, 0);
    for seed in 0..rooms {
        let (world, chance) = (World::new(), Chance::new(seed));
        let instances = [world.instance(), world.instance()];
        let mut typists = Vec::new();
        for session in ["a", "b", "c"] {
            let author = world.author(session);
            let cid = instances[0].assign_cid(world.room, author.user).await.unwrap();
            let mut text = Text::new(Follows::Yjs);
            text.sign_with(cid.get());
            typists.push(Typist { author: Author { cid: Some(cid), ..author }, text, rev: 0, n: 0 });
        }
        let plain = world.author("json");
        let mut texts = vec![String::new()];
        for step in 0..40 {
            let instance = &instances[chance.place(2)];
            let at_head = texts.len() as u64 - 1;
            if chance.permille(500) {
                let base = at_head.saturating_sub(chance.below(9));
                let text = &texts[usize::try_from(base).unwrap()];
                let ops = some_ops(&chance, text);
                let written = instance.edit(world.room, &plain, step, base, &ops, editor).await.unwrap();
                let patch = written.patch.unwrap();
                let after = if patch.ops.is_empty() { text.clone() } else { edit::apply(text, &patch.ops).unwrap() };
                texts.push(world.text().await);
                assert_eq!(&after, texts.last().unwrap(), "the patch leads from the base to the text now");
                edits += 1;
                stale += u64::from(base < at_head);
            } else {
                let typist = &mut typists[chance.place(3)];
                // Somebody who types without having read everything; one's own entries are always known.
                if chance.permille(400) {
                    catch_up(&world, instance, typist).await;
                }
                let update = typist.text.write(&some_ops(&chance, &typist.text.text()));
                typist.n += 1;
                instance.update(world.room, &typist.author, typist.n, &update, editor).await.unwrap();
                texts.push(world.text().await);
                updates += 1;
            }
            let rev = texts.len() as u64 - 1;
            let before = &texts[texts.len() - 2];
            let patch = instance.patch(world.room, rev - 1, Some(rev)).await.unwrap();
            let after = if patch.ops.is_empty() { before.clone() } else { edit::apply(before, &patch.ops).unwrap() };
            assert_eq!(&after, texts.last().unwrap(), "a step leads from one text to the next");
        }
        let expected = texts.last().unwrap();
        for typist in &mut typists {
            catch_up(&world, &instances[0], typist).await;
            assert_eq!(&typist.text.text(), expected, "room {seed}");
        }
        let Pulled::Batch { entries, .. } = instances[0].pull(world.room, 1, usize::MAX).await.unwrap() else {
            panic!()
        };
        let log: Vec<Vec<u8>> = entries.into_iter().map(|entry| entry.update).collect();
        assert_eq!(&oracle(&log), expected, "room {seed}");
    }
    println!("{rooms} rooms, {edits} edits ({stale} on a stale base), {updates} updates: 0 divergent");
    assert!(stale > 0 && updates > 0);
}

async fn catch_up(world: &World, rooms: &Rooms, typist: &mut Typist) {
    let Pulled::Batch { to, entries, .. } = rooms.pull(world.room, typist.rev + 1, usize::MAX).await.unwrap() else {
        panic!()
    };
    entries.iter().for_each(|entry| typist.text.apply(&entry.update));
    typist.rev = to;
}

/// One to three changes of a text, emoji among them.
fn some_ops(chance: &Chance, text: &str) -> Vec<Op> {
    let mut text = text.to_owned();
    let mut ops = Vec::new();
    while ops.is_empty() || chance.permille(300) {
        let units = u32::try_from(text.encode_utf16().count()).unwrap();
        let position = u32::try_from(chance.below(u64::from(units) + 1)).unwrap();
        let length = u32::try_from(chance.below(4)).unwrap();
        let content = ["x", "yz", "é", "😀", "👨‍👩‍👧", ""][chance.place(6)].to_owned();
        let op = match (length, content.is_empty()) {
            (0, _) => Op::Insert { position, content },
            (_, true) => Op::Delete { position, length },
            _ => Op::Replace { position, length, content },
        };
        if let Ok(after) = edit::apply(&text, std::slice::from_ref(&op)) {
            text = after;
            ops.push(op);
        }
    }
    ops
}
