//! A room as one instance knows it: snapshot, log, and what follows from them. Pure state; [`super::log`] reads and
//! writes the table.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::author::{Cid, Role};
use super::document::{Document, clocks_of};
use super::edit::{self, Op, Patch};
use super::failure::{Refusal, Result};
use super::outline::{Clocks, Outline};
use super::{Entry, Kind, Name, Rev};
use crate::clock::Timestamp;
use crate::store::room_snapshot::Read;
use crate::{Error, UserId};

/// How many steps between texts are kept for those who follow without Yjs.
const STEPS: usize = 128;
/// After how many bytes more a room is measured again.
const REMEASURE: usize = 256_000;

/// A room, up to its `head`.
#[derive(Debug)]
pub(super) struct Replica {
    pub epoch: u64,
    /// What the snapshot holds, up to `base_rev`; empty without one.
    base: Vec<u8>,
    pub base_rev: Rev,
    /// Everything since, without a hole.
    pub entries: VecDeque<Entry>,
    pub head: Rev,
    /// Entries that do not follow from those before them; they are part of no text.
    void: BTreeSet<Rev>,
    pub clocks: Clocks,
    /// Whether the room was deleted.
    pub closed: bool,
    /// Who may do what, as it was read after the last change of access before `head`.
    pub roles: BTreeMap<UserId, Role>,
    /// The same for one user, for the next change alone.
    pub once: Option<(UserId, Role)>,
    /// Whose client ids are.
    pub cids: BTreeMap<Cid, UserId>,
    /// When `head` was the log's end for certain.
    pub verified: Timestamp,
    /// Bytes of snapshot and log.
    pub bytes: usize,
    /// What the room took as a snapshot when that was measured, and `bytes` then.
    dense: Option<(usize, usize)>,
    /// The text at `head`, once somebody needed it.
    text: Option<Live>,
}

/// A text that moves on with the log.
#[derive(Debug)]
struct Live {
    document: Document,
    text: String,
    /// What each of the last revs did to the text.
    steps: VecDeque<(Rev, Option<Op>)>,
}

/// A change that was computed for a text, before it is in the log.
#[derive(Debug)]
pub(super) struct Draft {
    pub update: Vec<u8>,
    /// The text that it was made for.
    pub before: String,
}

impl Replica {
    /// What was read; `None` if a snapshot moved on meanwhile: read again.
    pub fn new(read: Read, verified: Timestamp) -> Result<Option<Self>, Error> {
        let Some(base) = read.snapshot()? else { return Ok(None) };
        let clocks = if base.is_empty() { Clocks::default() } else { clocks_of(&base)? };
        let mut replica = Self {
            epoch: read.meta.epoch,
            bytes: base.len(),
            base,
            base_rev: read.meta.rev,
            entries: VecDeque::new(),
            head: read.meta.rev,
            void: BTreeSet::new(),
            clocks,
            closed: read.meta.deleted,
            roles: BTreeMap::new(),
            once: None,
            cids: BTreeMap::new(),
            verified,
            dense: None,
            text: None,
        };
        let whole =
            read.entries.into_iter().filter(|entry| entry.rev > read.meta.rev).all(|entry| replica.follow(entry));
        Ok(whole.then_some(replica))
    }

    /// Takes in the next entry of the log; false if it is not the next one.
    pub fn follow(&mut self, entry: Entry) -> bool {
        if entry.rev != self.head + 1 {
            return false;
        }
        match entry.kind {
            Kind::Change => {}
            Kind::Fence => self.roles.clear(),
            Kind::Close => self.closed = true,
        }
        self.head = entry.rev;
        self.bytes += entry.update.len();
        let admitted = Outline::read(&entry.update).and_then(|outline| self.clocks.admit(&outline));
        if admitted.is_err() {
            self.void.insert(entry.rev);
        } else if let Some(mut live) = self.text.take()
            && matches!(live.document.apply(&entry.update), Ok(true))
        {
            let after = live.document.text();
            live.steps.push_back((entry.rev, edit::difference(&live.text, &after)));
            live.text = after;
            if live.steps.len() > STEPS {
                live.steps.pop_front();
            }
            self.text = Some(live);
        }
        self.entries.push_back(entry);
        true
    }

    /// What a user may do, as far as that is known.
    pub fn role(&self, user: UserId) -> Option<Role> {
        let once = self.once.filter(|(known, _)| *known == user).map(|(_, role)| role);
        self.roles.get(&user).copied().or(once)
    }

