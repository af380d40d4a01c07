//! Where vectors are kept and compared: in our own table, or in Pinecone.
//!
//! Both keep the same documents the same way in the table (see [`store::vectors`](crate::store::vectors)); what differs is
//! where the vectors are, and so what has to be done before a document is committed, and how a query is answered.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::iter;

use super::dense::{Dense, Query};
use super::document::Key;
use super::filter::{Filter, Metadata};
use super::namespace::Namespace;
use super::pack::Stored;
use super::sparse::Sparse;
use crate::ai::deadline::Deadline;
use crate::budget::Payer;
use crate::store::vectors::Head;
use crate::{App, Result};

/// Work that is done when it is awaited.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// On whose behalf, and until when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errand<'a> {
    pub app: &'a App,
    pub payer: Payer,
    /// The function's name, for the books.
    pub operation: &'static str,
    pub deadline: Deadline,
}

/// A passage that is written.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub key: Key,
    pub passage: usize,
    pub dense: Dense,
    pub sparse: Sparse,
    pub metadata: Arc<Metadata>,
}

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub dense: &'a Query,
    pub sparse: &'a Sparse,
    /// Together 1.
    pub weights: Weights,
    pub filter: Option<&'a Filter>,
    /// How many documents are wanted.
    pub most: usize,
}

/// How much the two halves count; together 1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Weights {
    /// Of the cosine of the dense vectors.
    pub semantic: f32,
    /// Of the share of the query's words.
    pub keyword: f32,
}

impl Weights {
    /// The score of these parts; a cosine below zero is none.
    pub(crate) fn score(self, parts: Parts) -> f32 {
        self.semantic * parts.semantic.max(0.0) + self.keyword * parts.keyword
    }
}

/// What a passage's score is made of, each 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Parts {
    pub semantic: f32,
    pub keyword: f32,
}

/// A document that was found, and those of its passages that were.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub stored: Arc<Stored>,
    /// The best first.
    pub passages: Vec<(usize, Parts)>,
}

/// A place for vectors.
pub(crate) trait Vectors: Send + Sync + std::fmt::Debug {
    /// What answers are marked with.
    fn name(&self) -> &'static str;

    /// The most passages of a namespace.
    fn limit(&self) -> Option<u64>;

    /// Whether vectors are outside the table: then documents are claimed before they are written, and records are
    /// written and erased before the document is committed.
    fn is_outside(&self) -> bool;

    /// Makes ready what must be there before the first record is written.
    fn prepare<'a>(&'a self, errand: Errand<'a>) -> Work<'a, ()>;

    /// Writes records, a hundred at most; each replaces the one of its document and number.
    fn write<'a>(&'a self, errand: Errand<'a>, place: &'a Namespace, epoch: u64, records: &'a [Record])
    -> Work<'a, ()>;

    /// Erases these passages, which may not be there, a thousand at most.
    fn erase<'a>(&'a self, errand: Errand<'a>, place: &'a Namespace, records: &'a [(Key, u32)]) -> Work<'a, ()>;

    /// Erases everything of the epochs before this one.
    fn clear<'a>(&'a self, errand: Errand<'a>, place: &'a Namespace, epoch: u64) -> Work<'a, ()>;

    /// The documents that answer best, at the head's version or a later one.
    fn find<'a>(
        &'a self,
        errand: Errand<'a>,
        place: &'a Namespace,
        head: &'a Head,
        question: Question<'a>,
    ) -> Work<'a, Vec<Found>>;
}

/// Does all of it, so many at a time; what comes of it is in no order.
pub(crate) async fn together<F: Future>(most: usize, work: Vec<F>) -> Vec<F::Output> {
    iter(work).buffer_unordered(most).collect().await
}

/// Puts documents in order, by their best passage, and keeps `most`.
pub(crate) fn best(mut found: Vec<Found>, weights: Weights, most: usize) -> Vec<Found> {
    for Found { passages, .. } in &mut found {
        passages.sort_by(|a, b| weights.score(b.1).total_cmp(&weights.score(a.1)).then(a.0.cmp(&b.0)));
    }
    let score = |found: &Found| found.passages.first().map_or(0.0, |(_, parts)| weights.score(*parts));
    let id = |found: &Found| found.stored.document.id.as_str().to_owned();
    found.retain(|found| score(found) > 0.0);
    found.sort_by(|a, b| score(b).total_cmp(&score(a)).then_with(|| id(a).cmp(&id(b))));
    found.truncate(most);
    found
}
