//! A description in words becomes the fields of a form.
//!
//! - `request`: what a caller sends; `field`: what a caller gets.
//! - `model`: asks the language model. `rules`: the embedded engine, which serves without one.
//! - `check`: what may leave, whoever made it.
//!
//! Deliberately absent: caching and budgets, and any effect: an answer is data and grants nothing to anybody.

use std::time::Duration;

use serde::Serialize;

use super::Ai;
use super::deadline::Deadline;
use super::openai::{Failure, Tokens};
use crate::{Error, Result};

mod catalogue;
mod check;
mod field;
mod model;
mod request;
mod rules;

pub use field::{Choice, Field, FieldType, Validation};
pub use request::{Context, Existing, Request};

/// Kept back from the caller's deadline for the rules and the way home.
const MARGIN: Duration = Duration::from_millis(50);

/// A generated form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

/// Who made the fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The language model.
    Openai,
    /// The embedded rules.
    Fallback,
}

/// What an answer cost: everything that was spent for it, also when the model's answer was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The model that was asked and answered; `None` when none did.
    pub model: Option<String>,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// Why the fallback served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Why the fallback served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no language model.
    ProviderUnconfigured,
    /// It failed, or did not answer in time.
    ProviderUnavailable,
    /// Its answer broke the rules, and so did the repaired one.
    AnswerUnusable,
    /// It declined.
    Refused,
}

/// The fields for a description, within `remaining`.
///
/// With a language model, it is asked: `model_simple` when the request's complexity is below `cheaper_threshold`,
/// `model_complex` otherwise. An answer that breaks a rule is sent back once with the list of what is wrong. Whatever
/// else goes wrong, the embedded rules serve and `usage.reason` says why; the rules give the same fields for the same
/// request, always.
///
/// # Errors
/// `Internal` when TLS cannot be set up; nothing that a caller sends or a provider does is an error.
pub async fn generate(ai: &Ai, request: &Request, remaining: Duration) -> Result<Generated> {
    let deadline = Deadline::after(remaining.saturating_sub(MARGIN));
    let client = match ai.openai() {
        Ok(client) => client,
        Err(Error::Unconfigured { .. }) => {
            return Ok(fallback(request, None, Tokens::default(), Reason::ProviderUnconfigured));
        }
        Err(error) => return Err(error),
    };
    let model = model::choose(&ai.settings, request);
    let (outcome, tokens) = model::ask(&client, model, request, deadline).await;
    let reason = match outcome {
        Ok(fields) => {
            let usage = usage(Some(model), tokens, None);
            return Ok(Generated { fields, cached: false, source: Source::Openai, usage });
        }
        Err(model::Unserved::Failed(failure)) => {
            warn(model, &failure);
            Reason::ProviderUnavailable
        }
        Err(model::Unserved::Unusable) => {
            tracing::warn!(model, "the model's form broke the rules twice: the embedded rules serve");
            Reason::AnswerUnusable
        }
        Err(model::Unserved::Refused) => {
            tracing::warn!(model, "the model declined: the embedded rules serve");
            Reason::Refused
        }
    };
    let paid = (tokens != Tokens::default()).then_some(model);
    Ok(fallback(request, paid, tokens, reason))
}

fn warn(model: &str, failure: &Failure) {
    tracing::warn!(
        model,
        failure = ?failure.kind,
        status = failure.http_status(),
        code = failure.code,
        provider_request_id = failure.request_id,
        "the language model failed: the embedded rules serve"
    );
}

fn fallback(request: &Request, model: Option<&str>, tokens: Tokens, reason: Reason) -> Generated {
    let fields = rules::fields(request.context.as_str(), &request.existing_fields);
    Generated { fields, cached: false, source: Source::Fallback, usage: usage(model, tokens, Some(reason)) }
}

fn usage(model: Option<&str>, tokens: Tokens, reason: Option<Reason>) -> Usage {
    Usage {
        model: model.map(str::to_owned),
        prompt_tokens: tokens.prompt,
        completion_tokens: tokens.completion,
        total_tokens: tokens.prompt.saturating_add(tokens.completion),
        reason,
    }
}

#[cfg(test)]
mod tests;
