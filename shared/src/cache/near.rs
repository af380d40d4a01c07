//! Answers in the warm instance's memory, the least recently used going first.
//!
//! Deliberately absent: anything that distinguishes readers, which are part of a name; and answers that are too large to
//! leave room for others.

use std::collections::HashMap;
use std::sync::Arc;

use super::key::Name;
use crate::clock::Timestamp;

/// The most answers.
const ENTRIES: usize = 512;
/// The most bytes of all answers together; the smallest function has 256 MB.
const BYTES: usize = 8 * 1_024 * 1_024;

/// The memory.
#[derive(Debug, Default)]
pub(super) struct Near {
    entries: HashMap<Name, Entry>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    answer: Arc<[u8]>,
    expires: Timestamp,
    used: u64,
}

impl Near {
    pub(super) fn get(&mut self, name: Name, now: Timestamp) -> Option<Arc<[u8]>> {
        let entry = self.entries.get_mut(&name)?;
        if entry.expires <= now {
            self.remove(name);
            return None;
        }
        self.uses += 1;
        entry.used = self.uses;
        Some(Arc::clone(&entry.answer))
    }

    pub(super) fn put(&mut self, name: Name, answer: Arc<[u8]>, expires: Timestamp) {
        self.remove(name);
        if answer.len() > BYTES / 8 {
            return;
        }
        while self.entries.len() >= ENTRIES || self.bytes + answer.len() > BYTES {
            let Some(oldest) = self.entries.iter().min_by_key(|(_, entry)| entry.used).map(|(name, _)| *name) else {
                break;
            };
            self.remove(oldest);
        }
        self.uses += 1;
        self.bytes += answer.len();
        self.entries.insert(name, Entry { answer, expires, used: self.uses });
    }

    fn remove(&mut self, name: Name) {
        if let Some(entry) = self.entries.remove(&name) {
            self.bytes -= entry.answer.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TenantId;
    use crate::cache::{Key, Reader};

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LATER: Timestamp = Timestamp::from_secs(2_000);

    fn name(n: usize) -> Name {
        let reader = Reader::new(TenantId::from([1; 16]), |_| true);
        Key::of(&reader, "op", b"").with("n", n.to_be_bytes()).build().name()
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut near = Near::default();
        for n in 0..ENTRIES {
            near.put(name(n), Arc::from([0; 3]), LATER);
        }
        assert!(near.get(name(0), NOW).is_some());
        near.put(name(ENTRIES), Arc::from([0; 3]), LATER);
        assert_eq!((near.entries.len(), near.bytes), (ENTRIES, ENTRIES * 3));
        assert!(near.get(name(0), NOW).is_some() && near.get(name(1), NOW).is_none());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut near = Near::default();
        let large: Arc<[u8]> = vec![0; BYTES / 8].into();
        for n in 0..9 {
            near.put(name(n), Arc::clone(&large), LATER);
        }
        assert_eq!((near.entries.len(), near.bytes), (8, BYTES));
        near.put(name(8), Arc::from([1]), LATER);
        assert_eq!(near.bytes, BYTES - large.len() + 1);
        near.put(name(9), vec![0; BYTES / 8 + 1].into(), LATER);
        assert!(near.get(name(9), NOW).is_none());
    }

    #[test]
    fn an_answer_ends_with_its_time() {
        let mut near = Near::default();
        near.put(name(1), Arc::from([1]), LATER);
        assert!(near.get(name(1), LATER).is_none());
        assert_eq!((near.entries.len(), near.bytes), (0, 0));
    }
}
