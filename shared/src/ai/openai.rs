//! The chat-completions client: strict in what it sends, lenient in what it reads.
//!
//! One method, `Client::complete`, makes one logical call: at most two requests, within the caller's deadline.
//! Deliberately absent: budgets, caching and a circuit breaker, which wrap this method; streaming, tools and every
//! other endpoint.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deadline::Deadline;
use crate::random::Random;
use crate::secret::Secret;
use crate::{Error, Result};

mod failure;

pub use failure::{Failure, Kind};

/// The provider's name, in errors and logs.
pub const NAME: &str = "OpenAI";

/// The longest that one request may take.
const REQUEST: Duration = Duration::from_secs(20);
/// The largest answer that is read, in bytes.
const ANSWER: usize = 2 * 1024 * 1024;
/// The longest pause before the second request when the provider names none; jitter makes it shorter, by up to half.
const PAUSE: Duration = Duration::from_millis(500);

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
    content: String,
}

impl Message {
    /// Our own instructions.
    pub fn system(content: impl Into<String>) -> Self {
        Self { role: "system", content: content.into() }
    }

    /// Text that a caller brought: data.
    pub fn user(content: impl Into<String>) -> Self {
        Self { role: "user", content: content.into() }
    }

    /// What the model answered before.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self { role: "assistant", content: content.into() }
    }
}

/// A question whose answer is JSON of one schema.
#[derive(Debug, Clone, Serialize)]
pub struct Chat<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The conversation, at least one message.
    pub messages: &'a [Message],
    /// The answer's most tokens, including those of the model's own reasoning.
    pub max_completion_tokens: u32,
    /// The answer's form.
    pub response_format: Format<'a>,
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

/// A named schema.
#[derive(Debug, Clone, Serialize)]
pub struct Schema<'a> {
    /// 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub name: &'a str,
    /// Always true here: the answer must match exactly.
    pub strict: bool,
    /// The schema, within the provider's strict subset.
    pub schema: &'a Value,
}

/// What the model answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The text and how it ended.
    pub answer: Answer,
    /// What it cost.
    pub tokens: Tokens,
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
    /// The model or the provider's content filter declined.
    Refused,
}

/// Tokens as the provider counted them; zero where it said nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Read.
    pub prompt: u64,
    /// Written, including reasoning.
    pub completion: u64,
}

/// The API, as one account sees it.
pub(crate) struct Client<'a> {
    pub http: &'a reqwest::Client,
    pub account: &'a Account,
    pub random: &'a Random,
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("account", self.account).finish_non_exhaustive()
    }
}

impl Client<'_> {
    /// Asks once, and once more after a failure that may pass: 408, 409, 429 unless money is the reason, 5xx, or a
    /// connection that could not be made. A pause that the provider asks for is kept, or the failure is final when
    /// the deadline comes first.
    pub(crate) async fn complete(&self, chat: &Chat<'_>, deadline: Deadline) -> Result<Completion, Failure> {
        let failure = match self.attempt(chat, deadline).await {
            Err(failure) if failure.retryable() => failure,
            other => return other,
        };
        let pause = failure.pause.unwrap_or_else(|| self.backoff());
        if pause >= deadline.left() {
            return Err(failure);
        }
        tokio::time::sleep(pause).await;
        self.attempt(chat, deadline).await
    }

    async fn attempt(&self, chat: &Chat<'_>, deadline: Deadline) -> Result<Completion, Failure> {
        deadline.limit(REQUEST, self.request(chat)).await.unwrap_or_else(|_| Err(Failure::new(Kind::Timeout)))
    }

    async fn request(&self, chat: &Chat<'_>) -> Result<Completion, Failure> {
        let url = format!("{}/chat/completions", self.account.base_url.trim_end_matches('/'));
        let sent = self.http.post(url).bearer_auth(self.account.key.expose()).json(chat).send().await;
        let response = sent.map_err(|error| Failure::transport(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = match read(response).await {
            Ok(body) if status.is_success() => parse(&body).ok_or_else(|| Failure::new(Kind::Unreadable)),
            Ok(body) => Err(Failure::status(status.as_u16(), &headers, &body)),
            // A status that is an error says more than the body that broke off.
            Err(_) if !status.is_success() => Err(Failure::status(status.as_u16(), &headers, &[])),
            Err(failure) => Err(failure),
        };
        answer.map_err(|failure| failure.with_request_id(&headers))
    }

    /// Half the pause to all of it, at random, so that callers that failed together do not return together.
    fn backoff(&self) -> Duration {
        let half = PAUSE / 2;
        let share = self.random.bytes::<1>().map_or(u8::MAX, |[byte]| byte);
        half + half * u32::from(share) / u32::from(u8::MAX)
    }
}

/// The body, if it is no larger than `ANSWER`: it is never held beyond that, whatever its announced length.
async fn read(mut response: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Failure::transport(&error))? {
        if body.len() + chunk.len() > ANSWER {
            return Err(Failure::new(Kind::TooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Only what is used, each part optional: real answers leave out or null what the description requires.
#[derive(Deserialize)]
struct Body {
    choices: Vec<Choice>,
    usage: Option<Usage>,
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
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

fn parse(body: &[u8]) -> Option<Completion> {
    let Body { choices, usage } = serde_json::from_slice(body).ok()?;
    let Choice { message, finish_reason } = choices.into_iter().next()?;
    let (content, refusal) = message.map_or((None, None), |reply| (reply.content, reply.refusal));
    let filled = |text: &String| !text.trim().is_empty();
    let answer = match (finish_reason.as_deref(), content.filter(filled)) {
        _ if refusal.as_ref().is_some_and(filled) => Answer::Refused,
        (Some("content_filter"), _) => Answer::Refused,
        (Some("length"), _) => Answer::Truncated,
        (_, Some(text)) => Answer::Text(text),
        (_, None) => Answer::Empty,
    };
    let tokens = usage.map_or(Tokens::default(), |usage| Tokens {
        prompt: usage.prompt_tokens.unwrap_or(0),
        completion: usage.completion_tokens.unwrap_or(0),
    });
    Some(Completion { answer, tokens })
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Upstream { provider: NAME, retryable: failure.retryable(), source: Box::new(failure) }
    }
}

/// A header as text, if it is short and made of nothing but visible ASCII.
fn plain<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())).then_some(text)
}

#[cfg(test)]
mod tests;
