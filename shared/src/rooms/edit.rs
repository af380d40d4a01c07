//! Changes for clients without Yjs: operations at positions of a known text, and what happened between two texts.
//!
//! Positions and lengths are UTF-16 units. An operation that starts or ends inside a character of two units is refused,
//! because half a character is no text.

use serde::{Deserialize, Serialize};

use super::Rev;
use super::failure::Refusal;

/// Most operations of one change.
pub const MOST_OPS: usize = 1_000;

/// One change of a text. Several of them apply one after the other: positions are those after the ones before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Op {
    /// New text.
    Insert {
        /// Where it begins.
        position: u32,
        /// What.
        content: String,
    },
    /// Text that goes away.
    Delete {
        /// Where it begins.
        position: u32,
        /// How long it is.
        length: u32,
    },
    /// Text in the place of other text.
    Replace {
        /// Where both begin.
        position: u32,
        /// How long the old text is.
        length: u32,
        /// The new text.
        content: String,
    },
}

impl Op {
    /// Position, length of what goes away, what comes.
    pub fn parts(&self) -> (u32, u32, &str) {
        match self {
            Self::Insert { position, content } => (*position, 0, content),
            Self::Delete { position, length } => (*position, *length, ""),
            Self::Replace { position, length, content } => (*position, *length, content),
        }
    }
}

/// What leads from the text of one rev to the text of a later one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Patch {
    /// The text before.
    pub from: Rev,
    /// The text after.
    pub to: Rev,
    /// The way.
    pub ops: Vec<Op>,
}

/// Applies operations to a text, or refuses them all.
///
/// # Errors
/// `Bad` for a position outside the text or inside a character, and for more than [`MOST_OPS`].
pub fn apply(text: &str, ops: &[Op]) -> Result<String, Refusal> {
    if ops.is_empty() || ops.len() > MOST_OPS {
        return Err(Refusal::Bad("An edit has 1 to 1,000 operations."));
    }
    let mut units: Vec<u16> = text.encode_utf16().collect();
    for op in ops {
        let (position, length, content) = op.parts();
        let start = usize::try_from(position).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        if length == 0 && content.is_empty() {
            return Err(Refusal::Bad("An operation changes nothing."));
        }
        if end > units.len() {
            return Err(Refusal::Bad("An operation is outside of the text."));
        }
        if splits(&units, start) || splits(&units, end) {
            return Err(Refusal::Bad("An operation begins or ends inside a character."));
        }
        units.splice(start..end, content.encode_utf16());
    }
    String::from_utf16(&units).map_err(|_| Refusal::Bad("An operation begins or ends inside a character."))
}

/// Whether a position is between the two units of one character.
fn splits(units: &[u16], position: usize) -> bool {
    let low = units.get(position).is_some_and(|unit| (0xdc00..0xe000).contains(unit));
    let high = position.checked_sub(1).and_then(|before| units.get(before));
    low && high.is_some_and(|unit| (0xd800..0xdc00).contains(unit))
}

