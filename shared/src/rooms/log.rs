//! The way into a log.
//!
//! | the writer's instance | rounds before the answer |
//! |---|---|
//! | knows the head and that the author may write | 1: PutItem |
//! | knows the room | 2: Query (what is new), beside the author's access; PutItem |
//! | knows nothing | 2: Query (everything, a page per MB), beside the author's access; PutItem |
//!
//! Each lost race adds two: Query, PutItem.

use std::time::Duration;

use super::author::{Author, Cid, Role};
use super::document::{Document, NOTHING};
use super::edit::{self, Op, Patch};
use super::failure::{Failure, Refusal, Result};
use super::outline::Outline;
use super::replica::{Draft, Replica};
use super::{Entry, Kind, MAX_ROOM, MAX_UPDATE, Name, Rev, Rooms, TRUSTED};
use crate::store::room_log::{self, Appended};
use crate::store::room_snapshot;
use crate::{Error, RoomId, UserId};

/// How often a place is tried for before the room counts as too busy.
const TRIES: u32 = 12;
/// How often a room is read that is being compacted at the same time.
const READS: u32 = 5;
/// Before the third try for a place, at most; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(4);
/// Room for deletions in a full room.
const SLACK: usize = 200_000;
/// Most client ids in one update.
const MOST_CIDS: usize = 8;
/// How many bytes a log may have before somebody should make a snapshot; or half as many entries again as its window.
const LARGE: usize = 256_000;
/// How many bytes more than a room's a log may have that was written too fast to be made shorter in between.
const BURST: usize = 14_000_000;
/// How often in a window that is said.
const REMINDERS: usize = 10;

/// A change that is in the log.
#[derive(Debug, Clone)]
pub struct Written {
    /// Its place.
    pub rev: Rev,
    /// What it does to the text, as Yjs has it.
    pub update: Vec<u8>,
    /// Whether it was there before: a resend.
    pub again: bool,
    /// For an edit: what leads from its base to `rev`.
    pub patch: Option<Patch>,
    /// Whether it is time for [`Rooms::compact`].
    pub compact: bool,
}

