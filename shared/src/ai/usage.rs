//! Who answered and what it cost, as every operation tells its callers.
//!
//! Deliberately absent: what an answer cost in money. The ledger has it, to the last request; here is only what an answer
//! that was known would have cost.

use serde::{Deserialize, Serialize};

use super::complexity::{Choice, Tier};
use super::openai::Tokens;
use crate::money::Money;

/// Who made an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The language model.
    Openai,
    /// The embedded rules.
    Fallback,
}

/// What an answer cost: everything that was spent for it, also when the model's answer was not used.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The model that was asked and answered; `None` when none did.
    pub model: Option<String>,
    /// The tier that the request was given.
    pub tier: Tier,
    /// How much the request asks for, 0 to 1; see `complexity`.
    pub complexity: f64,
    /// Why that tier.
    pub choice: String,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
    /// Both.
    pub total_tokens: u64,
    /// What an answer that was known would have cost, in US dollars.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saved_usd: Option<Money>,
    /// Why the fallback served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl Usage {
    pub(crate) fn new(choice: &Choice, tokens: Tokens, saved: Option<Money>, reason: Option<Reason>) -> Self {
        let asked = reason.is_none() || tokens != Tokens::default();
        Self {
            model: asked.then(|| choice.model.clone()),
            tier: choice.tier,
            complexity: choice.complexity,
            choice: choice.reason.clone(),
            prompt_tokens: tokens.prompt,
            completion_tokens: tokens.completion,
            total_tokens: tokens.prompt.saturating_add(tokens.completion),
            saved_usd: saved,
            reason,
        }
    }
}

/// Why the fallback served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no language model.
    ProviderUnconfigured,
    /// It failed, or did not answer in time.
    ProviderUnavailable,
    /// Its answer broke the rules, and so did the repaired one.
    AnswerUnusable,
    /// Its answer was cut off, and so was a shorter one.
    AnswerTruncated,
    /// It said nothing, twice.
    AnswerEmpty,
    /// It declined.
    Refused,
    /// The provider's content filter took its answer away.
    Filtered,
}
