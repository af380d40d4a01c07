//! A search: what is meant, where it is, and what of it is shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::chunk::joined;
use super::engine::{Engine, head};
use super::filter::{Filter, Metadata};
use super::highlight::{Highlight, highlights};
use super::namespace::{Name, Namespace};
use super::sparse::Sparse;
use super::vectors::{Errand, Found, Question, Weights};
use crate::ai::query::{self, Intent, Query};
use crate::ai::{Ai, Source, Spend};
use crate::cache::{Key, Reader};
use crate::{Error, Result};

/// How long results are repeated, as long as the namespace does not change.
const KEPT: Duration = Duration::from_secs(60);
/// What the enhancement of a query may take; then its rules serve.
const ENHANCING: Duration = Duration::from_secs(8);
/// The most results.
const MOST: usize = 100;
/// The most passages of a document that are shown together.
const PASSAGES: usize = 3;

/// A search.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What somebody typed, 1 to 1,000 characters.
    pub query: Query,
    /// How to look for it.
    #[serde(default)]
    pub options: Options,
}

/// How to look.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Options {
    /// How many results, 1 to 100; `limit` is the same.
    #[serde(alias = "limit")]
    pub top_k: usize,
    /// Which documents.
    pub filter: Option<Filter>,
    /// Where.
    pub namespace: Name,
    /// How much meaning counts, 0 to 1.
    pub semantic_weight: Option<f32>,
    /// How much words count, 0 to 1.
    pub keyword_weight: Option<f32>,
    /// Whether the query is said better first.
    pub enhance: bool,
    /// Whether scores are explained.
    pub explain: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (filter, namespace, semantic_weight, keyword_weight) = Default::default();
        Self { top_k: 10, filter, namespace, semantic_weight, keyword_weight, enhance: true, explain: false }
    }
}

/// What was found.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// The best first.
    pub results: Vec<Hit>,
    /// What was looked for.
    pub enhanced_query: String,
    /// What the query's author wants.
    pub intent: Intent,
    /// How many results there are here.
    pub total_results: usize,
    /// Which store answered: `pinecone` or `embedded`.
    pub source: String,
    /// Whether an earlier answer is repeated.
    pub cached: bool,
}

/// A document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hit {
    /// The caller's own name for it.
    pub id: String,
    /// Its text; of a long one, the passages that were found, put together.
    pub content: String,
    /// Its title, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its metadata and tags.
    pub metadata: Metadata,
    /// 0 to 1, comparable between searches with the same weights.
    pub score: f64,
    /// What the score is made of, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<Explained>,
    /// Sentences with matches.
    pub highlights: Vec<Highlight>,
}

/// `score = semanticWeight * semantic + keywordWeight * keyword`, of the best passage.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The cosine of the vectors, 0 if it is negative.
    pub semantic: f64,
    /// The share of the query's words that the passage holds, saturated.
    pub keyword: f64,
    /// How much meaning counted.
    pub semantic_weight: f64,
    /// How much words counted.
    pub keyword_weight: f64,
}

impl Options {
    /// What was asked for, or what the intent suggests; together 1.
    ///
    /// # Errors
    /// INVALID_REQUEST for numbers that are no weights.
    fn weights(&self, intent: Intent) -> Result<Weights> {
        let suggested = match intent {
            Intent::Search => (0.8, 0.2),
            Intent::Navigation => (0.6, 0.4),
            Intent::Action | Intent::Question => (0.6, 0.2),
        };
        let (semantic, keyword) = match (self.semantic_weight, self.keyword_weight) {
            (Some(semantic), Some(keyword)) => (semantic, keyword),
            (Some(semantic), None) => (semantic, 1.0 - semantic),
            (None, Some(keyword)) => (1.0 - keyword, keyword),
            (None, None) => suggested,
        };
        let is_weight = |weight: f32| (0.0..=1.0).contains(&weight);
        let sum = semantic + keyword;
        if !is_weight(semantic) || !is_weight(keyword) || sum <= 0.0 {
            return Err(Error::invalid("semanticWeight and keywordWeight are numbers from 0 to 1, not both 0."));
        }
        Ok(Weights { semantic: semantic / sum, keyword: keyword / sum })
    }
}

