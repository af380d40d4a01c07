//! What readers of a room get: everything at first, then what they miss.

use super::document::merge;
use super::edit::Patch;
use super::failure::{Refusal, Result};
use super::replica::Replica;
use super::{Entry, Kind, MAX_UPDATE, Rev, Rooms};
use crate::RoomId;
use crate::store::{room_log, room_snapshot};

/// A room as a joiner gets it.
#[derive(Debug, Clone)]
pub struct State {
    /// The last entry that is in it.
    pub rev: Rev,
    /// Which history it is: a client that knows another one starts anew.
    pub epoch: u64,
    /// What leads there, as one update of Yjs.
    pub update: Vec<u8>,
    /// Whether the update is all of the room, and not only what the joiner missed.
    pub whole: bool,
    /// The text.
    pub text: String,
}

/// What a reader misses.
#[derive(Debug, Clone)]
pub enum Pulled {
    /// Entries from the first one wanted to `to`, without a hole; there may be more. None yet if `to` is before `from`.
    Batch {
        /// The first one wanted.
        from: Rev,
        /// The last one here.
        to: Rev,
        /// In order.
        entries: Vec<Entry>,
    },
    /// The first one wanted is no longer kept: read the room anew.
    Trimmed {
        /// The last entry.
        rev: Rev,
    },
}

impl Rooms {
    /// The room as it is now; for a joiner who has everything up to `since`, only what came then.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn state(&self, room: RoomId, since: Option<Rev>) -> Result<State> {
        let mut replica = self.current(room).await?;
        let (text, whole) = replica.whole(self.server_cid()?)?;
        let missed = match since.and_then(|rev| replica.since(rev)) {
            Some(entries) => {
                let updates: Vec<&[u8]> =
                    entries.filter(|entry| !replica.is_void(entry.rev)).map(|entry| entry.update.as_slice()).collect();
                Some(merge(updates)?)
            }
            None => None,
        };
        let (rev, epoch) = (replica.head, replica.epoch);
        self.keep(room, replica);
        Ok(match missed {
            Some(update) => State { rev, epoch, update, whole: false, text },
            None => State { rev, epoch, update: whole, whole: true, text },
        })
    }

    /// The entries from `from` on, at least one and at most those that reach `most` bytes.
    ///
    /// # Errors
    /// `Gone`, or `Bad` for a rev that the room has not reached.
    pub async fn pull(&self, room: RoomId, from: Rev, most: usize) -> Result<Pulled> {
        if from == 0 {
            return Err(Refusal::Bad("Revs begin at 1.").into());
        }
        let mut entries = room_log::from(&self.store, room, from, most).await?;
        // A room's first text may be too large for a message; it comes with the room's state.
        let fit = entries.iter().take_while(|entry| entry.update.len() <= MAX_UPDATE).count();
        if fit == 0 && !entries.is_empty() {
            return Ok(Pulled::Trimmed { rev: self.head(room).await? });
        }
        entries.truncate(fit);
        if entries.iter().any(|entry| entry.kind == Kind::Close) {
            return Err(Refusal::Gone.into());
        }
        match (entries.first(), entries.last()) {
            (Some(first), Some(last)) if first.rev == from => Ok(Pulled::Batch { from, to: last.rev, entries }),
            (Some(_), _) => Ok(Pulled::Trimmed { rev: self.head(room).await? }),
            _ => match self.head(room).await? {
                head if head + 1 < from => Err(Refusal::Bad("There is no such rev.").into()),
                // The log's last entry is never removed: what may be there now came after the first reading.
                _ => Ok(Pulled::Batch { from, to: from - 1, entries }),
            },
        }
    }

    /// What leads from the text of `from` to the text of `to`, or to the last one.
    ///
    /// # Errors
    /// `StaleBase` if `from` is no longer kept, `Bad` for a rev that the room has not reached, `Gone`.
    pub async fn patch(&self, room: RoomId, from: Rev, to: Option<Rev>) -> Result<Patch> {
        let mut replica = match (self.take(room), to) {
            // The entry was just written here.
            (Some(replica), Some(to)) if replica.head >= to && !replica.closed => replica,
            (Some(replica), _) => {
                self.keep(room, replica);
                self.current(room).await?
            }
            (None, _) => self.current(room).await?,
        };
        let to = to.unwrap_or(replica.head);
        let patch = replica.patch(from, to, self.server_cid()?);
        self.keep(room, replica);
        patch
    }

    /// The last entry's rev: one query.
    ///
    /// # Errors
    /// `Gone`.
    pub async fn head(&self, room: RoomId) -> Result<Rev> {
        match room_log::last(&self.store, room).await? {
            Some(entry) if entry.kind == Kind::Close => Err(Refusal::Gone.into()),
            Some(entry) => Ok(entry.rev),
            None => match room_snapshot::meta(&self.store, room).await? {
                Some(meta) if !meta.deleted => Ok(meta.rev),
                _ => Err(Refusal::Gone.into()),
            },
        }
    }

    async fn current(&self, room: RoomId) -> Result<Replica> {
        let (replica, _) = self.refresh(room, self.take(room)).await?;
        if replica.closed { Err(Refusal::Gone.into()) } else { Ok(replica) }
    }
}
