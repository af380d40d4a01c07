//! Semantic search over a tenant's own documents.
//!
//! | module | what it decides |
//! |---|---|
//! | [`document`] | what can be indexed, and what is wrong with the rest |
//! | [`namespace`] | where a tenant's documents live, and no other's |
//! | [`indexing`], [`deleting`], [`jobs`] | how documents come and go, now or in the background |
//! | [`report`] | what came of those that were sent |
//! | [`finding`] | a search, from the query to what is shown |
//! | [`engine`] | what makes vectors and what keeps them, as the keys decide |
//! | [`vectors`], [`embedded`], `pinecone` | where vectors are kept and compared: our own table, or Pinecone |
//! | [`chunk`], `sentence` | parts of long documents, and how they are joined again |
//! | `terms` | words as searches compare them |
//! | [`sparse`], [`lexical`], [`dense`] | keyword vectors, vectors without a model, and vectors in a byte per dimension |
//! | [`filter`] | which documents are meant |
//! | [`highlight`] | the sentences that say most of what was looked for |
//! | [`pack`] | a document as the table keeps it |

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ai::Spend;
use crate::ai::deadline::Deadline;
use crate::budget::Payer;
use crate::cache::Reader;
use crate::{App, Error, Result};

pub mod chunk;
pub mod deleting;
pub mod dense;
pub mod document;
pub mod embedded;
pub mod engine;
pub mod filter;
pub mod finding;
pub mod highlight;
pub mod indexing;
pub mod jobs;
pub mod lexical;
pub mod namespace;
pub mod pack;
pub(crate) mod pinecone;
#[cfg(test)]
mod quality;
pub mod report;
mod sentence;
pub mod sparse;
mod terms;
pub mod vectors;
mod work;

use namespace::{Name, Namespace};
use vectors::Errand;

/// The most documents of one request.
pub const DOCUMENTS: usize = 5_000;
/// The most documents that are indexed while the caller waits.
pub const NOW: usize = 300;
/// The most bytes of text that are indexed while the caller waits.
pub const NOW_BYTES: usize = 1_000_000;

/// Documents to index.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The documents, 1 to 5,000.
    pub documents: Vec<document::Sent>,
    /// Where; `default` without one.
    #[serde(default)]
    pub namespace: Name,
    /// Whether it may be done in the background even if there is time to wait for it.
    #[serde(default)]
    pub background: bool,
}

/// What became of a request to index.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Indexing {
    /// It will be done.
    Later(jobs::Progress),
    /// It was done.
    Now(report::Report),
}

/// Indexes documents within `time`, or in the background when there are more than that allows.
///
/// # Errors
/// INVALID_REQUEST for no or too many documents, VECTORS_DIFFER, BUDGET_EXCEEDED, provider errors, UNAVAILABLE.
pub async fn index(app: &App, payer: Payer, request: Request, time: Duration) -> Result<Indexing> {
    let Request { documents, namespace, background } = request;
    if !(1..=DOCUMENTS).contains(&documents.len()) {
        return Err(Error::invalid(format!("Send 1 to {DOCUMENTS} documents.")));
    }
    let place = Namespace::new(payer.tenant, namespace);
    let (documents, failed) = report::check(documents);
    let bytes: usize = documents.iter().map(|document| document.content.len()).sum();
    if background || documents.len() > NOW || bytes > NOW_BYTES {
        let engine = app.providers.search().await?;
        engine.check(&crate::store::vectors::head(&app.store, &place).await?)?;
        return jobs::begin(app, payer, &place, documents, failed).await.map(Indexing::Later);
    }
    let engine = app.providers.search().await?;
    let mut report = indexing::index(errand(app, payer, "index-documents", time), &engine, &place, documents).await?;
    report.failed.splice(0..0, failed);
    report.success = report.failed.is_empty();
    Ok(Indexing::Now(report))
}

/// Deletes documents within `time`.
///
/// # Errors
/// As [`deleting`] says.
pub async fn delete(app: &App, payer: Payer, request: deleting::Request, time: Duration) -> Result<deleting::Deleted> {
    let place = Namespace::new(payer.tenant, request.namespace.clone());
    let engine = app.providers.search().await?;
    deleting::delete(errand(app, payer, "delete-documents", time), &engine, &place, request).await
}

/// Searches within `time`.
///
/// # Errors
/// As [`finding`] says.
pub async fn find(
    app: &App,
    payer: Payer,
    reader: &Reader,
    request: finding::Request,
    spend: &Spend<'_>,
    time: Duration,
) -> Result<finding::Results> {
    let (engine, ai) = (app.providers.search().await?, app.providers.ai().await?);
    finding::search(errand(app, payer, "search", time), &engine, &ai, reader, request, spend).await
}

fn errand<'a>(app: &'a App, payer: Payer, operation: &'static str, time: Duration) -> Errand<'a> {
    Errand { app, payer, operation, deadline: Deadline::after(time) }
}
