//! Documents go: some by id, those that a filter means, or a whole namespace.
//!
//! Deleting is idempotent: what is not there is not counted. A namespace is emptied at once, by its next epoch; its rows and
//! records are then erased one after the other, and what a dead call left behind is erased by the next one.

use serde::{Deserialize, Serialize};

use super::document::{Id, Key};
use super::engine::Engine;
use super::filter::Filter;
use super::indexing::{CLAIM, pause};
use super::namespace::{Name, Namespace};
use super::pack::Stored;
use super::vectors::{Errand, together};
use crate::error::Conflict;
use crate::store::vectors::{self as table, BATCH, Before, Change, Committed, Head, Owner, Row};
use crate::{Error, Result};

/// The most ids of one request.
pub const IDS: usize = 1_000;
const AT_ONCE: usize = 16;
const TRIES: u32 = 12;

/// What is to go: exactly one of the three.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Documents by id.
    #[serde(default)]
    pub ids: Option<Vec<String>>,
    /// Documents by metadata.
    #[serde(default)]
    pub filter: Option<Filter>,
    /// The whole namespace, if true.
    #[serde(default)]
    pub all: bool,
    /// Where.
    #[serde(default)]
    pub namespace: Name,
}

/// What went.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// True: what failed is an error.
    pub success: bool,
    /// How many documents.
    pub deleted: u64,
}

/// Deletes.
///
/// # Errors
/// INVALID_REQUEST for another number of ways than one, `DOCUMENT_BUSY` when one of the documents is being written: then
/// some may be gone, and the same request finishes it.
pub(crate) async fn delete(
    errand: Errand<'_>,
    engine: &Engine,
    place: &Namespace,
    request: Request,
) -> Result<Deleted> {
    let call = Call { errand, engine, place, owner: errand.app.random.bytes()? };
    let head = table::head(&errand.app.store, place).await?;
    let deleted = match request {
        Request { ids: Some(ids), filter: None, all: false, .. } if (1..=IDS).contains(&ids.len()) => {
            engine.check(&head)?;
            let id = |id: String| Id::try_from(id).map(|id| id.key()).map_err(|flaw| Error::invalid(flaw.to_string()));
            let mut keys = ids.into_iter().map(id).collect::<Result<Vec<_>>>()?;
            keys.sort_unstable();
            keys.dedup();
            let rows = table::rows(&errand.app.store, place, head.epoch, &keys, false).await?;
            call.some(head, rows.into_iter().collect()).await?
        }
        Request { ids: None, filter: Some(filter), all: false, .. } => {
            engine.check(&head)?;
            let mut meant = Vec::new();
            for (key, row) in table::all(&errand.app.store, place, head.epoch).await? {
                let is_there = row.fingerprint.is_some();
                if is_there && filter.matches(&Stored::unpack(&row.data)?.document.metadata) {
                    meant.push((key, Row { data: Vec::new(), ..row }));
                }
            }
            call.some(head, meant).await?
        }
        Request { ids: None, filter: None, all: true, .. } => call.everything(head).await?,
        _ => {
            let why = format!("Send one of ids (1 to {IDS} of them), filter, or all: true.");
            return Err(Error::invalid(why));
        }
    };
    Ok(Deleted { success: true, deleted })
}

struct Call<'a> {
    errand: Errand<'a>,
    engine: &'a Engine,
    place: &'a Namespace,
    owner: Owner,
}

