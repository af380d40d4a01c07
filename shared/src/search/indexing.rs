//! Documents become searchable: what changed is cut, embedded, written and committed; what did not costs nothing.
//!
//! A document is visible from its commit on, whole, and never twice: its records have names that depend on nothing but the
//! document, and the table knows one item for it. A call that dies at any point leaves it as it was, or new; sent again,
//! everything is indexed once. Where vectors are outside the table, a document is claimed first, so that two writers do
//! not mix their passages; the claim of a dead writer holds until its time is over (`DOCUMENT_BUSY`).

use std::time::Duration;

use super::chunk::chunks;
use super::dense::Bytes;
use super::document::{Document, Flaw, Key};
use super::engine::{Engine, head};
use super::namespace::Namespace;
use super::pack::Stored;
use super::report::{Failed, Report};
use super::vectors::{Errand, Record, together};
use super::work::Work;
use crate::store::vectors::{self as table, After, BATCH, BATCH_BYTES, Before, Change, Committed, Head, Owner};
use crate::{Error, Result};

/// The most records of one write.
const RECORDS: usize = 100;
/// The most bytes of one write: Pinecone takes 2 MB.
const RECORD_BYTES: usize = 2_000_000;
/// A record's bytes beside its words and metadata: its numbers have six decimals.
const RECORD: usize = 1_536 * 10 + 200;
/// Writes and claims at the same time.
const AT_ONCE: usize = 4;
const CLAIMS_AT_ONCE: usize = 16;
/// How long a claim is believed: longer than a call that indexes may take.
pub(crate) const CLAIM: Duration = Duration::from_secs(30);
/// How often a namespace that others write is tried again.
const TRIES: u32 = 12;

/// Indexes documents.
///
/// # Errors
/// `VECTORS_DIFFER`, `UNAVAILABLE`; BUDGET_EXCEEDED and provider errors when there is nothing else to tell.
pub(crate) async fn index(
    errand: Errand<'_>,
    engine: &Engine,
    place: &Namespace,
    documents: Vec<Document>,
) -> Result<Report> {
    let call = Call { errand, engine, place, owner: errand.app.random.bytes()? };
    let head = head(errand, engine, place).await?;
    let (mut work, skipped) = call.changed(&head, documents).await?;
    let mut first = None;
    if !work.is_empty() {
        engine.vectors.prepare(errand).await?;
        if engine.vectors.is_outside() {
            call.claim(&head, &mut work).await?;
        }
        first = call.embed(&mut work).await.err();
        if engine.vectors.is_outside() {
            first = first.or(call.write(&head, &mut work).await.err());
        }
        call.commit(head, &mut work).await?;
        call.give_back(&work).await;
    }
    let mut report = Report { skipped, ..Report::default() };
    for work in &work {
        match work.flaw {
            None => report.indexed += 1,
            Some(flaw) => report.failed.push(Failed::new(work.document.id.as_str(), flaw)),
        }
    }
    report.success = report.failed.is_empty();
    match first {
        Some(error) if report.indexed + report.skipped == 0 => Err(error),
        _ => Ok(report),
    }
}

struct Call<'a> {
    errand: Errand<'a>,
    engine: &'a Engine,
    place: &'a Namespace,
    owner: Owner,
}

