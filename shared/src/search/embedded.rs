//! The embedded store: exact search over a namespace's vectors, a byte per dimension, in the instance's memory.
//!
//! A namespace is read once per instance, and after that only what its newer versions changed. Every search first reads
//! the namespace's head, strongly consistent, so that what was indexed a moment ago is found, by whatever instance.
//!
//! **Limit.** [`LIMIT`] passages per namespace (a passage has up to 1,000 characters): 31 MB of vectors, some 100 MB with
//! texts and words, and a first search that reads all of it. Beyond it documents are refused with `NAMESPACE_FULL`, which
//! names Pinecone.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::document::Key;
use super::filter::Filter;
use super::namespace::Namespace;
use super::pack::Stored;
use super::vectors::{Errand, Found, Parts, Question, Record, Vectors, Weights, Work, best};
use crate::Result;
use crate::store::Store;
use crate::store::vectors::{self as table, Head, Row};

/// The most passages of a namespace.
pub const LIMIT: u64 = 20_000;
/// The most passages of all namespaces that an instance keeps; those that were not searched for longest go first.
const KEPT: usize = 40_000;
/// More versions behind than this, everything is read again.
const BEHIND: u64 = 200;

/// The namespaces that this instance has read.
#[derive(Debug, Default)]
pub(crate) struct Embedded {
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    place: Namespace,
    shelf: Arc<Shelf>,
}

/// A namespace at one version.
#[derive(Debug, Clone, Default)]
struct Shelf {
    epoch: u64,
    version: u64,
    documents: HashMap<Key, Arc<Stored>>,
}

impl Shelf {
    fn passages(&self) -> usize {
        self.documents.values().map(|stored| stored.vectors.len()).sum()
    }

    fn find(&self, question: &Question<'_>) -> Vec<Found> {
        let found = self
            .documents
            .values()
            .filter(|stored| is_meant(stored, question.filter))
            .map(|stored| Found { stored: Arc::clone(stored), passages: passages(stored, question) });
        best(found.collect(), question.weights, question.most)
    }
}

fn is_meant(stored: &Stored, filter: Option<&Filter>) -> bool {
    filter.is_none_or(|filter| filter.matches(&stored.document.metadata))
}

fn passages(stored: &Stored, question: &Question<'_>) -> Vec<(usize, Parts)> {
    let Question { dense, sparse, weights: Weights { semantic, keyword }, .. } = question;
    let parts = |(dense_there, sparse_there): &(super::dense::Bytes, super::sparse::Sparse)| Parts {
        semantic: if *semantic > 0.0 { dense.dot(dense_there) } else { 0.0 },
        keyword: if *keyword > 0.0 { sparse_there.dot(sparse) } else { 0.0 },
    };
    stored.vectors.iter().map(parts).enumerate().filter(|(_, parts)| question.weights.score(*parts) > 0.0).collect()
}

impl Embedded {
    /// The namespace at `head`'s version, or a later one.
    async fn shelf(&self, store: &Store, place: &Namespace, head: &Head) -> Result<Arc<Shelf>> {
        let mut kept = self.kept.lock().await;
        let old = kept.iter().position(|kept| kept.place == *place).map(|at| kept.remove(at).shelf);
        let current = |shelf: &Arc<Shelf>| shelf.epoch == head.epoch && shelf.version >= head.version;
        let shelf = match old {
            Some(shelf) if current(&shelf) => shelf,
            Some(shelf) if shelf.epoch == head.epoch && head.version - shelf.version <= BEHIND => {
                match table::changed(store, place, shelf.version, head.version).await? {
                    Some(keys) => Arc::new(renewed(store, place, head, shelf, &keys).await?),
                    None => Arc::new(whole(store, place, head).await?),
                }
            }
            _ => Arc::new(whole(store, place, head).await?),
        };
        // The last one is the one that was used last.
        kept.push(Kept { place: place.clone(), shelf: Arc::clone(&shelf) });
        let mut sum: usize = kept.iter().map(|kept| kept.shelf.passages()).sum();
        while sum > KEPT && kept.len() > 1 {
            sum -= kept.remove(0).shelf.passages();
        }
        Ok(shelf)
    }
}

async fn whole(store: &Store, place: &Namespace, head: &Head) -> Result<Shelf> {
    let mut documents = HashMap::new();
    for (key, row) in table::all(store, place, head.epoch).await? {
        documents.extend(unpacked(&row)?.map(|stored| (key, stored)));
    }
    Ok(Shelf { epoch: head.epoch, version: head.version, documents })
}

async fn renewed(store: &Store, place: &Namespace, head: &Head, old: Arc<Shelf>, keys: &[Key]) -> Result<Shelf> {
    let mut rows = table::rows(store, place, head.epoch, keys, true).await?;
    // Searches that are under way keep what they have; otherwise nothing is copied.
    let mut shelf = Arc::unwrap_or_clone(old);
    shelf.version = head.version;
    for key in keys {
        match rows.remove(key).map(|row| unpacked(&row)).transpose()?.flatten() {
            Some(stored) => drop(shelf.documents.insert(*key, stored)),
            None => drop(shelf.documents.remove(key)),
        }
    }
    Ok(shelf)
}

/// A document that is there; one that is being written for the first time is not yet.
fn unpacked(row: &Row) -> Result<Option<Arc<Stored>>> {
    if row.fingerprint.is_none() {
        return Ok(None);
    }
    Stored::unpack(&row.data).map(|stored| Some(Arc::new(stored)))
}

impl Vectors for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    fn limit(&self) -> Option<u64> {
        Some(LIMIT)
    }

    fn is_outside(&self) -> bool {
        false
    }

    fn prepare<'a>(&'a self, _: Errand<'a>) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn write<'a>(&'a self, _: Errand<'a>, _: &'a Namespace, _: u64, _: &'a [Record]) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn erase<'a>(&'a self, _: Errand<'a>, _: &'a Namespace, _: &'a [(Key, u32)]) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn clear<'a>(&'a self, _: Errand<'a>, _: &'a Namespace, _: u64) -> Work<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn find<'a>(
        &'a self,
        errand: Errand<'a>,
        place: &'a Namespace,
        head: &'a Head,
        question: Question<'a>,
    ) -> Work<'a, Vec<Found>> {
        Box::pin(async move { Ok(self.shelf(&errand.app.store, place, head).await?.find(&question)) })
    }
}