    /// The entry that a session wrote as its `n`th.
    pub fn named(&self, name: &Name) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name.as_ref() == Some(name))
    }

    /// The entries since a rev, if all of them are known.
    pub fn since(&self, rev: Rev) -> Option<impl DoubleEndedIterator<Item = &Entry>> {
        let known = (self.base_rev..=self.head).contains(&rev);
        known.then(|| self.entries.iter().filter(move |entry| entry.rev > rev))
    }

    /// Whether an entry is part of no text.
    pub fn is_void(&self, rev: Rev) -> bool {
        self.void.contains(&rev)
    }

    /// The text as it was at `rev`, in a document of its own; with the entries that it could not take in.
    pub fn document_at(&self, rev: Rev, cid: Cid) -> Result<(Document, Vec<Rev>)> {
        if rev < self.base_rev {
            return Err(Refusal::StaleBase.into());
        }
        let document = if self.base.is_empty() { Document::new(cid) } else { Document::load(cid, &self.base)? };
        let mut refused = Vec::new();
        for entry in self.entries.iter().take_while(|entry| entry.rev <= rev) {
            if self.void.contains(&entry.rev) || !document.apply(&entry.update)? {
                refused.push(entry.rev);
            }
        }
        Ok((document, refused))
    }

    fn live(&mut self, cid: Cid) -> Result<&mut Live> {
        let live = match self.text.take() {
            Some(live) => live,
            None => {
                let (document, _) = self.document_at(self.head, cid)?;
                Live { text: document.text(), document, steps: VecDeque::new() }
            }
        };
        Ok(self.text.insert(live))
    }

    /// What the room would take as a snapshot, in bytes: measured now and then, with all that was written since.
    pub fn dense(&mut self, cid: Cid) -> Result<usize> {
        let (measured, then) = match self.dense {
            Some((measured, then)) if self.bytes - then <= REMEASURE => (measured, then),
            _ => (self.document_at(self.head, cid)?.0.encode().len(), self.bytes),
        };
        self.dense = Some((measured, then));
        Ok(measured + self.bytes - then)
    }

    /// The text at `head`, and all of its history as one update.
    pub fn whole(&mut self, cid: Cid) -> Result<(String, Vec<u8>)> {
        let live = self.live(cid)?;
        Ok((live.text.clone(), live.document.encode()))
    }

    /// The text at `head`.
    pub fn text(&mut self, cid: Cid) -> Result<&str> {
        Ok(&self.live(cid)?.text)
    }

    /// Makes an update of operations on the text of `base`. `cid` is one that nobody used; the document at `head` signs
    /// with the one it has. That document then holds a change that the log does not: [`forget`](Self::forget) it
    /// unless the change becomes the next entry.
    pub fn draft(&mut self, base: Rev, ops: &[Op], cid: Cid) -> Result<Draft> {
        if base > self.head {
            return Err(Refusal::Bad("`base` is a rev that the room has not reached.").into());
        }
        if base == self.head {
            let live = self.live(cid)?;
            edit::apply(&live.text, ops)?;
            return Ok(Draft { update: live.document.write(ops), before: live.text.clone() });
        }
        let (document, _) = self.document_at(base, cid)?;
        let before = document.text();
        edit::apply(&before, ops)?;
        Ok(Draft { update: document.write(ops), before })
    }

    /// Drops a document that may hold a draft which is not in the log.
    pub fn forget_draft(&mut self, draft: &Option<Draft>) {
        if draft.is_some() {
            self.forget();
        }
    }

    /// Drops the document at `head`; it is built again when it is needed.
    pub fn forget(&mut self) {
        self.text = None;
    }

    /// What led from the text of one rev to another's.
    pub fn patch(&mut self, from: Rev, to: Rev, cid: Cid) -> Result<Patch> {
        if from > to || to > self.head {
            return Err(Refusal::Bad("There is no such rev.").into());
        }
        let steps = self.text.iter().flat_map(|live| &live.steps);
        let known: Vec<&Option<Op>> =
            steps.filter(|(rev, _)| (from + 1..=to).contains(rev)).map(|(_, op)| op).collect();
        if known.len() as u64 == to - from {
            return Ok(Patch { from, to, ops: known.into_iter().flatten().cloned().collect() });
        }
        let (document, _) = self.document_at(from, cid)?;
        let mut before = document.text();
        let mut ops = Vec::new();
        for entry in self.entries.iter().filter(|entry| (from + 1..=to).contains(&entry.rev)) {
            if !self.void.contains(&entry.rev) {
                document.apply(&entry.update)?;
                let after = document.text();
                ops.extend(edit::difference(&before, &after));
                before = after;
            }
        }
        Ok(Patch { from, to, ops })
    }
}
