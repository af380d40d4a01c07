//! What broken and malicious updates do to a room: nothing.

use std::collections::BTreeMap;

use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update};

use super::author::Cid;
use super::document::{Document, ROOT};
use super::failure::Refusal;
use super::outline::{Clocks, Outline};

/// A reproducible sequence of numbers.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// A client of Yjs.
struct Client {
    doc: Doc,
}

impl Client {
    fn new(cid: u64) -> Self {
        let mut options = Options::with_client_id(yrs::block::ClientID::new(cid));
        options.offset_kind = OffsetKind::Utf16;
        Self { doc: Doc::with_options(options) }
    }

    fn insert(&self, position: u32, content: &str) -> Vec<u8> {
        let text = self.doc.get_or_insert_text(ROOT);
        let mut txn = self.doc.transact_mut();
        text.insert(&mut txn, position, content);
        txn.encode_update_v1()
    }

    fn remove(&self, position: u32, length: u32) -> Vec<u8> {
        let text = self.doc.get_or_insert_text(ROOT);
        let mut txn = self.doc.transact_mut();
        text.remove_range(&mut txn, position, length);
        txn.encode_update_v1()
    }

    fn apply(&self, update: &[u8]) {
        self.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
    }

    fn text(&self) -> String {
        self.doc.get_or_insert_text(ROOT).get_string(&self.doc.transact())
    }
}

/// A room's gate and text, without the table.
struct Gate {
    clocks: Clocks,
    document: Document,
    log: Vec<Vec<u8>>,
}

impl Gate {
    fn new() -> Self {
        Self { clocks: Clocks::default(), document: Document::new(Cid::server(1)), log: Vec::new() }
    }

    fn take(&mut self, update: &[u8]) -> Result<(), Refusal> {
        self.clocks.admit(&Outline::read(update)?)?;
        self.log.push(update.to_vec());
        assert!(self.document.apply(update).unwrap(), "what was admitted is not pending: {update:?}");
        Ok(())
    }

    /// Whoever reads the log, the snapshot or both has the same text.
    fn is_whole(&self) {
        let text = self.document.text();
        let replayed = Client::new(77);
        self.log.iter().for_each(|update| replayed.apply(update));
        assert_eq!(replayed.text(), text);
        assert!(!replayed.doc.transact().has_missing_updates());
        let snapshot = Document::load(Cid::server(2), &self.document.encode()).unwrap();
        assert_eq!((snapshot.text(), snapshot.clocks()), (text, self.clocks.clone()));
    }
}

#[test]
fn updates_that_arrive_out_of_order_wait_outside() {
    // Delivered 2, 3, 1, this leaves `yrs` stuck at "def".
    let (c0, c1) = (Client::new(1), Client::new(2));
    let first = c0.insert(0, "def");
    c1.apply(&first);
    let second = c1.insert(3, "bc");
    c0.apply(&second);
    let third = c0.insert(4, "bc");
    let mut gate = Gate::new();
    assert_eq!(gate.take(&second), Err(Refusal::Gap));
    assert_eq!(gate.take(&third), Err(Refusal::Gap));
    for update in [&first, &second, &third] {
        gate.take(update).unwrap();
    }
    assert_eq!(gate.document.text(), c0.text());
    gate.is_whole();
}

#[test]
fn no_snapshot_is_made_with_parts_pending() {
    // Delivered 3, 6, 1, 5, snapshot, 2, 4, this leaves `yrs` with one "b" too many, for ever.
    let author = Client::new(1);
    let inserts = [(0, "bc"), (1, "bc"), (3, "a"), (0, "def"), (8, "a"), (3, "bc")];
    let updates: Vec<Vec<u8>> = inserts.iter().map(|(position, text)| author.insert(*position, text)).collect();
    let mut gate = Gate::new();
    let mut waiting: Vec<usize> = vec![2, 5, 0, 4, 1, 3];
    while !waiting.is_empty() {
        // A client that sends what was refused again, after the rest.
        waiting.retain(|index| gate.take(&updates[*index]).is_err());
        gate.is_whole();
    }
    assert_eq!(gate.document.text(), author.text());
    for update in &updates {
        gate.take(update).unwrap();
    }
    assert_eq!(gate.document.text(), author.text());
    gate.is_whole();
}

/// `ROOM_MUTATIONS` of them, or 3,000.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test is as long as it is told to be")]
fn mutated_updates_harm_no_room() {
    let mutations = std::env::var("ROOM_MUTATIONS").map_or(3_000, |count| count.parse().unwrap());
    let mut numbers = Numbers(20_261_128);
    let mut tally = BTreeMap::new();
    let mut done = 0;
    while done < mutations {
        let clients = [Client::new(1), Client::new(2), Client::new(3)];
        let mut gate = Gate::new();
        let mut updates: Vec<Vec<u8>> = Vec::new();
        for _ in 0..12 {
            let client = &clients[numbers.below(3)];
            let length = u32::try_from(client.text().encode_utf16().count()).unwrap();
            let position = u32::try_from(numbers.below(length as usize + 1)).unwrap();
            let update = if length > 2 && numbers.below(3) == 0 {
                client.remove(position.min(length - 1), 1)
            } else {
                client.insert(position, ["x", "yz", "é", "😀", "👨‍👩‍👧"][numbers.below(5)])
            };
            clients.iter().for_each(|other| other.apply(&update));
            gate.take(&update).unwrap();
            updates.push(update);
        }
        gate.is_whole();
        for _ in 0..40 {
            let mut update = updates[numbers.below(updates.len())].clone();
            for _ in 0..=numbers.below(3) {
                mutate(&mut update, &updates, &mut numbers);
            }
            let result = gate.take(&update);
            *tally.entry(result.map_err(|refusal| format!("{refusal:?}"))).or_insert(0) += 1;
            done += 1;
        }
        gate.is_whole();
    }
    let accepted: usize = tally.iter().filter(|(result, _)| result.is_ok()).map(|(_, count)| count).sum();
    println!("{done} mutated updates: {accepted} taken in, 0 panics, 0 damaged rooms");
    tally.iter().for_each(|(result, count)| println!("{count:>7} {result:?}"));
    assert!(accepted > 0 && accepted < done);
}