/// The one operation that makes `after` of `before`; none if they are the same.
pub fn difference(before: &str, after: &str) -> Option<Op> {
    if before == after {
        return None;
    }
    // Whole characters: what two texts share never ends inside of one.
    let prefix: usize = before.chars().zip(after.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (before, after, shared) = (before.get(prefix..)?, after.get(prefix..)?, before.get(..prefix)?);
    let suffix: usize =
        before.chars().rev().zip(after.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
    let (old, new) = (before.get(..before.len() - suffix)?, after.get(..after.len() - suffix)?);
    let (position, length) = (units(shared), units(old));
    Some(match (length, new) {
        (0, new) => Op::Insert { position, content: new.to_owned() },
        (_, "") => Op::Delete { position, length },
        (_, new) => Op::Replace { position, length, content: new.to_owned() },
    })
}

/// The length of a text as clients count it. A room is far smaller than the largest number.
fn units(text: &str) -> u32 {
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn insert(position: u32, content: &str) -> Op {
        Op::Insert { position, content: content.to_owned() }
    }

    #[test]
    fn positions_are_utf_16_units() {
        assert_eq!(apply("a😀b", &[insert(3, "x")]).unwrap(), "a😀xb");
        assert_eq!(apply("a😀b", &[Op::Delete { position: 1, length: 2 }]).unwrap(), "ab");
        // A family of four is eleven units, and may be divided between its members.
        assert_eq!(apply("👨‍👩‍👧‍👦", &[insert(2, "!")]).unwrap(), "👨!‍👩‍👧‍👦");
        let replace = Op::Replace { position: 1, length: 2, content: "é".to_owned() };
        assert_eq!(apply("a😀b", &[replace, insert(2, "c")]).unwrap(), "aécb");
    }

    #[test]
    fn half_a_character_and_what_is_outside_is_refused() {
        let refused = [
            insert(2, "x"),
            insert(5, "x"),
            insert(u32::MAX, "x"),
            insert(0, ""),
            Op::Delete { position: 1, length: 1 },
            Op::Delete { position: 2, length: 1 },
            Op::Delete { position: 3, length: 2 },
            Op::Delete { position: 1, length: u32::MAX },
            Op::Delete { position: 0, length: 0 },
            Op::Replace { position: 2, length: 1, content: "x".to_owned() },
        ];
        for op in refused {
            assert!(matches!(apply("a😀b", std::slice::from_ref(&op)), Err(Refusal::Bad(_))), "{op:?}");
        }
        assert!(apply("a", &[]).is_err());
        assert!(apply("a", &vec![insert(0, "x"); MOST_OPS + 1]).is_err());
    }

    #[test]
    fn an_operation_reads_as_the_protocol_has_it() {
        let text = r#"[{"type":"insert","position":1,"content":"x"},{"type":"delete","position":0,"length":2},
            {"type":"replace","position":0,"length":1,"content":"y"}]"#;
        let ops: Vec<Op> = serde_json::from_str(text).unwrap();
        assert_eq!(apply("ab", &ops).unwrap(), "y");
        for wrong in [r#"{"type":"move","position":1}"#, r#"{"type":"insert","position":-1,"content":"x"}"#] {
            assert!(serde_json::from_str::<Op>(wrong).is_err());
        }
    }

    proptest! {
        #[test]
        fn a_difference_leads_from_one_text_to_the_other(
            before in proptest::collection::vec(character(), 0..12),
            after in proptest::collection::vec(character(), 0..12),
        ) {
            let (before, after): (String, String) = (before.into_iter().collect(), after.into_iter().collect());
            match difference(&before, &after) {
                None => prop_assert_eq!(before, after),
                Some(op) => prop_assert_eq!(apply(&before, &[op]).unwrap(), after),
            }
        }

        #[test]
        fn what_is_applied_is_what_a_document_does(ops in proptest::collection::vec(op(), 1..8)) {
            let start = "a😀b\u{200d}cé👨‍👩";
            let document = super::super::document::Document::new(super::super::Cid::server(1));
            document.write(&[insert(0, start)]);
            if let Ok(expected) = apply(start, &ops) {
                document.write(&ops);
                prop_assert_eq!(document.text(), expected);
            }
            prop_assert!(true);
        }
    }

    fn character() -> impl Strategy<Value = char> {
        proptest::sample::select(vec!['a', 'b', 'é', '😀', '😁', '\u{200d}', '\u{1f468}'])
    }

    fn op() -> impl Strategy<Value = Op> {
        (0_u32..14, 0_u32..4, proptest::collection::vec(character(), 0..3), any::<bool>()).prop_map(
            |(position, length, content, both)| {
                let content: String = content.into_iter().collect();
                match (length, both) {
                    (0, _) => Op::Insert { position, content },
                    (length, true) => Op::Replace { position, length, content },
                    (length, false) => Op::Delete { position, length },
                }
            },
        )
    }
}
