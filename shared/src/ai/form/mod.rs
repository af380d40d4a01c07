//! A description in words becomes the fields of a form.
//!
//! - `request`: what a caller sends; `field`: what a caller gets.
//! - `model`: asks the language model. `rules`: the embedded engine, which serves without one.
//! - `check`: what may leave, whoever made it.
//!
//! Deliberately absent: how budgets and caches work, and any effect: an answer is data and grants nothing to anybody.

use std::time::Duration;

use serde::Serialize;

use super::ask::{Ask, ask};
use super::call::{MARGIN, Spend};
use super::complexity;
use super::deadline::Deadline;
use super::{Ai, Source, Usage};
use crate::Result;
use crate::cache::{Key, Reader};

mod catalogue;
mod check;
mod field;
mod model;
mod request;
mod rules;

pub use field::{Choice, Field, FieldType, Validation};
pub use request::{Context, Existing, Request};

/// A generated form.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Generated {
    /// 1 to 40 fields.
    pub fields: Vec<Field>,
    /// Whether an earlier answer is repeated.
    pub cached: bool,
    /// Who made the fields.
    pub source: Source,
    /// What it cost.
    pub usage: Usage,
}

impl Ask for Request {
    fn choice(&self, ai: &Ai) -> complexity::Choice {
        model::complexity(self).choose(&ai.settings)
    }

    fn key(&self, choice: &complexity::Choice, reader: &Reader) -> Key {
        let Self { context, existing_fields } = self;
        let key = model::task(choice, self).key(reader);
        key.with("context", context.as_str()).list("existingFields", existing_fields.names()).build()
    }
}

/// The fields for a description, within `remaining`; `spend` pays.
///
/// With a language model, it is asked: the simple one when the request's complexity is below the threshold, the complex
/// one otherwise. An answer that breaks a rule is sent back once with the list of what is wrong. Whatever else goes
/// wrong, the embedded rules serve and `usage.reason` says why; the rules give the same fields for the same request,
/// always.
///
/// # Errors
/// `Internal` when TLS cannot be set up, and whatever `spend` fails with; nothing that a provider does is an error.
pub async fn generate(ai: &Ai, request: &Request, remaining: Duration, spend: &Spend<'_>) -> Result<Generated> {
    let deadline = Deadline::after(remaining.saturating_sub(MARGIN));
    let choice = request.choice(ai);
    let task = model::task(&choice, request);
    let asked = ask(ai, &task, request, deadline, spend, |answer| model::read(answer, request)).await?;
    let (fields, source, reason) = match asked.result {
        Ok(fields) => (fields, Source::Openai, None),
        Err(unserved) => {
            let fields = rules::fields(request.context.as_str(), &request.existing_fields);
            (fields, Source::Fallback, Some(unserved.reason()))
        }
    };
    let usage = Usage::new(&choice, asked.tokens, asked.saved, reason);
    Ok(Generated { fields, cached: asked.saved.is_some(), source, usage })
}

#[cfg(test)]
mod tests;