impl Call<'_> {
    /// What has to be done, and how many documents need nothing.
    async fn changed(&self, head: &Head, documents: Vec<Document>) -> Result<(Vec<Work>, usize)> {
        let keys: Vec<Key> = documents.iter().map(|document| document.id.key()).collect();
        let mut rows = table::rows(&self.errand.app.store, self.place, head.epoch, &keys, false).await?;
        let kind = self.engine.kind();
        let now = self.errand.app.clock.now();
        let (mut work, mut skipped) = (Vec::new(), 0);
        for (document, key) in documents.into_iter().zip(keys) {
            let fingerprint = document.fingerprint(&kind);
            let row = rows.remove(&key);
            let busy = row.as_ref().and_then(|row| row.busy).is_some_and(|until| until > now);
            if !busy && row.as_ref().is_some_and(|row| row.busy.is_none() && row.fingerprint == Some(fingerprint)) {
                skipped += 1;
                continue;
            }
            let passages = chunks(&document.content);
            let flaw = busy.then_some(Flaw::DocumentBusy);
            let (vectors, data) = Default::default();
            work.push(Work { document, key, fingerprint, row, flaw, claimed: false, passages, vectors, data });
        }
        Ok((work, skipped))
    }

    /// What a document is told of a failure that hit many.
    fn flaw(&self, error: &Error) -> Flaw {
        match error {
            Error::OverBudget(_) => Flaw::BudgetExceeded,
            _ if self.errand.deadline.left().is_zero() => Flaw::TimeOver,
            _ => Flaw::UpstreamUnavailable,
        }
    }

    async fn claim(&self, head: &Head, work: &mut [Work]) -> Result<()> {
        let now = self.errand.app.clock.now();
        let mut claims = Vec::new();
        for work in work.iter_mut().filter(|work| work.flaw.is_none()) {
            claims.push(async move {
                let most = work.count().max(work.row.as_ref().map_or(0, |row| row.passages));
                let who = (self.owner, now, now + CLAIM);
                let store = &self.errand.app.store;
                let claim = table::claim(store, self.place, head.epoch, work.key, work.row.as_ref(), who, most);
                match claim.await {
                    Ok(true) => work.claimed = true,
                    Ok(false) => work.flaw = Some(Flaw::DocumentBusy),
                    Err(error) => return Err(error),
                }
                Ok(())
            });
        }
        together(CLAIMS_AT_ONCE, claims).await.into_iter().collect()
    }

    /// Fills in the vectors and what is stored. Whose vectors failed is marked; the first failure is given back.
    async fn embed(&self, work: &mut [Work]) -> Result<()> {
        let wanted: Vec<(usize, &str, &str)> = work
            .iter()
            .enumerate()
            .filter(|(_, work)| work.flaw.is_none())
            .flat_map(|(n, work)| {
                work.passages.iter().map(move |range| (n, work.document.title.as_str(), work.text(range)))
            })
            .collect();
        let owners: Vec<usize> = wanted.iter().map(|(n, ..)| *n).collect();
        let texts: Vec<(&str, &str)> = wanted.into_iter().map(|(_, title, text)| (title, text)).collect();
        let batches = self.engine.embed(self.errand, &texts).await;
        let (mut owners, mut first) = (owners.into_iter(), Ok(()));
        for (count, batch) in batches {
            let owners = owners.by_ref().take(count);
            match batch {
                Ok(vectors) => owners.zip(vectors).for_each(|(n, vector)| work[n].vectors.push(vector)),
                Err(error) => {
                    owners.for_each(|n| work[n].flaw = Some(self.flaw(&error)));
                    first = first.and(Err(error));
                }
            }
        }
        for work in work.iter_mut().filter(|work| work.flaw.is_none()) {
            let vectors =
                work.passages.iter().zip(&work.vectors).map(|(range, dense)| (Bytes::of(dense), work.sparse(range)));
            let vectors = if self.engine.vectors.is_outside() { Vec::new() } else { vectors.collect() };
            let (document, passages) = (work.document.clone(), work.passages.clone());
            work.data = Stored { document, passages, vectors }.pack()?;
            if work.data.len() > table::MOST {
                work.flaw = Some(Flaw::DocumentTooLarge);
            }
        }
        first
    }

    /// Writes the records of what was embedded, and erases those that a document had more before.
    async fn write(&self, head: &Head, work: &mut [Work]) -> Result<()> {
        let all: Vec<(usize, Record)> = work
            .iter_mut()
            .enumerate()
            .filter(|(_, work)| work.flaw.is_none())
            .flat_map(|(n, work)| work.records().into_iter().map(move |record| (n, record)))
            .collect();
        let batches = batches(all);
        let mut writes = Vec::new();
        for (owners, records) in &batches {
            writes.push(async move {
                if self.errand.deadline.left().is_zero() {
                    return (owners, Err(Flaw::TimeOver));
                }
                let written = self.engine.vectors.write(self.errand, self.place, head.epoch, records).await;
                let written = written.map_err(|error| {
                    tracing::warn!(code = error.code(), error = ?error, "vectors were not written");
                    self.flaw(&error)
                });
                (owners, written)
            });
        }
        let results = together(AT_ONCE, writes).await;
        for (owners, written) in results {
            if let Err(flaw) = written {
                owners.iter().for_each(|n| work[*n].flaw = Some(flaw));
            }
        }
        let more = |work: &Work| {
            let before = work.row.as_ref().map_or(0, |row| row.passages);
            (work.count()..before).map(|passage| (work.key, passage)).collect::<Vec<_>>()
        };
        let erased: Vec<(Key, u32)> = work.iter().filter(|work| work.flaw.is_none()).flat_map(more).collect();
        for records in erased.chunks(1_000) {
            self.engine.vectors.erase(self.errand, self.place, records).await?;
        }
        Ok(())
    }

    /// Makes what is ready visible, a batch after the other.
    async fn commit(&self, mut head: Head, work: &mut [Work]) -> Result<()> {
        let ready: Vec<usize> = (0..work.len()).filter(|n| work[*n].flaw.is_none()).collect();
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut bytes = 0;
        for n in ready {
            match batches.last_mut() {
                Some(batch) if batch.len() < BATCH && bytes + work[n].data.len() <= BATCH_BYTES => batch.push(n),
                _ => {
                    batches.push(vec![n]);
                    bytes = 0;
                }
            }
            bytes += work[n].data.len();
        }
        for batch in batches {
            head = self.commit_batch(head, work, batch).await?;
        }
        Ok(())
    }

    async fn commit_batch(&self, mut head: Head, work: &mut [Work], mut batch: Vec<usize>) -> Result<Head> {
        let app = self.errand.app;
        let epoch = head.epoch;
        for attempt in 0..TRIES {
            self.make_room(&head, work, &mut batch);
            if batch.is_empty() {
                return Ok(head);
            }
            if self.errand.deadline.left().is_zero() || head.epoch != epoch {
                let flaw = if head.epoch == epoch { Flaw::TimeOver } else { Flaw::DocumentBusy };
                batch.iter().for_each(|n| work[*n].flaw = Some(flaw));
                return Ok(head);
            }
            let next = Head { model: self.engine.kind(), ..next(&head, batch.iter().map(|n| &work[*n])) };
            let changes: Vec<Change> = batch.iter().map(|n| self.change(&mut work[*n])).collect();
            let committed = table::commit(&app.store, self.place, &head, &next, &changes, app.clock.now()).await;
            if !matches!(committed, Ok(Committed::Done)) {
                for (n, change) in batch.iter().zip(changes) {
                    work[*n].data = change.after.map(|after| after.data).unwrap_or_default();
                }
            }
            match committed? {
                Committed::Done => return Ok(next),
                Committed::Taken(taken) => {
                    for at in taken.into_iter().rev() {
                        if at < batch.len() {
                            work[batch.remove(at)].flaw = Some(Flaw::DocumentBusy);
                        }
                    }
                }
                Committed::Moved(now) => {
                    pause(self.errand, attempt).await;
                    head = match now {
                        Some(now) => now,
                        None => table::head(&app.store, self.place).await?,
                    };
                    self.engine.check(&head)?;
                }
            }
        }
        batch.iter().for_each(|n| work[*n].flaw = Some(Flaw::DocumentBusy));
        Ok(head)
    }

    /// Takes out of a batch what the namespace has no room for.
    fn make_room(&self, head: &Head, work: &mut [Work], batch: &mut Vec<usize>) {
        let Some(limit) = self.engine.vectors.limit() else { return };
        let mut sum = head.passages;
        batch.retain(|n| {
            let work = &mut work[*n];
            let (old, new) = (work.committed(), u64::from(work.count()));
            let more = (sum + new).saturating_sub(old);
            let fits = more <= limit || new <= old;
            if fits {
                sum = more;
            } else {
                work.flaw = Some(Flaw::NamespaceFull);
            }
            fits
        });
    }

    fn change(&self, work: &mut Work) -> Change {
        let before = match (&work.row, work.claimed) {
            (_, true) => Before::Mine(self.owner),
            (None, false) => Before::Absent,
            (Some(row), false) => Before::Version(row.version),
        };
        let data = std::mem::take(&mut work.data);
        Change {
            key: work.key,
            before,
            after: Some(After { fingerprint: work.fingerprint, passages: work.count(), data }),
        }
    }

    /// Frees what was claimed and not written.
    async fn give_back(&self, work: &[Work]) {
        let mut free = Vec::new();
        for work in work.iter().filter(|work| work.claimed && work.flaw.is_some()) {
            free.push(async move {
                if let Err(error) = table::unclaim(&self.errand.app.store, self.place, work.key, self.owner).await {
                    tracing::warn!(code = error.code(), error = ?error, "a claim stays until its time is over");
                }
            });
        }
        together(CLAIMS_AT_ONCE, free).await;
    }
}