/// Searches the caller's namespace.
///
/// # Errors
/// INVALID_REQUEST, `VECTORS_DIFFER`, BUDGET_EXCEEDED, provider errors, UNAVAILABLE.
pub(crate) async fn search(
    errand: Errand<'_>,
    engine: &Engine,
    ai: &Ai,
    reader: &Reader,
    request: Request,
    spend: &Spend<'_>,
) -> Result<Results> {
    let Request { query, options } = request;
    if !(1..=MOST).contains(&options.top_k) {
        return Err(Error::invalid(format!("topK is a number from 1 to {MOST}.")));
    }
    // Wrong weights are refused before anything is paid for.
    options.weights(Intent::Search)?;
    let place = Namespace::new(errand.payer.tenant, options.namespace.clone());
    let enhanced = async {
        if options.enhance {
            let left = errand.deadline.left().min(ENHANCING);
            let enhanced = query::enhance(ai, &query::Request { query: query.clone() }, left, spend).await?;
            let said = enhanced.source == Source::Openai;
            let better = enhanced.reading.enhanced_query;
            let text = if said { better } else { query.as_str().to_owned() };
            return Ok::<_, Error>((text, enhanced.reading.intent));
        }
        Ok((query.as_str().to_owned(), query::intent(query.as_str())))
    };
    let (enhanced, head) = tokio::join!(enhanced, head(errand, engine, &place));
    let ((text, intent), head) = (enhanced?, head?);
    let weights = options.weights(intent)?;
    let key = key(reader, &place, (head.epoch, head.version), &text, &options, weights, &engine.kind());
    let known: Option<Vec<Hit>> =
        if engine.is_paid() { errand.app.cache.get(&key).await } else { errand.app.cache.get_here(&key) };
    let cached = known.is_some();
    let results = match known {
        Some(results) => results,
        None if head.documents == 0 => Vec::new(),
        None => {
            let dense = engine.embed_query(errand, reader, &text).await?;
            let sparse = Sparse::of_query(&text);
            let filter = options.filter.as_ref();
            let question = Question { dense: &dense, sparse: &sparse, weights, filter, most: options.top_k };
            let found = engine.vectors.find(errand, &place, &head, question).await?;
            let results: Vec<Hit> =
                found.into_iter().map(|found| shown(found, &text, weights, options.explain)).collect();
            if engine.is_paid() {
                errand.app.cache.put(&key, KEPT, &results).await;
            } else {
                errand.app.cache.put_here(&key, KEPT, &results);
            }
            results
        }
    };
    let (total_results, source) = (results.len(), engine.vectors.name().to_owned());
    Ok(Results { results, enhanced_query: text, intent, total_results, source, cached })
}

/// Results are those of one version: there is nothing to drop when the namespace changes.
fn key(
    reader: &Reader,
    place: &Namespace,
    (epoch, version): (u64, u64),
    text: &str,
    options: &Options,
    weights: Weights,
    kind: &str,
) -> Key {
    let Options { top_k, filter, namespace: _, semantic_weight: _, keyword_weight: _, enhance: _, explain } = options;
    let Weights { semantic, keyword } = weights;
    Key::of(reader, "search", b"1")
        .with("place", place.to_string())
        .with("epoch", epoch.to_be_bytes())
        .with("version", version.to_be_bytes())
        .with("kind", kind)
        .with("text", text)
        .with("top", top_k.to_string())
        .maybe("filter", filter.as_ref().map(|filter| filter.pinecone().to_string()))
        .with("semantic", semantic.to_be_bytes())
        .with("keyword", keyword.to_be_bytes())
        .with("explain", [u8::from(*explain)])
        .build()
}

