//! A text becomes a shorter one, never longer than asked for.
//!
//! - `sentence`: where sentences end. `cut`: how a text ends early.
//! - `rules`: the sentences that say most, without a model. `model`: what the language model is told.
//!
//! Deliberately absent: formats. Content is plain text; markup in it is text too.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ask::{Ask, ask};
use super::call::{MARGIN, Spend};
use super::complexity::{Choice, Complexity};
use super::deadline::Deadline;
use super::{Ai, Source, Usage, text};
use crate::cache::{Key, Reader};
use crate::{Error, Result};

mod cut;
mod model;
mod rules;
pub(crate) mod sentence;

/// A text to summarize.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The text.
    pub content: Content,
    /// The most characters of the summary.
    #[serde(default)]
    pub max_length: Length,
}

/// 1 to 100,000 characters; hidden and control characters are taken out, because documents are full of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Content(String);

impl Content {
    /// The most characters.
    pub const MOST: usize = 100_000;

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Content {
    type Error = Error;

    fn try_from(content: String) -> Result<Self> {
        // A form feed ends a page, a vertical tab a line: the words beside them are not one.
        let content = content.replace(['\u{B}', '\u{C}', '\u{85}'], "\n");
        let plain = text::harmless(&content).trim().to_owned();
        text::within("content", &plain, 1, Self::MOST)?;
        Ok(Self(plain))
    }
}

/// A number of characters (Unicode scalar values), 20 to 5,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u32")]
pub struct Length(u32);

impl Length {
    /// The number.
    pub fn get(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl Default for Length {
    fn default() -> Self {
        Self(200)
    }
}

impl TryFrom<u32> for Length {
    type Error = Error;

    fn try_from(length: u32) -> Result<Self> {
        if (20..=5_000).contains(&length) {
            return Ok(Self(length));
        }
        Err(Error::invalid("maxLength is a number of characters from 20 to 5000."))
    }
}

/// A shorter text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summarized {
    /// At most `maxLength` characters, never empty.
    pub summary: String,
    /// Who wrote it.
    pub source: Source,
    /// Whether an earlier answer is repeated.
    pub cached: bool,
    /// What it cost.
    pub usage: Usage,
}

impl Ask for Request {
    fn choice(&self, ai: &Ai) -> Choice {
        Complexity::of_summary(self.content.as_str(), self.max_length.get()).choose(&ai.settings)
    }

    fn key(&self, choice: &Choice, reader: &Reader) -> Key {
        let Self { content, max_length } = self;
        let task = model::task(choice, content.as_str(), max_length.get());
        task.key(reader).with("content", content.as_str()).with("maxLength", max_length.0.to_be_bytes()).build()
    }
}

/// Summarizes a text within `remaining`; `spend` pays. Whatever goes wrong with the model, the
/// rules serve and `usage.reason` says why. A summary of the model's that is too long is cut, not sent back.
///
/// # Errors
/// `Internal` when TLS cannot be set up, and whatever `spend` fails with.
pub async fn summarize(ai: &Ai, request: &Request, remaining: Duration, spend: &Spend<'_>) -> Result<Summarized> {
    let deadline = Deadline::after(remaining.saturating_sub(MARGIN));
    let (content, most) = (request.content.as_str(), request.max_length.get());
    let choice = request.choice(ai);
    let task = model::task(&choice, content, most);
    let asked = ask(ai, &task, request, deadline, spend, |answer| model::read(answer, most)).await?;
    let (summary, source, reason) = match asked.result {
        Ok(summary) => (summary, Source::Openai, None),
        Err(unserved) => (rules::summary(content, most), Source::Fallback, Some(unserved.reason())),
    };
    let usage = Usage::new(&choice, asked.tokens, asked.saved, reason);
    Ok(Summarized { summary, source, cached: asked.saved.is_some(), usage })
}

#[cfg(test)]
mod tests;