/// What somebody wants to write.
enum Change<'a> {
    Update { bytes: &'a [u8], outline: Outline },
    Edit { base: Rev, ops: &'a [Op] },
}

impl Rooms {
    /// Appends an update of Yjs. `access` tells the author's role as it is now; it is asked beside the reading of the
    /// log, and only if the answer is not known from before.
    ///
    /// # Errors
    /// A [`Refusal`], or `Unavailable` when the table is out of reach or the room too busy: the same bytes may be sent
    /// again under the same `n`, whatever became of this call.
    pub async fn update(
        &self,
        room: RoomId,
        author: &Author,
        n: u64,
        bytes: &[u8],
        access: impl AsyncFn() -> crate::Result<Option<Role>>,
    ) -> Result<Written> {
        if bytes.len() > MAX_UPDATE {
            return Err(Refusal::TooBig.into());
        }
        let outline = Outline::read(bytes)?;
        if outline.is_empty() {
            return Err(Refusal::Bad("The update changes nothing.").into());
        }
        if outline.cids().count() > MOST_CIDS {
            return Err(Refusal::Bad("The update has too many client ids.").into());
        }
        self.write(room, author, n, Change::Update { bytes, outline }, access).await
    }

    /// Appends operations on the text of `base`, for a client without Yjs. Errors are those of [`update`](Self::update).
    pub async fn edit(
        &self,
        room: RoomId,
        author: &Author,
        n: u64,
        base: Rev,
        ops: &[Op],
        access: impl AsyncFn() -> crate::Result<Option<Role>>,
    ) -> Result<Written> {
        self.write(room, author, n, Change::Edit { base, ops }, access).await
    }

    /// Says in the log that access to the room has changed, after it has: from then on nobody writes with a role that
    /// was read before.
    pub async fn fence(&self, room: RoomId) -> Result<Rev> {
        self.control(room, Kind::Fence).await
    }

    /// Deletes a room: marks it, says so in the log, and lets its items expire in a day. Every step may be repeated.
    pub async fn close(&self, room: RoomId) -> Result<()> {
        let now = self.clock.now();
        if !room_snapshot::delete(&self.store, room, now).await? {
            return Err(Refusal::Gone.into());
        }
        self.control(room, Kind::Close).await?;
        Ok(room_snapshot::expire(&self.store, room, now + Duration::from_secs(86_400)).await?)
    }

    /// Gives a client id to a session with Yjs.
    pub async fn assign_cid(&self, room: RoomId, user: UserId) -> crate::Result<Cid> {
        for _ in 0..READS {
            let cid = Cid::session(self.number()?);
            if room_log::claim_cid(&self.store, room, cid, user).await? {
                return Ok(cid);
            }
        }
        Err(Error::unavailable("no client id is free"))
    }

    /// The entry with a room's first text, for the transaction that makes the room.
    ///
    /// # Errors
    /// `TooBig`.
    pub fn seed(&self, text: &str) -> Result<Entry> {
        let document = Document::new(self.server_cid()?);
        let update = document.write(&[Op::Insert { position: 0, content: text.to_owned() }]);
        if update.len() > super::MAX_SEED {
            return Err(Refusal::TooBig.into());
        }
        Ok(self.entry(1, Kind::Change, update, None)?)
    }

    async fn write(
        &self,
        room: RoomId,
        author: &Author,
        n: u64,
        change: Change<'_>,
        access: impl AsyncFn() -> crate::Result<Option<Role>>,
    ) -> Result<Written> {
        let name = Name { user: author.user, session: author.session.clone(), n };
        let foreign: Vec<Cid> = match &change {
            Change::Update { outline, .. } => outline.cids().filter(|cid| Some(*cid) != author.cid).collect(),
            Change::Edit { .. } => Vec::new(),
        };
        let warm = self.take(room);
        let mut fresh = false;
        let mut role;
        let mut replica = match warm {
            Some(mut replica) if self.knows(&replica, author.user, &foreign) => {
                role = replica.once.take().filter(|(user, _)| *user == author.user).map(|(_, role)| Some(role));
                replica
            }
            warm => {
                fresh = true;
                let follows = warm.is_some();
                let (replica, read, owners) =
                    tokio::join!(self.refresh(room, warm), access(), self.owners(room, &foreign),);
                let (mut replica, fenced) = replica?;
                replica.cids.extend(owners?);
                role = Some(if fenced { access().await? } else { read? });
                // Read beside a log whose end was not known before, it may be older than a fence there.
                if follows && let Some(Some(role)) = role {
                    replica.roles.insert(author.user, role);
                }
                replica
            }
        };
        if foreign.iter().any(|cid| replica.cids.get(cid) != Some(&author.user)) {
            self.keep(room, replica);
            return Err(Refusal::Bad("A client id in the update is not yours.").into());
        }
        let mut draft: Option<Draft> = None;
        for attempt in 0..TRIES {
            if replica.closed {
                return Err(Refusal::Gone.into());
            }
            let may = match role {
                Some(role) => role,
                None => replica.roles.get(&author.user).copied(),
            };
            if !may.is_some_and(Role::may_write) {
                self.keep(room, replica);
                return Err(Refusal::Forbidden.into());
            }
            let known = replica.named(&name).map(|entry| (entry.rev, entry.update.clone()));
            if let Some((rev, update)) = known {
                return self.written(room, replica, rev, update, true, &change, None);
            }
            match self.judge(&mut replica, &change, &mut draft) {
                Ok(()) => {}
                Err(Failure::Refused(refusal)) if fresh => {
                    replica.forget();
                    self.keep(room, replica);
                    return Err(refusal.into());
                }
                // It may build on what this instance has not seen.
                Err(Failure::Refused(_)) => {
                    replica.forget_draft(&draft);
                    (replica, role) = self.again(room, replica, author, role, &access).await?;
                    fresh = true;
                    continue;
                }
                Err(other) => return Err(other),
            }
            let bytes = match (&change, &draft) {
                (Change::Edit { .. }, Some(draft)) => draft.update.clone(),
                (Change::Update { bytes, .. }, _) => bytes.to_vec(),
                (Change::Edit { .. }, None) => return Err(Error::internal("an edit without its update").into()),
            };
            let before = self.clock.now();
            if before.since(replica.verified) < TRUSTED {
                let entry = self.entry(replica.head + 1, Kind::Change, bytes, Some(name.clone()))?;
                if let Appended::Done = room_log::append(&self.store, room, &entry).await? {
                    let (rev, update) = (entry.rev, entry.update.clone());
                    replica.verified = before;
                    replica.follow(entry);
                    return self.written(room, replica, rev, update, false, &change, draft);
                }
            }
            replica.forget_draft(&draft);
            self.pause(attempt).await?;
            (replica, role) = self.again(room, replica, author, role, &access).await?;
            fresh = true;
        }
        Err(Error::unavailable("a room is too busy").into())
    }

    /// Whether a change may be the next entry.
    fn judge(&self, replica: &mut Replica, change: &Change<'_>, draft: &mut Option<Draft>) -> Result<()> {
        let (bytes, deletes) = match change {
            Change::Update { bytes, outline } => {
                replica.clocks.clone().admit(outline)?;
                (bytes.len(), outline.only_deletes())
            }
            Change::Edit { base, ops } => {
                let draft = match draft {
                    Some(draft) => draft,
                    None => draft.insert(replica.draft(*base, ops, self.server_cid()?)?),
                };
                if draft.update.len() > MAX_UPDATE {
                    return Err(Refusal::TooBig.into());
                }
                // Our own update always follows from the log; if it does not, it must not get in.
                let outline = Outline::read(&draft.update);
                let admitted = outline.and_then(|outline| replica.clocks.clone().admit(&outline));
                admitted.map_err(|refusal| Error::internal(format!("an edit's update is refused: {refusal}")))?;
                (draft.update.len(), ops.iter().all(|op| op.parts().2.is_empty()))
            }
        };
        let room = MAX_ROOM + if deletes { SLACK } else { 0 };
        if replica.bytes + bytes <= room {
            return Ok(());
        }
        // A burst is much longer as a log than as a text, until it may be made a snapshot.
        let fits = replica.bytes + bytes <= room + BURST && replica.dense(self.server_cid()?)? + bytes <= room;
        if fits { Ok(()) } else { Err(Refusal::Full.into()) }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one answer")]
    fn written(
        &self,
        room: RoomId,
        mut replica: Replica,
        rev: Rev,
        update: Vec<u8>,
        again: bool,
        change: &Change<'_>,
        draft: Option<Draft>,
    ) -> Result<Written> {
        let patch = match change {
            Change::Update { .. } => None,
            Change::Edit { base, .. } => Some(match draft {
                Some(draft) if rev == replica.head => {
                    let cid = self.server_cid()?;
                    let after = replica.text(cid)?;
                    Patch { from: *base, to: rev, ops: edit::difference(&draft.before, after).into_iter().collect() }
                }
                _ => replica.patch(*base, rev, self.server_cid()?)?,
            }),
        };
        let bytes = replica.entries.iter().map(|entry| entry.update.len()).sum::<usize>();
        let long = replica.entries.len() >= self.window / 2 * 3 || bytes > LARGE;
        let compact = long && rev.is_multiple_of((self.window / REMINDERS).max(1) as u64);
        self.keep(room, replica);
        Ok(Written { rev, update, again, patch, compact })
    }

    /// Whether an author's change can be tried without reading anything.
    pub(super) fn knows(&self, replica: &Replica, user: UserId, foreign: &[Cid]) -> bool {
        self.clock.now().since(replica.verified) < TRUSTED
            && replica.role(user).is_some_and(Role::may_write)
            && foreign.iter().all(|cid| replica.cids.contains_key(cid))
    }

    async fn owners(&self, room: RoomId, cids: &[Cid]) -> crate::Result<Vec<(Cid, UserId)>> {
        let mut owners = Vec::new();
        for cid in cids {
            if let Some(user) = room_log::cid_owner(&self.store, room, *cid).await? {
                owners.push((*cid, user));
            }
        }
        Ok(owners)
    }

    /// The room as it is now, and the author's role if access changed on the way.
    async fn again(
        &self,
        room: RoomId,
        replica: Replica,
        author: &Author,
        role: Option<Option<Role>>,
        access: &impl AsyncFn() -> crate::Result<Option<Role>>,
    ) -> Result<(Replica, Option<Option<Role>>)> {
        let cids = replica.cids.clone();
        let (mut replica, fenced) = self.refresh(room, Some(replica)).await?;
        replica.cids = cids;
        // The reading came first: the answer is at least as new as every fence that was read.
        let role = match role {
            Some(role) if !fenced => Some(role),
            None if !fenced && replica.roles.contains_key(&author.user) => None,
            _ => {
                let role = access().await?;
                if let Some(role) = role {
                    replica.roles.insert(author.user, role);
                }
                Some(role)
            }
        };
        Ok((replica, role))
    }

    /// Reads what a replica does not have, or everything; and whether access may have changed since the replica's head.
    pub(super) async fn refresh(&self, room: RoomId, warm: Option<Replica>) -> Result<(Replica, bool)> {
        let known = warm.is_some();
        if let Some(mut replica) = warm {
            let now = self.clock.now();
            let entries = room_log::from(&self.store, room, replica.head + 1, usize::MAX).await?;
            let fenced = entries.iter().any(|entry| entry.kind == Kind::Fence);
            if entries.into_iter().all(|entry| replica.follow(entry)) {
                replica.verified = now;
                return Ok((replica, fenced));
            }
        }
        // What came between is no longer in the log: it may have been a fence.
        Ok((self.open(room).await?, known))
    }

    async fn open(&self, room: RoomId) -> Result<Replica> {
        for attempt in 0..READS {
            let now = self.clock.now();
            let Some(read) = room_snapshot::read(&self.store, room).await? else { return Err(Refusal::Gone.into()) };
            if let Some(replica) = Replica::new(read, now)? {
                return Ok(replica);
            }
            self.pause(attempt).await?;
        }
        Err(Error::unavailable("a room moves on faster than it can be read").into())
    }

    async fn control(&self, room: RoomId, kind: Kind) -> Result<Rev> {
        let mut replica = self.take(room);
        for attempt in 0..TRIES * 2 {
            let (mut read, _) = self.refresh(room, replica.take()).await?;
            let closed = read.entries.back().is_some_and(|entry| entry.kind == Kind::Close);
            if closed {
                return Ok(read.head);
            }
            let entry = self.entry(read.head + 1, kind, NOTHING.to_vec(), None)?;
            let rev = entry.rev;
            if let Appended::Done = room_log::append(&self.store, room, &entry).await? {
                read.follow(entry);
                self.keep(room, read);
                return Ok(rev);
            }
            self.pause(attempt).await?;
            replica = Some(read);
        }
        Err(Error::unavailable("a room is too busy").into())
    }

    fn entry(&self, rev: Rev, kind: Kind, update: Vec<u8>, name: Option<Name>) -> crate::Result<Entry> {
        let at_ms = room_log::millis(self.clock.now());
        Ok(Entry { rev, kind, update, name, at_ms, write: self.number()? })
    }

    async fn pause(&self, attempt: u32) -> crate::Result<()> {
        if attempt > 0 {
            let most = BACKOFF * 2_u32.saturating_pow((attempt - 1).min(6));
            let part = (self.number()? % 1_000) as f64 / 1_000.0;
            tokio::time::sleep(most.mul_f64(part)).await;
        }
        Ok(())
    }
}
