//! More documents than one call can index: they are put aside in parts, and a function in the background takes one part
//! after the other and tells how far it is.
//!
//! The worker is asked for by an asynchronous invocation, which Lambda repeats twice after a failure; what it did before
//! is not done again. One that runs out of time fails on purpose, and is repeated. A job that has not moved for some minutes is shown
//! as stalled: sending the documents again is safe, and costs nothing for those that are indexed.

use std::time::Duration;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

use super::document::{Document, Flaw};
use super::engine::Engine;
use super::indexing::index;
use super::namespace::{Name, Namespace};
use super::report::{Failed, Report};
use super::vectors::Errand;
use crate::ai::deadline::Deadline;
use crate::budget::Payer;
use crate::store::jobs::{self, Job, Step};
use crate::store::vectors::MOST;
use crate::{App, Error, JobId, Result, TenantId};

/// The most documents of a part.
const PART: usize = 50;
/// The most bytes of a part before it is deflated, unless a single document has more.
const PART_BYTES: usize = 600_000;
const LARGEST: usize = 8 * 1_024 * 1_024;
/// Failures that are told one by one; all are counted.
const TOLD: usize = 100;
/// What one part may take.
const PART_TIME: Duration = Duration::from_secs(25);
/// What a worker takes before it leaves the rest to its repetition: its function has 900 s.
const SHIFT: Duration = Duration::from_secs(840);
/// How often a document that somebody else writes is tried.
const BUSY_TRIES: u32 = 5;
/// A job that has not moved for longer is stalled: no part and no repetition takes that long.
const STALLED: Duration = Duration::from_secs(600);

/// What a worker is asked to do.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Whose job.
    pub tenant: TenantId,
    /// Which.
    pub job: JobId,
}

/// A job as its owner sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What to ask for.
    pub job_id: JobId,
    /// Where it stands.
    pub status: Status,
    /// Documents to index.
    pub total: u64,
    /// Those that are through, whatever came of them.
    pub done: u64,
    /// The share of them, 0 to 1.
    pub progress: f64,
    /// New or changed ones.
    pub indexed: u64,
    /// Unchanged ones.
    pub skipped: u64,
    /// Failed ones.
    pub failed_count: u64,
    /// The first hundred of them.
    pub failed: Vec<Failed>,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Nothing is through yet.
    Queued,
    /// Some documents are.
    Running,
    /// It stopped before it was done: send the documents again.
    Stalled,
    /// All are through.
    Done,
}

impl Progress {
    fn of(id: JobId, job: Job, app: &App) -> Self {
        let Job { total, indexed, skipped, failed, failures, done: finished, moved, .. } = job;
        let done = indexed + skipped + failed;
        let status = match () {
            () if finished => Status::Done,
            () if app.clock.now().since(moved) > STALLED => Status::Stalled,
            () if done == 0 => Status::Queued,
            () => Status::Running,
        };
        #[expect(clippy::cast_precision_loss, reason = "a share of some thousand documents")]
        let progress = if total == 0 { 1.0 } else { done as f64 / total as f64 };
        Self { job_id: id, status, total, done, progress, indexed, skipped, failed_count: failed, failed: failures }
    }
}

/// Puts documents aside and asks for a worker. `failed` are those that are known to fail.
///
/// # Errors
/// UNAVAILABLE when they could not be put aside, or nobody could be asked: then nothing will be done.
pub(crate) async fn begin(
    app: &App,
    payer: Payer,
    place: &Namespace,
    documents: Vec<Document>,
    mut failed: Vec<Failed>,
) -> Result<Progress> {
    let id: JobId = app.random.id()?;
    let total = documents.len() + failed.len();
    let now = app.clock.now();
    let mut number = 0;
    for part in parts(documents) {
        let json = serde_json::to_vec(&part).map_err(Error::internal)?;
        let packed = compress_to_vec(&json, 4);
        if packed.len() <= MOST {
            jobs::add(&app.store, payer.tenant, id, number, packed, now).await?;
            number += 1;
        } else {
            failed.extend(part.iter().map(|document| Failed::new(document.id.as_str(), Flaw::DocumentTooLarge)));
        }
    }
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let job = Job {
        user: payer.user,
        namespace: place.name().to_owned(),
        total: count(total),
        indexed: 0,
        skipped: 0,
        failed: count(failed.len()),
        failures: failed.into_iter().take(TOLD).collect(),
        done: false,
        moved: now,
    };
    jobs::open(&app.store, payer.tenant, id, &job).await?;
    app.background.index(&Order { tenant: payer.tenant, job: id }).await?;
    Ok(Progress::of(id, job, app))
}

/// Documents in parts, by count and by bytes.
fn parts(documents: Vec<Document>) -> Vec<Vec<Document>> {
    let mut parts: Vec<Vec<Document>> = Vec::new();
    let mut bytes = 0;
    for document in documents {
        let size = document.content.len() + serde_json::to_vec(&document.metadata).map_or(0, |json| json.len());
        match parts.last_mut() {
            Some(part) if part.len() < PART && bytes + size <= PART_BYTES => part.push(document),
            _ => {
                parts.push(vec![document]);
                bytes = 0;
            }
        }
        bytes += size;
    }
    parts
}

