//! Rooms: texts that several people edit at once. An acknowledged change is in the table, once, for ever.
//!
//! A room is a log of Yjs updates, numbered without a hole by `rev`, on top of a snapshot.
//!
//! - **Durable before acknowledged.** A change is the next entry by a conditional put at `head + 1`; who loses the place
//!   reads what came before and tries the next one with the same bytes.
//! - **Once.** An entry has the name `(user, session, n)`. A resend is found in the log; beyond the log's window, Yjs
//!   takes an update twice as once, and an edit is refused because its base is older than the window.
//! - **The same for everybody.** An entry builds only on entries before it ([`Clocks::admit`](outline::Clocks::admit)),
//!   so every reader who follows the log has nothing pending, whatever the author sent.
//! - **A cached head is safe.** Whoever believes that the log ends at `h` can only write `h + 1`. That place stays taken
//!   for at least [`KEPT`] after it was written, and a head is believed for [`TRUSTED`]; the log's last entry is never
//!   removed, so a reader notices what it missed.
//! - **A change of access is an entry** ([`Rooms::fence`]): a writer who believes that somebody may write meets it.
//!
//! | module | what it decides |
//! |---|---|
//! | [`outline`] | what an update is made of, and whether it follows from the log |
//! | [`document`] | texts with history |
//! | [`edit`] | changes by position, for clients without Yjs |
//! | `replica` | a room as one instance knows it |
//! | `log`, `read`, `prepare` | the way to the table and back |
//! | `compaction` | how a log becomes a snapshot |
//!
//! Deliberately absent: connections, members, who is told of a change.

pub mod author;
mod compaction;
pub mod document;
pub mod edit;
pub mod failure;
#[cfg(test)]
mod hostile;
mod log;
pub mod outline;
mod prepare;
mod read;
mod replica;

use std::sync::Mutex;
use std::time::Duration;

pub use author::{Author, Cid, Role, SessionName};
pub use compaction::Compacted;
pub use edit::{Op, Patch};
pub use failure::{Failure, Refusal, Result};
pub use log::Written;
pub use read::{Pulled, State};

use crate::clock::Clock;
use crate::random::Random;
use crate::store::Store;
use crate::{RoomId, UserId};
use replica::Replica;

/// The number of an entry; 0 before the first one.
pub type Rev = u64;

/// Most bytes of one update: with base64 and its frame it stays below API Gateway's 32 KB.
pub const MAX_UPDATE: usize = 23_000;
/// Most bytes of the text that a room begins with: an item has at most 400 KB.
pub const MAX_SEED: usize = 350_000;
/// Most bytes of a room, snapshot and log together. An instance holds a few of them.
pub const MAX_ROOM: usize = 2_000_000;
/// How long a head that was read is believed.
pub const TRUSTED: Duration = Duration::from_secs(20);
/// How long an entry stays in the log at least. More than [`TRUSTED`], the time that a write may be under way, and the
/// difference between the clocks of two instances.
pub const KEPT: Duration = Duration::from_secs(60);

/// How many entries stay in a log.
const WINDOW: usize = 500;
/// How many rooms an instance keeps.
const WARM: usize = 16;

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The text changes.
    Change,
    /// Access changes.
    Fence,
    /// The room was deleted.
    Close,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Change, Self::Fence, Self::Close];

    /// As it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Change => "change",
            Self::Fence => "fence",
            Self::Close => "close",
        }
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What tells one change from another: the session's how many-th it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The author.
    pub user: UserId,
    /// The author's client.
    pub session: SessionName,
    /// The client's own number.
    pub n: u64,
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub rev: Rev,
    /// What it is for.
    pub kind: Kind,
    /// What it does to the text, as Yjs has it.
    pub update: Vec<u8>,
    /// Who wrote it; nobody wrote a room's first text, or a fence.
    pub name: Option<Name>,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Random: which write it was.
    pub write: u64,
}

/// Which attempt at a snapshot, of all that were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Attempt {
    /// How many snapshots there were before, and one; 0 for none.
    pub generation: u64,
    /// Random: attempts of one generation share nothing.
    pub id: u64,
}

/// The rooms, and those that this instance has at hand.
#[derive(Debug)]
pub struct Rooms {
    store: Store,
    clock: Clock,
    random: Random,
    /// How many entries stay in a log, for readers and bases that are behind.
    window: usize,
    /// The most recently used last.
    warm: Mutex<Vec<(RoomId, Replica)>>,
}

impl Rooms {
    /// No room is at hand yet.
    pub fn new(store: Store, clock: Clock, random: Random) -> Self {
        Self { store, clock, random, window: WINDOW, warm: Mutex::default() }
    }

    /// The same with another window, so that a simulation need not write thousands of entries.
    pub fn keeping(self, window: usize) -> Self {
        Self { window, ..self }
    }

    /// Takes a room's replica away, so that nobody else works with it. A call that ends in the middle never gives it
    /// back: the next one reads the room anew.
    fn take(&self, room: RoomId) -> Option<Replica> {
        let mut warm = self.warm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let position = warm.iter().position(|(id, _)| *id == room)?;
        Some(warm.remove(position).1)
    }

    /// Keeps a replica for the next call, unless a newer one is there.
    fn keep(&self, room: RoomId, replica: Replica) {
        let mut warm = self.warm.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(position) = warm.iter().position(|(id, _)| *id == room) {
            if warm[position].1.head > replica.head {
                return;
            }
            warm.remove(position);
        }
        warm.push((room, replica));
        if warm.len() > WARM {
            warm.remove(0);
        }
    }

    fn number(&self) -> crate::Result<u64> {
        Ok(u64::from_le_bytes(self.random.bytes()?))
    }

    fn server_cid(&self) -> crate::Result<Cid> {
        Ok(Cid::server(self.number()?))
    }
}
