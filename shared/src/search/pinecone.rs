//! Pinecone: a serverless index of the dot product with dense and sparse vectors, which is made if it is absent.
//!
//! Strict in what it sends, lenient in what it reads; the API's version is pinned. A record's name is the document's and
//! the passage's number, its metadata the document's and the namespace's epoch: searches ask for the current epoch, so a
//! namespace that was emptied is empty at once, whatever is still to be erased. Texts stay in our table, from where found
//! documents are read; a record without its document is not shown.
//!
//! Both halves of a score come in one number, since vectors are scaled by the weights before they are sent. The part of
//! the words is computed again from the passage, and the rest is the other one.

mod client;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::dense::Dense;
use super::document::Key;
use super::filter::{Filter, Metadata};
use super::namespace::Namespace;
use super::pack::Stored;
use super::sparse::Sparse;
use super::vectors::{Errand, Found, Parts, Question, Record, Vectors, Weights, Work, best};
use crate::Result;
use crate::store::vectors::{self as table, Head};

use client::Cost;
pub(crate) use client::{Account, Pinecone};

/// The name of the member that holds the epoch; callers cannot use it.
const EPOCH: &str = "_aura_epoch";
/// Passages that are asked for, for each document that is wanted: a document may have several.
const PASSAGES: usize = 5;
/// The most passages of a query.
const MOST: usize = 1_000;

#[derive(Serialize)]
struct Vector {
    id: String,
    values: Vec<f64>,
    #[serde(rename = "sparseValues", skip_serializing_if = "Option::is_none")]
    sparse: Option<SparseValues>,
    metadata: Value,
}

#[derive(Serialize)]
struct SparseValues {
    indices: Vec<u32>,
    values: Vec<f64>,
}

fn id(key: Key, passage: impl std::fmt::Display) -> String {
    format!("{key}#{passage}")
}

fn parse_id(id: &str) -> Option<(Key, usize)> {
    let (key, passage) = id.split_once('#')?;
    Some((key.parse().ok()?, passage.parse().ok()?))
}

/// Six decimals: what is cut off changes no order, and a vector takes 15 KB instead of 20.
fn short(number: f32) -> f64 {
    (f64::from(number) * 1e6).round() / 1e6
}

fn values(dense: &Dense, weight: f32) -> Vec<f64> {
    dense.parts().iter().map(|part| short(part * weight)).collect()
}

/// Nothing, where there is no word: Pinecone takes no empty list.
fn sparse_values(sparse: &Sparse, weight: f32) -> Option<SparseValues> {
    let parts = sparse.parts();
    let indices = parts.iter().map(|(index, _)| *index).collect();
    let values = parts.iter().map(|(_, part)| short(part * weight)).collect();
    (!parts.is_empty() && weight > 0.0).then_some(SparseValues { indices, values })
}

fn metadata(metadata: &Metadata, epoch: u64) -> Result<Value> {
    let mut json = serde_json::to_value(metadata).map_err(crate::Error::internal)?;
    json[EPOCH] = epoch.into();
    Ok(json)
}

fn filter(filter: Option<&Filter>, epoch: u64) -> Value {
    let current = json!({EPOCH: {"$eq": epoch}});
    match filter {
        Some(filter) => json!({"$and": [current, filter.pinecone()]}),
        None => current,
    }
}