/// How far a job of this tenant is.
///
/// # Errors
/// NOT_FOUND for any other.
pub async fn progress(app: &App, tenant: TenantId, id: JobId) -> Result<Progress> {
    let job = jobs::read(&app.store, tenant, id).await?.ok_or(Error::NotFound { what: "job" })?;
    Ok(Progress::of(id, job, app))
}

/// Works on a job until it is done, or the shift is over.
///
/// # Errors
/// What a part fails with as a whole, and the end of the shift: Lambda then tries again, and goes on where this stopped.
pub async fn work(app: &App, order: Order) -> Result<()> {
    let Order { tenant, job: id } = order;
    let shift = Deadline::after(SHIFT);
    let Some(job) = jobs::read(&app.store, tenant, id).await? else { return Ok(()) };
    let place = Namespace::new(tenant, Name::try_from(job.namespace)?);
    let engine = app.providers.search().await?;
    let mut told = TOLD.saturating_sub(job.failures.len());
    while let Some((number, packed)) = jobs::next(&app.store, tenant, id).await? {
        if shift.left() < PART_TIME {
            return Err(Error::unavailable("a shift is over, and the job is not"));
        }
        let part = part(app, &engine, Payer { tenant, user: job.user }, &place, &packed).await?;
        let step = step(part, &mut told);
        jobs::step(&app.store, tenant, id, number, &step, app.clock.now()).await?;
    }
    jobs::finish(&app.store, tenant, id, app.clock.now()).await
}

fn step(report: Report, told: &mut usize) -> Step {
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let Report { success: _, indexed, skipped, failed } = report;
    let step = Step {
        indexed: count(indexed),
        skipped: count(skipped),
        failed: count(failed.len()),
        failures: failed.into_iter().take(*told).collect(),
    };
    *told -= step.failures.len();
    step
}

/// Indexes a part. What somebody else writes is waited for: a worker that died may have been that.
async fn part(app: &App, engine: &Engine, payer: Payer, place: &Namespace, packed: &[u8]) -> Result<Report> {
    let json = decompress_to_vec_with_limit(packed, LARGEST).map_err(|_| Error::internal("a part cannot be read"))?;
    let documents: Vec<Document> = serde_json::from_slice(&json).map_err(Error::internal)?;
    let mut report = Report::default();
    let mut left = documents;
    for attempt in 0..BUSY_TRIES {
        let errand = Errand { app, payer, operation: "index-documents", deadline: Deadline::after(PART_TIME) };
        let tried = match index(errand, engine, place, left.clone()).await {
            Ok(tried) => tried,
            Err(error) => Report { failed: refused(&left, &error)?, ..Report::default() },
        };
        report.indexed += tried.indexed;
        report.skipped += tried.skipped;
        let last = attempt + 1 == BUSY_TRIES;
        let (busy, failed): (Vec<_>, Vec<_>) =
            tried.failed.into_iter().partition(|failed| failed.code == Flaw::DocumentBusy && !last);
        report.failed.extend(failed);
        if busy.is_empty() {
            break;
        }
        left.retain(|document| busy.iter().any(|busy| busy.id == document.id.as_str()));
        tokio::time::sleep(super::indexing::CLAIM / (BUSY_TRIES - 1)).await;
    }
    report.success = report.failed.is_empty();
    Ok(report)
}

/// What documents are told of an error that hit all of them; one that may pass is given back, to be tried again.
fn refused(documents: &[Document], error: &Error) -> Result<Vec<Failed>> {
    let flaw = match error {
        Error::OverBudget(_) => Flaw::BudgetExceeded,
        Error::Conflict(_) => Flaw::VectorsDiffer,
        Error::Upstream { .. } | Error::Unpriced { .. } => Flaw::UpstreamUnavailable,
        _ => return Err(Error::unavailable(format!("a part was not indexed: {error}"))),
    };
    Ok(documents.iter().map(|document| Failed::new(document.id.as_str(), flaw)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::document::Sent;
    use super::*;

    fn document(n: usize, length: usize) -> Document {
        let sent = serde_json::json!({"id": format!("d{n}"), "content": "x".repeat(length.max(1))});
        Document::try_from(serde_json::from_value::<Sent>(sent).unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn parts_are_whole_and_small(lengths in prop::collection::vec(1_usize..90_000, 0..120)) {
            let documents: Vec<_> = lengths.iter().enumerate().map(|(n, length)| document(n, *length)).collect();
            let parts = parts(documents.clone());
            prop_assert_eq!(parts.concat(), documents);
            for part in parts {
                let bytes: usize = part.iter().map(|document| document.content.len() + 2).sum();
                prop_assert!(part.len() <= PART && (bytes <= PART_BYTES || part.len() == 1));
            }
        }
    }
}