fn next<'w>(head: &Head, work: impl Iterator<Item = &'w Work>) -> Head {
    let mut next = Head { version: head.version + 1, ..head.clone() };
    for work in work {
        let is_new = work.row.as_ref().is_none_or(|row| row.fingerprint.is_none());
        next.documents += u64::from(is_new);
        next.passages = (next.passages + u64::from(work.count())).saturating_sub(work.committed());
    }
    next
}

/// A while, longer each time, for others to finish.
pub(crate) async fn pause(errand: Errand<'_>, attempt: u32) {
    let share = errand.app.random.bytes().map_or(u8::MAX, |[share]| share);
    let longest = Duration::from_millis(10) * 2_u32.pow(attempt.min(6));
    tokio::time::sleep(longest * u32::from(share) / u32::from(u8::MAX)).await;
}

type Batch = (Vec<usize>, Vec<Record>);

/// Records by a hundred and by bytes, each with its owner.
fn batches(all: Vec<(usize, Record)>) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut bytes = 0;
    for (owner, record) in all {
        let size = RECORD
            + serde_json::to_vec(&*record.metadata).map_or(0, |json| json.len())
            + record.sparse.parts().len() * 26;
        match batches.last_mut() {
            Some((owners, records)) if records.len() < RECORDS && bytes + size <= RECORD_BYTES => {
                owners.push(owner);
                records.push(record);
            }
            _ => {
                batches.push((vec![owner], vec![record]));
                bytes = 0;
            }
        }
        bytes += size;
    }
    batches
}