fn shown(found: Found, text: &str, weights: Weights, explain: bool) -> Hit {
    let Found { stored, passages } = found;
    let parts = passages.first().map(|(_, parts)| *parts).unwrap_or_default();
    let document = &stored.document;
    let content = if stored.passages.len() <= 1 {
        document.content.clone()
    } else {
        let shown = passages.iter().take(PASSAGES).filter_map(|(passage, _)| stored.passages.get(*passage).cloned());
        let shown = joined(shown.collect()).into_iter().filter_map(|range| document.content.get(range));
        shown.map(str::trim).collect::<Vec<_>>().join("\n[...]\n")
    };
    let number = |number: f32| (f64::from(number.clamp(0.0, 1.0)) * 1e4).round() / 1e4;
    let parts_shown = explain.then(|| Explained {
        semantic: number(parts.semantic),
        keyword: number(parts.keyword),
        semantic_weight: number(weights.semantic),
        keyword_weight: number(weights.keyword),
    });
    Hit {
        id: document.id.as_str().to_owned(),
        highlights: highlights(&content, text),
        content,
        title: Some(document.title.clone()).filter(|title| !title.is_empty()),
        metadata: document.metadata.clone(),
        score: number(weights.score(parts)),
        parts: parts_shown,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::{Value, json};

    use super::*;
    use crate::TenantId;

    fn options(json: Value) -> Options {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn weights_come_from_the_request_or_the_intent() {
        for (json, intent, expected) in [
            (json!({}), Intent::Search, Some((0.8, 0.2))),
            (json!({}), Intent::Navigation, Some((0.6, 0.4))),
            (json!({}), Intent::Question, Some((0.75, 0.25))),
            (json!({"semanticWeight": 0.5, "keywordWeight": 0.5}), Intent::Search, Some((0.5, 0.5))),
            (json!({"semanticWeight": 0.2, "keywordWeight": 0.2}), Intent::Search, Some((0.5, 0.5))),
            (json!({"keywordWeight": 1}), Intent::Search, Some((0.0, 1.0))),
            (json!({"semanticWeight": 0, "keywordWeight": 0}), Intent::Search, None),
            (json!({"semanticWeight": 1.5}), Intent::Search, None),
            (json!({"keywordWeight": -0.1}), Intent::Search, None),
        ] {
            let weights = options(json.clone()).weights(intent).ok();
            let near = |a: f32, b: f32| (a - b).abs() < 1e-6;
            let same = match (weights, expected) {
                (Some(weights), Some((s, k))) => near(weights.semantic, s) && near(weights.keyword, k),
                (None, None) => true,
                _ => false,
            };
            assert!(same, "{json}: {weights:?}");
        }
    }

    #[test]
    fn limit_is_another_name_and_unknown_members_are_refused() {
        assert_eq!(options(json!({"limit": 3})).top_k, 3);
        for json in [json!({"topK": 1, "limit": 1}), json!({"tenant": "x"}), json!({"namespace": "a.b"})] {
            assert!(serde_json::from_value::<Options>(json).is_err());
        }
    }

    #[test]
    fn row_29_results_are_kept_under_everything_they_depend_on() {
        let reader = |n| Reader::new(TenantId::from([n; 16]), |_| true);
        let place = |n, name: &str| Namespace::new(TenantId::from([n; 16]), Name::try_from(name.to_owned()).unwrap());
        let weights = |semantic| Weights { semantic, keyword: 1.0 - semantic };
        let plain = options(json!({}));
        let keys = [
            key(&reader(1), &place(1, "a"), (0, 1), "x", &plain, weights(0.5), "k"),
            key(&reader(2), &place(2, "a"), (0, 1), "x", &plain, weights(0.5), "k"),
            key(&reader(1), &place(1, "b"), (0, 1), "x", &plain, weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (1, 1), "x", &plain, weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 2), "x", &plain, weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "y", &plain, weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "x", &options(json!({"topK": 9})), weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "x", &options(json!({"filter": {"a": 1}})), weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "x", &options(json!({"explain": true})), weights(0.5), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "x", &plain, weights(0.6), "k"),
            key(&reader(1), &place(1, "a"), (0, 1), "x", &plain, weights(0.5), "l"),
        ];
        let names: HashSet<_> = keys.iter().map(Key::name).collect();
        assert_eq!(names.len(), keys.len());
    }
}
