//! A search query becomes a clearer one, its terms and what its author wants.
//!
//! `model` is what the language model is told; `rules` serve without one. Deliberately absent: searching, and any
//! knowledge of what there is to find.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ask::{Ask, ask};
use super::call::{MARGIN, Spend};
use super::complexity::{Choice, Complexity};
use super::deadline::Deadline;
use super::{Ai, Reason, Source, Usage, text};
use crate::cache::{Key, Reader};
use crate::{Error, Result};

mod model;
mod rules;
mod words;

pub(crate) use words::{is_stop, stem};

/// A query to enhance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What somebody typed.
    pub query: Query,
}

/// 1 to 1,000 characters after trimming, without control or hidden characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Query(String);

impl Query {
    /// The most characters.
    pub const MOST: usize = 1_000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Query {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text::required("query", &text, Self::MOST).map(Self)
    }
}

/// An enhanced query.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Enhanced {
    /// What was understood.
    #[serde(flatten)]
    pub reading: Reading,
    /// Who understood it.
    pub source: Source,
    /// Whether an earlier answer is repeated.
    pub cached: bool,
    /// What it cost.
    pub usage: Usage,
}

/// What a query is understood to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reading {
    /// The query, said better; one line, never empty, 1,000 characters at most.
    pub enhanced_query: String,
    /// What to look for: 0 to 20 terms of 1 to 100 characters, each once.
    pub search_terms: Vec<String>,
    /// What its author wants.
    pub intent: Intent,
    /// How sure the intent is, 0 to 1.
    pub confidence: f64,
}

/// What the author of a query wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// To find things.
    Search,
    /// To get to a place.
    Navigation,
    /// To have something done.
    Action,
    /// To know something.
    Question,
}

/// The most search terms.
const TERMS: usize = 20;
/// The longest search term, in characters.
const TERM: usize = 100;

impl Ask for Request {
    fn choice(&self, ai: &Ai) -> Choice {
        Complexity::of_query(self.query.as_str()).choose(&ai.settings)
    }

    fn key(&self, choice: &Choice, reader: &Reader) -> Key {
        let Self { query } = self;
        model::task(choice, query.as_str()).key(reader).with("query", query.as_str()).build()
    }
}

/// What the author of a query wants, by the rules alone.
pub(crate) fn intent(query: &str) -> Intent {
    rules::read(query).intent
}

/// Enhances a query within `remaining`; `spend` pays. Whatever goes wrong with the model, the
/// rules serve and `usage.reason` says why.
///
/// # Errors
/// `Internal` when TLS cannot be set up, and whatever `spend` fails with.
pub async fn enhance(ai: &Ai, request: &Request, remaining: Duration, spend: &Spend<'_>) -> Result<Enhanced> {
    let deadline = Deadline::after(remaining.saturating_sub(MARGIN));
    let query = request.query.as_str();
    let choice = request.choice(ai);
    let asked = ask(ai, &model::task(&choice, query), request, deadline, spend, model::read).await?;
    let (reading, source, reason): (_, _, Option<Reason>) = match asked.result {
        Ok(reading) => (reading, Source::Openai, None),
        Err(unserved) => (rules::read(query), Source::Fallback, Some(unserved.reason())),
    };
    let usage = Usage::new(&choice, asked.tokens, asked.saved, reason);
    Ok(Enhanced { reading, source, cached: asked.saved.is_some(), usage })
}

#[cfg(test)]
mod tests;