fn mutate(update: &mut Vec<u8>, others: &[Vec<u8>], numbers: &mut Numbers) {
    let at = numbers.below(update.len());
    let byte = u8::try_from(numbers.below(256)).unwrap();
    match numbers.below(7) {
        0 => update[at] = byte,
        1 => update[at] ^= 1 << numbers.below(8),
        2 => update.insert(at, byte),
        3 if update.len() > 1 => drop(update.remove(at)),
        4 => update.truncate(at.max(1)),
        // Small changes of clocks, lengths and client ids make the most credible lies.
        5 => update[at] = update[at].wrapping_add(1),
        _ => {
            let other = &others[numbers.below(others.len())];
            let from = numbers.below(other.len());
            update.truncate(at.max(1));
            update.extend_from_slice(&other[from..]);
        }
    }
}

#[test]
fn what_is_not_plain_text_is_refused() {
    use yrs::{Any, Array, Map, types::Attrs};
    let doc = Doc::with_client_id(5);
    let (text, other, map, array) = (
        doc.get_or_insert_text(ROOT),
        doc.get_or_insert_text("other"),
        doc.get_or_insert_map("map"),
        doc.get_or_insert_array(ROOT),
    );
    let update = |change: &dyn Fn(&mut yrs::TransactionMut)| {
        let mut txn = doc.transact_mut();
        change(&mut txn);
        txn.encode_update_v1()
    };
    let bold = || Attrs::from([("bold".into(), Any::Bool(true))]);
    let plain = update(&|txn| text.insert(txn, 0, "plain"));
    let refused = [
        update(&|txn| other.insert(txn, 0, "another root")),
        update(&|txn| {
            map.insert(txn, "key", 1);
        }),
        update(&|txn| {
            text.insert_embed(txn, 0, Any::Bool(true));
        }),
        update(&|txn| text.insert_with_attributes(txn, 0, "bold", bold())),
        update(&|txn| text.format(txn, 6, 2, bold())),
        update(&|txn| {
            array.push_back(txn, 1);
        }),
        update(&|txn| {
            array.push_back(txn, Any::Buffer(vec![1, 2].into()));
        }),
        vec![],
        vec![0],
        vec![0, 0, 0],
        vec![1, 1, 5, 0, 10, 1, 0],
        vec![1, 1, 5, 0, 0, 1, 0],
        vec![0x80, 0, 0],
        vec![0xff; 40],
    ];
    let mut gate = Gate::new();
    gate.take(&plain).unwrap();
    for update in refused {
        assert!(matches!(Outline::read(&update), Err(Refusal::Bad(_))), "{update:?}");
    }
    gate.is_whole();
}

#[test]
fn gaps_and_half_known_blocks_are_refused() {
    let author = Client::new(1);
    let [a, b, c] = [author.insert(0, "abc"), author.insert(3, "def"), author.remove(1, 2)];
    let mut gate = Gate::new();
    assert_eq!(gate.take(&b), Err(Refusal::Gap));
    assert_eq!(gate.take(&c), Err(Refusal::Gap));
    gate.take(&a).unwrap();
    let longer = Client::new(1).insert(0, "abcd");
    assert!(matches!(gate.take(&longer), Err(Refusal::Bad(_))));
    gate.take(&a).unwrap();
    gate.take(&b).unwrap();
    gate.take(&c).unwrap();
    let whole = author.doc.transact().encode_state_as_update_v1(&StateVector::default());
    gate.take(&whole).unwrap();
    assert_eq!(gate.document.text(), author.text());
    gate.is_whole();
}

#[test]
fn blocks_of_several_clients_may_build_on_each_other() {
    let (one, two) = (Client::new(1), Client::new(2));
    for round in 0..4 {
        let update = one.insert(round, "x");
        two.apply(&update);
        let update = two.insert(round + 1, "y");
        one.apply(&update);
    }
    let whole = one.doc.transact().encode_state_as_update_v1(&StateVector::default());
    let mut gate = Gate::new();
    gate.take(&whole).unwrap();
    assert_eq!(gate.document.text(), one.text());
    // Two blocks that wait for each other.
    let circle = vec![2, 1, 9, 0, 0x84, 8, 0, 1, b'a', 1, 8, 0, 0x84, 9, 0, 1, b'b', 0];
    assert_eq!(gate.take(&circle), Err(Refusal::Gap));
    gate.is_whole();
}

#[test]
fn half_a_character_is_the_same_for_everybody() {
    let (one, two) = (Client::new(1), Client::new(2));
    let mut gate = Gate::new();
    let mut send = |update: Vec<u8>| {
        gate.take(&update).unwrap();
        one.apply(&update);
        two.apply(&update);
    };
    send(Client::new(3).insert(0, "a😀b👨‍👩‍👧"));
    send(one.insert(2, "|"));
    send(two.remove(1, 1));
    send(one.remove(4, 3));
    assert_eq!(one.text(), two.text());
    assert_eq!(gate.document.text(), one.text());
    gate.is_whole();
}