impl Call<'_> {
    async fn some(&self, mut head: Head, rows: Vec<(Key, Row)>) -> Result<u64> {
        let mut deleted = 0;
        if self.engine.vectors.is_outside() && !rows.is_empty() {
            self.engine.vectors.prepare(self.errand).await?;
        }
        for rows in rows.chunks(BATCH) {
            if self.errand.deadline.left().is_zero() {
                return Err(Error::unavailable("the time was over before all documents were deleted"));
            }
            if self.engine.vectors.is_outside() {
                self.claim_and_erase(&head, rows).await?;
            }
            head = self.commit(head, rows).await?;
            deleted += rows.iter().filter(|(_, row)| row.fingerprint.is_some()).map(|_| 1).sum::<u64>();
        }
        Ok(deleted)
    }

    async fn claim_and_erase(&self, head: &Head, rows: &[(Key, Row)]) -> Result<()> {
        let app = self.errand.app;
        let now = app.clock.now();
        let mut claims = Vec::new();
        for (key, row) in rows {
            let who = (self.owner, now, now + CLAIM);
            claims.push(table::claim(&app.store, self.place, head.epoch, *key, Some(row), who, row.passages));
        }
        let claims = together(AT_ONCE, claims).await;
        if !claims.into_iter().collect::<Result<Vec<_>>>()?.into_iter().all(|claimed| claimed) {
            for (key, _) in rows {
                table::unclaim(&app.store, self.place, *key, self.owner).await?;
            }
            return Err(Error::Conflict(Conflict::DocumentBusy));
        }
        let records: Vec<(Key, u32)> =
            rows.iter().flat_map(|(key, row)| (0..row.passages).map(|passage| (*key, passage))).collect();
        for records in records.chunks(1_000) {
            self.engine.vectors.erase(self.errand, self.place, records).await?;
        }
        Ok(())
    }

    async fn commit(&self, mut head: Head, rows: &[(Key, Row)]) -> Result<Head> {
        let app = self.errand.app;
        let epoch = head.epoch;
        let before = |row: &Row| match self.engine.vectors.is_outside() {
            true => Before::Mine(self.owner),
            false => Before::Version(row.version),
        };
        let changes: Vec<Change> =
            rows.iter().map(|(key, row)| Change { key: *key, before: before(row), after: None }).collect();
        for attempt in 0..TRIES {
            if head.epoch != epoch {
                // Somebody emptied the namespace meanwhile: they are gone.
                return Ok(head);
            }
            let mut next = Head { version: head.version + 1, ..head.clone() };
            for (_, row) in rows.iter().filter(|(_, row)| row.fingerprint.is_some()) {
                next.documents = next.documents.saturating_sub(1);
                next.passages = next.passages.saturating_sub(u64::from(row.passages));
            }
            match table::commit(&app.store, self.place, &head, &next, &changes, app.clock.now()).await? {
                Committed::Done => return Ok(next),
                Committed::Taken(_) => return Err(Error::Conflict(Conflict::DocumentBusy)),
                Committed::Moved(now) => {
                    pause(self.errand, attempt).await;
                    head = match now {
                        Some(now) => now,
                        None => table::head(&app.store, self.place).await?,
                    };
                }
            }
        }
        Err(Error::unavailable("a namespace is too busy"))
    }

    async fn everything(&self, mut head: Head) -> Result<u64> {
        let app = self.errand.app;
        if head.version == 0 {
            return Ok(0);
        }
        let mut emptied = None;
        for attempt in 0..TRIES {
            let (version, epoch) = (head.version + 1, head.epoch + 1);
            let next = Head { version, epoch, ..Head::default() };
            match table::commit(&app.store, self.place, &head, &next, &[], app.clock.now()).await? {
                Committed::Done => {
                    emptied = Some((head.documents, epoch));
                    break;
                }
                Committed::Taken(_) | Committed::Moved(None) => head = table::head(&app.store, self.place).await?,
                Committed::Moved(Some(now)) => head = now,
            }
            pause(self.errand, attempt).await;
        }
        let Some((documents, epoch)) = emptied else { return Err(Error::unavailable("a namespace is too busy")) };
        self.engine.vectors.clear(self.errand, self.place, epoch).await?;
        let leftovers = table::leftovers(&app.store, self.place, epoch).await?;
        for keys in leftovers.chunks(AT_ONCE * 8) {
            if self.errand.deadline.left().is_zero() {
                break;
            }
            let mut sweeps = Vec::new();
            for key in keys {
                sweeps.push(table::sweep(&app.store, self.place, epoch, *key));
            }
            together(AT_ONCE, sweeps).await.into_iter().collect::<Result<()>>()?;
        }
        Ok(documents)
    }
}
