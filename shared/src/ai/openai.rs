//! The chat-completions API: strict in what it sends, lenient in what it reads.
//!
//! A [`Chat`] becomes a [`Pending`] call, which knows what it may cost before anything is sent and, as [`Sent`], what
//! it did cost. Whoever keeps the money stands between the two.
//! Deliberately absent: how requests travel (`provider`), budgets and caching; streaming, tools and every other endpoint.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::Deadline;
use super::image::Image;
use super::provider::{Delivery, Dialect, Provider, REQUESTS};
use crate::Error;
use crate::secret::Secret;
use crate::tokens;

pub use super::provider::{Failure, Kind};
pub use crate::prices::Tokens;

/// The provider's name, in errors and logs.
pub const NAME: &str = "OpenAI";

/// OpenAI among the providers.
pub(crate) static DIALECT: Dialect = Dialect {
    name: NAME,
    request_id: "x-request-id",
    longest: Duration::from_secs(20),
    largest: 2 * 1024 * 1024,
    passing: |status| matches!(status, 408 | 409 | 429 | 500..=599),
    code,
    hopeless: needs_money,
};

/// Who pays, and where the API is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The API key.
    pub key: Secret,
    /// The address up to and including the version, for example `https://api.openai.com/v1`.
    pub base_url: String,
}

/// One message of a conversation.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    role: &'static str,
    content: Content,
}

/// What a message says.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part {
    Text { text: String },
    ImageUrl { image_url: Picture },
}

/// An image inside the request: never an address, which the provider would fetch.
#[derive(Clone, Serialize)]
struct Picture {
    url: String,
    detail: &'static str,
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({} characters)", self.url.len())
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Content {
    /// Its bytes as far as tokens are made of them; an image counts for the most tokens that one can have.
    fn counted(&self) -> usize {
        let part = |part: &Part| match part {
            Part::Text { text } => text.len(),
            Part::ImageUrl { image_url: _ } => tokens::PER_IMAGE,
        };
        match self {
            Self::Text(text) => text.len(),
            Self::Parts(parts) => parts.iter().map(part).sum(),
        }
    }
}

impl Message {
    /// Our own instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system", content: content.into().into() }
    }

    /// Text that a caller brought: data.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user", content: content.into().into() }
    }

    /// Text with an image beside it; of its metadata, the orientation alone.
    pub fn user_with(content: impl Into<String>, image: &Image) -> Self {
        let mut url = format!("data:{};base64,", image.format().media_type());
        url.reserve(image.bytes().len() / 3 * 4 + 64);
        match image.upright() {
            [whole, [], []] => base64_simd::STANDARD.encode_append(whole, &mut url),
            parts => base64_simd::STANDARD.encode_append(parts.concat(), &mut url),
        }
        let picture = Part::ImageUrl { image_url: Picture { url, detail: "low" } };
        Self { role: "user", content: Content::Parts(vec![Part::Text { text: content.into() }, picture]) }
    }

    /// What the model answered before.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant", content: content.into().into() }
    }
}

/// A question.
#[derive(Debug, Clone, Serialize)]
pub struct Chat<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The conversation, at least one message.
    pub messages: &'a [Message],
    /// The answer's most tokens, including those of the model's own reasoning.
    pub max_completion_tokens: u32,
    /// The answer's form; plain text without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Format<'a>>,
}

impl Chat<'_> {
    /// What this may cost at most, on behalf of `operation`.
    pub fn planned(&self, operation: &'static str) -> Planned {
        let schema = self.response_format.as_ref().map_or(0, |Format::JsonSchema { json_schema }| {
            json_schema.name.len() + json_schema.schema.to_string().len()
        });
        Planned {
            operation,
            model: self.model.to_owned(),
            messages: self.messages.len(),
            message_bytes: self.messages.iter().map(|message| message.role.len() + message.content.counted()).sum(),
            schema_bytes: schema,
            max_completion_tokens: self.max_completion_tokens,
            requests: REQUESTS,
        }
    }
}

/// The schema that the answer must have; the provider enforces it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Format<'a> {
    /// Strict JSON schema.
    JsonSchema {
        /// The schema and its name.
        json_schema: Schema<'a>,
    },
}

impl<'a> Format<'a> {
    /// An answer that must match `schema` exactly; `name` has 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub fn schema(name: &'a str, schema: &'a Value) -> Self {
        Self::JsonSchema { json_schema: Schema { name, strict: true, schema } }
    }
}

/// A named schema, within the provider's strict subset.
#[derive(Debug, Clone, Serialize)]
pub struct Schema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a Value,
}

/// Everything that the worst price of a call depends on, known before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The function on whose behalf.
    pub operation: &'static str,
    /// The model's name, as it is sent.
    pub model: String,
    /// Messages; each takes a few tokens beside its text.
    pub messages: usize,
    /// UTF-8 bytes of all roles and texts, before JSON escapes them. No token is shorter than a byte.
    pub message_bytes: usize,
    /// Bytes of the schema and its name, as they are sent; zero without one.
    pub schema_bytes: usize,
    /// The most tokens of one answer, reasoning included.
    pub max_completion_tokens: u32,
    /// The most HTTP requests that the call makes; each may be charged in full.
    pub requests: u32,
}

