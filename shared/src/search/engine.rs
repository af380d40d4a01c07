//! What makes vectors and what keeps them, as the operator's keys decide: OpenAI or hashed features of words, Pinecone or
//! our own table, in any combination.

use std::sync::Arc;
use std::time::Duration;

use super::chunk;
use super::dense::{DIMENSIONS, Dense, Query};
use super::lexical;
use super::namespace::Namespace;
use super::vectors::{Errand, Vectors};
use crate::ai::Ai;
use crate::ai::embeddings::{INPUTS, Pending, TOKENS};
use crate::cache::{Key, Reader};
use crate::error::Conflict;
use crate::store::vectors::Head;
use crate::{Error, Result, spending};

/// How long the vector of a query is good for: models do not change under their names.
const KEPT: Duration = Duration::from_secs(86_400);

/// Search, as it is configured.
#[derive(Debug)]
pub struct Engine {
    ai: Arc<Ai>,
    model: String,
    pub(crate) vectors: Box<dyn Vectors>,
}

impl Engine {
    pub(crate) fn new(ai: Arc<Ai>, model: String, vectors: Box<dyn Vectors>) -> Self {
        Self { ai, model, vectors }
    }

    /// What makes vectors.
    pub fn embedder(&self) -> &str {
        if self.ai.has_model() { &self.model } else { lexical::NAME }
    }

    /// What a namespace's vectors are made with and where they are. Those of another kind do not compare.
    pub(crate) fn kind(&self) -> String {
        format!("{} {}", self.embedder(), self.vectors.name())
    }

    /// Refuses a namespace of another kind.
    ///
    /// # Errors
    /// `VECTORS_DIFFER`, and what to do about it.
    pub(crate) fn check(&self, head: &Head) -> Result<()> {
        if head.model.is_empty() || head.model == self.kind() {
            return Ok(());
        }
        Err(Error::Conflict(Conflict::VectorsDiffer))
    }

    /// Whether a search costs anything but our own table's reads.
    pub(crate) fn is_paid(&self) -> bool {
        self.ai.has_model() || self.vectors.is_outside()
    }

    /// The vectors of texts, each with the title above it, in batches of so many. What one batch fails with is its own:
    /// the others go on.
    pub(crate) async fn embed(&self, errand: Errand<'_>, texts: &[(&str, &str)]) -> Vec<(usize, Result<Vec<Dense>>)> {
        if !self.ai.has_model() {
            let vectors = texts.iter().map(|(title, text)| lexical::embed(title, text)).collect();
            return vec![(texts.len(), Ok(vectors))];
        }
        let inputs: Vec<String> = texts.iter().map(|(title, text)| input(title, text)).collect();
        let mut results = Vec::new();
        for batch in batches(&inputs) {
            results.push((batch.len(), self.ask(errand, batch).await));
        }
        results
    }

    /// The vector of a query; one that a model made is kept for the tenant's next one.
    pub(crate) async fn embed_query(&self, errand: Errand<'_>, reader: &Reader, query: &str) -> Result<Query> {
        if !self.ai.has_model() {
            return Ok(Query::new(lexical::embed("", query)));
        }
        let key = Key::of(reader, "embed-query", b"1").with("model", &self.model).with("query", query).build();
        let known: Option<Vec<f32>> = errand.app.cache.get(&key).await;
        if let Some(vector) = known.and_then(|parts| Dense::new(&parts)) {
            return Ok(Query::new(vector));
        }
        let mut made = self.ask(errand, &[query.to_owned()]).await?;
        let vector = made.pop().ok_or_else(|| Error::internal("no vector was made"))?;
        errand.app.cache.put(&key, KEPT, &vector.parts()).await;
        Ok(Query::new(vector))
    }

    async fn ask(&self, errand: Errand<'_>, inputs: &[String]) -> Result<Vec<Dense>> {
        let Errand { app, payer, operation, deadline } = errand;
        let pending: Option<Pending> = self.ai.embeddings(&self.model, inputs, DIMENSIONS, deadline)?;
        let pending = pending.ok_or_else(crate::ai::openai::unconfigured)?;
        let (model, worst) = (pending.model().to_owned(), pending.worst());
        let vectors = spending::pay(app, payer, operation, &model, worst, pending.send()).await??;
        let dense: Option<Vec<_>> = vectors.iter().map(|vector| Dense::new(vector)).collect();
        dense.ok_or_else(|| Error::Upstream {
            provider: crate::ai::openai::NAME,
            retryable: false,
            source: format!("vectors have not {DIMENSIONS} dimensions").into(),
        })
    }
}

/// What a model reads: the title, which all passages of a document share, and the passage.
fn input(title: &str, text: &str) -> String {
    if title.is_empty() { text.to_owned() } else { format!("{title}\n\n{text}") }
}

/// How many texts at a time, by count and by bytes; each fits alone, being a passage and a title.
pub(crate) fn batches(inputs: &[String]) -> Vec<&[String]> {
    const _: () = assert!(chunk::MOST * 4 < 8_192, "a passage has fewer bytes than a model takes tokens");
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (n, input) in inputs.iter().enumerate() {
        let size = input.len() + 32;
        if n > start && (n - start == INPUTS || bytes + size > TOKENS) {
            batches.push(&inputs[start..n]);
            (start, bytes) = (n, 0);
        }
        bytes += size;
    }
    if start < inputs.len() {
        batches.push(&inputs[start..]);
    }
    batches
}

/// A namespace's head, if it can be searched and written by this engine.
pub(crate) async fn head(errand: Errand<'_>, engine: &Engine, place: &Namespace) -> Result<Head> {
    let head = crate::store::vectors::head(&errand.app.store, place).await?;
    engine.check(&head)?;
    Ok(head)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn batches_are_whole_and_within_the_providers_limits(lengths in prop::collection::vec(1_usize..5_200, 0..600), many in 0_usize..2) {
            let mut inputs: Vec<String> = lengths.into_iter().map(|length| "x".repeat(length)).collect();
            inputs.extend(std::iter::repeat_n("y".to_owned(), many * 5_000));
            let batches = batches(&inputs);
            prop_assert_eq!(batches.concat(), inputs.clone());
            for batch in batches {
                prop_assert!((1..=INPUTS).contains(&batch.len()));
                prop_assert!(batch.iter().map(String::len).sum::<usize>() <= TOKENS);
            }
        }
    }
}