impl Vectors for Pinecone {
    fn name(&self) -> &'static str {
        "pinecone"
    }

    fn limit(&self) -> Option<u64> {
        None
    }

    fn is_outside(&self) -> bool {
        true
    }

    fn prepare<'a>(&'a self, errand: Errand<'a>) -> Work<'a, ()> {
        Box::pin(async move { self.host(errand.deadline, true).await.map(drop) })
    }

    fn write<'a>(
        &'a self,
        errand: Errand<'a>,
        place: &'a Namespace,
        epoch: u64,
        records: &'a [Record],
    ) -> Work<'a, ()> {
        Box::pin(async move {
            let vector = |record: &Record| {
                let Record { key, passage, dense, sparse, metadata: theirs } = record;
                let metadata = metadata(theirs, epoch)?;
                Ok(Vector {
                    id: id(*key, passage),
                    values: values(dense, 1.0),
                    sparse: sparse_values(sparse, 1.0),
                    metadata,
                })
            };
            let vectors = records.iter().map(vector).collect::<Result<Vec<_>>>()?;
            let body = json!({"vectors": vectors, "namespace": place.to_string()});
            self.paid(errand, "/vectors/upsert", &body, Cost::Write, |_| Some(())).await
        })
    }

    fn erase<'a>(&'a self, errand: Errand<'a>, place: &'a Namespace, records: &'a [(Key, u32)]) -> Work<'a, ()> {
        Box::pin(async move {
            if records.is_empty() {
                return Ok(());
            }
            let ids: Vec<String> = records.iter().map(|(key, passage)| id(*key, passage)).collect();
            let body = json!({"ids": ids, "namespace": place.to_string()});
            self.paid(errand, "/vectors/delete", &body, Cost::Write, |_| Some(())).await
        })
    }

    fn clear<'a>(&'a self, errand: Errand<'a>, place: &'a Namespace, epoch: u64) -> Work<'a, ()> {
        Box::pin(async move {
            let before = json!({EPOCH: {"$lt": epoch}});
            let body = json!({"filter": before, "namespace": place.to_string()});
            match self.paid(errand, "/vectors/delete", &body, Cost::Write, |_| Some(())).await {
                // Nothing was ever written to it.
                Err(error) if client::is_absent(&error) => Ok(()),
                result => result,
            }
        })
    }

    fn find<'a>(
        &'a self,
        errand: Errand<'a>,
        place: &'a Namespace,
        head: &'a Head,
        question: Question<'a>,
    ) -> Work<'a, Vec<Found>> {
        Box::pin(async move {
            let Question { dense, sparse, weights, filter: meant, most } = question;
            let Weights { semantic, keyword } = weights;
            let mut body = json!({
                "vector": values(dense.vector(), semantic),
                "topK": (most * PASSAGES).min(MOST),
                "namespace": place.to_string(),
                "filter": filter(meant, head.epoch),
                "includeValues": false,
                "includeMetadata": false,
            });
            if let Some(sparse) = sparse_values(sparse, keyword) {
                body["sparseVector"] = serde_json::to_value(sparse).map_err(crate::Error::internal)?;
            }
            let matches = self.paid(errand, "/query", &body, Cost::Read, client::matches).await?;
            let mut hits: HashMap<Key, Vec<(usize, f32)>> = HashMap::new();
            for (id, score) in matches {
                // Whoever else writes to this index does not use our names.
                if let Some((key, passage)) = parse_id(&id) {
                    hits.entry(key).or_default().push((passage, score));
                }
            }
            let top = |passages: &[(usize, f32)]| passages.iter().map(|(_, score)| *score).fold(f32::MIN, f32::max);
            let mut order: Vec<_> = hits.iter().map(|(key, passages)| (*key, top(passages))).collect();
            order.sort_by(|a, b| b.1.total_cmp(&a.1));
            // A few more than wanted: some may be gone from the table.
            let keys: Vec<Key> = order.into_iter().map(|(key, _)| key).take(most + 5).collect();
            let rows = table::rows(&errand.app.store, place, head.epoch, &keys, true).await?;
            let mut found = Vec::new();
            for (key, row) in rows.into_iter().filter(|(_, row)| row.fingerprint.is_some()) {
                let stored = Arc::new(Stored::unpack(&row.data)?);
                let part = |(passage, score): &(usize, f32)| {
                    (*passage < stored.passages.len())
                        .then(|| (*passage, parts(&stored, *passage, *score, sparse, weights)))
                };
                let passages: Vec<_> = hits.get(&key).into_iter().flatten().filter_map(part).collect();
                found.push(Found { stored: Arc::clone(&stored), passages });
            }
            Ok(best(found, weights, most))
        })
    }
}

/// What a score is made of.
fn parts(stored: &Stored, passage: usize, score: f32, query: &Sparse, weights: Weights) -> Parts {
    let document = &stored.document;
    let words = Sparse::of_document(&document.title, document.tags(), stored.text(passage));
    let keyword = words.dot(query);
    let semantic = if weights.semantic > 0.0 { (score - weights.keyword * keyword) / weights.semantic } else { 0.0 };
    Parts { semantic: semantic.clamp(-1.0, 1.0), keyword }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_records_are_read_back() {
        let key = super::super::document::Id::try_from("any/id ä".to_owned()).unwrap().key();
        assert_eq!(parse_id(&id(key, 7)), Some((key, 7)));
        for other in ["", "x", "x#1", "WS1uVMGhlWQ-t747.92", &format!("{key}#"), &format!("{key}#x")] {
            assert_eq!(parse_id(other), None);
        }
    }

    #[test]
    fn row_28_every_query_asks_for_one_epoch() {
        let theirs = serde_json::from_value(json!({"a": 1})).unwrap();
        assert_eq!(filter(None, 3), json!({"_aura_epoch": {"$eq": 3}}));
        assert_eq!(filter(Some(&theirs), 3), json!({"$and": [{"_aura_epoch": {"$eq": 3}}, {"a": {"$eq": 1}}]}));
    }
}
