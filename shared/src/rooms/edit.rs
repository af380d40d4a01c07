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
    let prefix: usize =
        before.chars().zip(after.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum();
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
