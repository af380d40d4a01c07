//! A document between the request that brings it and the commit that shows it.

use std::ops::Range;
use std::sync::Arc;

use super::dense::Dense;
use super::document::{Document, Flaw, Key};
use super::sparse::Sparse;
use super::vectors::Record;
use crate::store::vectors::Row;

/// A document on its way.
pub(super) struct Work {
    pub(super) document: Document,
    pub(super) key: Key,
    pub(super) fingerprint: [u8; 16],
    pub(super) row: Option<Row>,
    pub(super) flaw: Option<Flaw>,
    pub(super) claimed: bool,
    pub(super) passages: Vec<Range<usize>>,
    pub(super) vectors: Vec<Dense>,
    pub(super) data: Vec<u8>,
}

impl Work {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.passages.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn text(&self, range: &Range<usize>) -> &str {
        self.document.content.get(range.clone()).unwrap_or_default()
    }

    pub(super) fn sparse(&self, range: &Range<usize>) -> Sparse {
        Sparse::of_document(&self.document.title, self.document.tags(), self.text(range))
    }

    /// The passages that the head counts for it.
    pub(super) fn committed(&self) -> u64 {
        self.row.as_ref().filter(|row| row.fingerprint.is_some()).map_or(0, |row| u64::from(row.passages))
    }

    pub(super) fn records(&mut self) -> Vec<Record> {
        let metadata = Arc::new(self.document.metadata.clone());
        let vectors = std::mem::take(&mut self.vectors);
        let records = self.passages.iter().zip(vectors).enumerate().map(|(passage, (range, dense))| Record {
            key: self.key,
            passage,
            dense,
            sparse: self.sparse(range),
            metadata: Arc::clone(&metadata),
        });
        records.collect()
    }
}
