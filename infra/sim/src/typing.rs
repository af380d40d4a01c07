//! What people type.

use aura::rooms::{Op, edit};

use crate::chance::Chance;

/// Something that one may do to a text.
pub(crate) fn some_ops(chance: &Chance, text: &str, session: &str, serial: u64) -> Vec<Op> {
    let mut text = text.to_owned();
    let mut ops = Vec::new();
    for _ in 0..=chance.below(2) {
        let starts: Vec<u32> = std::iter::once(0)
            .chain(text.chars().scan(0, |at, character| {
                *at += u32::try_from(character.len_utf16()).unwrap_or(1);
                Some(*at)
            }))
            .collect();
        let place = chance.place(starts.len());
        let position = starts[place];
        // Whole characters: a client does not cut one either.
        let end = starts[(place + 1 + chance.place(8)).min(starts.len() - 1)];
        let content = match chance.below(6) {
            0 => "😀".to_owned(),
            1 => "👨‍👩‍👧‍👦é".to_owned(),
            2 => "\n".to_owned(),
            _ => format!("<{session}.{serial}>"),
        };
        let length = end - position;
        let op = match chance.below(10) {
            0..3 if length > 0 => Op::Delete { position, length },
            3 if length > 0 => Op::Replace { position, length, content },
            _ => Op::Insert { position, content },
        };
        match edit::apply(&text, std::slice::from_ref(&op)) {
            Ok(after) => text = after,
            Err(_) => continue,
        }
        ops.push(op);
    }
    ops
}