/// What a call did cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// What the provider counted, all of it in one answer.
    pub tokens: Tokens,
    /// Requests that may have been charged although nothing was counted: broken connections, server errors, answers
    /// without usage. Each costs at most what one request was planned at.
    pub uncounted: u32,
}

impl Spent {
    /// Whether certainly nothing was spent: what was reserved can be released.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// A call that is ready to be sent. It owns all that it needs, so that it can be handed to whoever pays.
pub struct Pending {
    provider: Arc<Provider>,
    request: reqwest::Result<reqwest::Request>,
    planned: Planned,
    deadline: Deadline,
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending").field("planned", &self.planned).finish_non_exhaustive()
    }
}

impl Pending {
    /// What it may cost at most.
    pub fn planned(&self) -> &Planned {
        &self.planned
    }

    /// Asks, within the deadline that it was made with: once, and once more after a failure that may pass.
    pub async fn send(self) -> Sent {
        let Delivery { result, mut uncounted } = self.provider.send(self.request, self.deadline, parse).await;
        let tokens = result.as_ref().map_or(None, |completion| completion.tokens);
        uncounted += u32::from(result.is_ok() && tokens.is_none());
        Sent {
            answer: result.map(|completion| completion.answer),
            spent: Spent { tokens: tokens.unwrap_or_default(), uncounted },
        }
    }
}

/// The API, as one account sees it.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pub provider: &'a Arc<Provider>,
    pub account: &'a Account,
}

impl Client<'_> {
    /// A call that is ready to be sent, or why it would not be: there is no time, or the provider rests.
    pub(crate) fn pending(
        &self,
        operation: &'static str,
        chat: &Chat<'_>,
        deadline: Deadline,
    ) -> Result<Pending, Failure> {
        if let Some(obstacle) = self.provider.obstacle(deadline) {
            return Err(obstacle);
        }
        let url = format!("{}/chat/completions", self.account.base_url.trim_end_matches('/'));
        let request = self.provider.http().post(url).bearer_auth(self.account.key.expose()).json(chat).build();
        Ok(Pending { provider: Arc::clone(self.provider), request, planned: chat.planned(operation), deadline })
    }
}

/// There is no account.
pub(crate) fn unconfigured() -> Error {
    Error::Unconfigured { provider: NAME, setting: "OPENAI_API_KEY" }
}

/// A call that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// What it cost.
    pub spent: Spent,
}

/// An answer and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Complete, never empty.
    Text(String),
    /// Cut off at `max_completion_tokens`.
    Truncated,
    /// Nothing at all.
    Empty,
    /// The model declined.
    Refused,
    /// The provider's content filter took the answer away.
    Filtered,
}

/// What a successful body says.
#[derive(Debug, PartialEq, Eq)]
struct Completion {
    answer: Answer,
    tokens: Option<Tokens>,
}

/// Only what is used, each part optional: real answers leave out or null what the description requires.
#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Option<Reply>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Reply {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
}

fn parse(body: &[u8]) -> Option<Completion> {
    let Body { choices, usage } = serde_json::from_slice(body).ok()?;
    let Choice { message, finish_reason } = choices.into_iter().next()?;
    let (content, refusal) = message.map_or((None, None), |reply| (reply.content, reply.refusal));
    let filled = |text: &String| !text.trim().is_empty();
    let answer = match (finish_reason.as_deref(), content.filter(filled)) {
        _ if refusal.as_ref().is_some_and(filled) => Answer::Refused,
        (Some("content_filter"), _) => Answer::Filtered,
        (Some("length"), _) => Answer::Truncated,
        (_, Some(text)) => Answer::Text(text),
        (_, None) => Answer::Empty,
    };
    let counted = usage.and_then(|usage| serde_json::from_value::<Usage>(usage).ok());
    let tokens = counted.map(|usage| Tokens {
        prompt: usage.prompt_tokens,
        cached: usage.prompt_tokens_details.and_then(|d| d.cached_tokens).unwrap_or(0).min(usage.prompt_tokens),
        completion: usage.completion_tokens,
    });
    Some(Completion { answer, tokens })
}

#[derive(Deserialize)]
struct Problem {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: Option<String>,
    r#type: Option<String>,
}

/// The error's code; its type stands in where there is none.
fn code(body: &[u8]) -> Option<String> {
    let Problem { error } = serde_json::from_slice(body).ok()?;
    error.code.or(error.r#type)
}

/// Waiting does not help against an empty account.
fn needs_money(code: &str) -> bool {
    ["quota", "credit", "billing", "spend"].iter().any(|word| code.contains(word))
}

#[cfg(test)]
mod tests;
