//! How a log becomes a snapshot, and loses nothing wherever it stops.
//!
//! 1. Take a lease. It saves work; nothing below needs it.
//! 2. Read the room, and remove what the snapshot that holds has made superfluous.
//! 3. Build the text of a contiguous part of the log: all but the window's last entries, and nothing younger than
//!    [`KEPT`]. An entry that cannot be taken in is set aside first.
//! 4. Write it in parts under keys that no other attempt has, read it back, and compare bytes, text and clocks.
//! 5. Make it the snapshot that holds, if the one that was read still does. Before this nothing has changed for readers;
//!    after it, everything that they need is in the snapshot and the log after it.
//! 6. Remove the entries that it holds and the parts of other attempts. What is left over, the next one removes.

use std::time::Duration;

use super::document::{Document, NOTHING};
use super::failure::{Refusal, Result};
use super::replica::Replica;
use super::{Attempt, KEPT, Rev, Rooms};
use crate::store::room_log;
use crate::store::room_snapshot::{self, Meta, PART, Read};
use crate::{Error, RoomId};

/// How many bytes of entries stay in the log at most.
const WINDOW_BYTES: usize = 128_000;
/// How long one compactor keeps others away.
const LEASE: Duration = Duration::from_secs(60);

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compacted {
    /// The snapshot holds everything up to this rev.
    Done(Rev),
    /// The log is short, or young.
    Nothing,
    /// Somebody else is at it, or was faster.
    Busy,
}

impl Rooms {
    /// Shortens a room's log. May be called at any time, any number of times, and stop anywhere.
    ///
    /// # Errors
    /// `Gone`; anything else may be tried again.
    pub async fn compact(&self, room: RoomId) -> Result<Compacted> {
        let (id, now) = (self.number()?, self.clock.now());
        if !room_snapshot::lease(&self.store, room, id, now, now + LEASE).await? {
            return match room_snapshot::meta(&self.store, room).await? {
                Some(meta) if !meta.deleted => Ok(Compacted::Busy),
                _ => Err(Refusal::Gone.into()),
            };
        }
        let result = self.shorten(room, id).await;
        if !matches!(result, Ok(Compacted::Done(_))) {
            room_snapshot::release(&self.store, room, id).await?;
        }
        result
    }

    async fn shorten(&self, room: RoomId, id: u64) -> Result<Compacted> {
        let Some(read) = room_snapshot::read(&self.store, room).await? else { return Err(Refusal::Gone.into()) };
        self.sweep(room, &read, &read.meta).await?;
        let old = read.meta.clone();
        let Some(replica) = Replica::new(read, self.clock.now())? else { return Ok(Compacted::Busy) };
        let Some(rev) = self.cut(&replica) else { return Ok(Compacted::Nothing) };
        let (document, refused) = replica.document_at(rev, self.server_cid()?)?;
        for entry in replica.entries.iter().filter(|entry| refused.contains(&entry.rev)) {
            if entry.update != NOTHING {
                room_log::quarantine(&self.store, room, entry).await?;
            }
        }
        let snapshot = document.encode();
        let attempt = Attempt { generation: old.attempt.generation + 1, id };
        let mut parts = 0;
        for part in snapshot.chunks(PART) {
            room_snapshot::put_part(&self.store, room, &attempt, parts, part).await?;
            parts += 1;
        }
        let written = room_snapshot::parts(&self.store, room, &attempt).await?;
        if written != snapshot {
            return Ok(Compacted::Busy);
        }
        let again = Document::load(self.server_cid()?, &written)?;
        if again.text() != document.text() || again.clocks() != document.clocks() {
            return Err(Error::internal("a snapshot does not hold the text that it was made of").into());
        }
        let new = Meta { rev, attempt, parts, sha: room_snapshot::sha(&snapshot), ..old.clone() };
        if !room_snapshot::flip(&self.store, room, &old, &new).await? {
            // Or it was our own, whose answer was lost.
            let holds = room_snapshot::meta(&self.store, room).await?.is_some_and(|meta| meta.attempt == attempt);
            if !holds {
                return Ok(Compacted::Busy);
            }
        }
        // The replica of this instance, if there is one, still builds on the old snapshot, and may: it has all of it.
        if let Some(read) = room_snapshot::read(&self.store, room).await? {
            self.sweep(room, &read, &new).await?;
        }
        Ok(Compacted::Done(rev))
    }

    /// The last entry that a snapshot may take in, if it is worth one.
    fn cut(&self, replica: &Replica) -> Option<Rev> {
        let old = room_log::millis(self.clock.now() - KEPT);
        let aged = replica.entries.iter().take_while(|entry| entry.at_ms < old).count();
        let mut kept_bytes = 0;
        let window = replica.entries.iter().rev().take_while(|entry| {
            kept_bytes += entry.update.len();
            kept_bytes <= WINDOW_BYTES
        });
        // The log's last entry always stays.
        let kept = window.take(self.window).count().max(1);
        let taken = replica.entries.len().saturating_sub(kept).min(aged);
        taken.checked_sub(1).and_then(|last| replica.entries.get(last)).map(|entry| entry.rev)
    }

    /// Removes what the snapshot that holds has made superfluous: its entries, and older attempts.
    async fn sweep(&self, room: RoomId, read: &Read, holds: &Meta) -> Result<()> {
        if read.meta.attempt != holds.attempt {
            return Ok(());
        }
        let held: Vec<Rev> = read.entries.iter().map(|entry| entry.rev).filter(|rev| *rev <= holds.rev).collect();
        room_log::remove(&self.store, room, &held).await?;
        let dead = |attempt: &Attempt| *attempt != holds.attempt && attempt.generation <= holds.attempt.generation;
        for (attempt, parts) in read.parts.iter().filter(|(attempt, _)| dead(attempt)) {
            for part in parts.keys() {
                room_snapshot::remove_part(&self.store, room, attempt, *part).await?;
            }
        }
        Ok(())
    }
}
