//! Why a call failed, in words that are safe to log: no key, no address, no text of the provider's or the caller's.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;

use super::plain;

/// A call that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: Kind,
    /// The provider's own code, if it gave one.
    pub code: Option<String>,
    /// The provider's identifier of the request, for its support.
    pub request_id: Option<String>,
    /// How long the provider asks to wait.
    pub(super) pause: Option<Duration>,
    hopeless: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// No connection.
    Connect,
    /// The connection broke, or the request could not be sent.
    Transport,
    /// No whole answer in time.
    Timeout,
    /// An answer above the size limit.
    TooLarge,
    /// An answer that is not the API's.
    Unreadable,
    /// This HTTP status.
    Status(u16),
}

#[derive(Deserialize)]
struct Body {
    error: Detail,
}

#[derive(Deserialize)]
struct Detail {
    code: Option<String>,
    r#type: Option<String>,
}

impl Failure {
    pub(super) fn new(kind: Kind) -> Self {
        Self { kind, code: None, request_id: None, pause: None, hopeless: false }
    }

    /// The error's own text is dropped: it holds the address, which may hold a password.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        Self::new(if error.is_connect() { Kind::Connect } else { Kind::Transport })
    }

    pub(super) fn status(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        // The code decides; the type stands in where there is no code. Messages are never read.
        let detail = serde_json::from_slice(body).ok().map(|Body { error }| error);
        let code = detail.and_then(|Detail { code, r#type }| code.or(r#type)).filter(|code| is_code(code));
        let told = plain(headers, "x-should-retry") == Some("false");
        let hopeless = told || code.as_deref().is_some_and(needs_money);
        Self { kind: Kind::Status(status), code, request_id: None, pause: pause(headers), hopeless }
    }

    pub(super) fn with_request_id(mut self, headers: &HeaderMap) -> Self {
        let id = plain(headers, "x-request-id");
        self.request_id =
            id.filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))).map(str::to_owned);
        self
    }

    /// Whether the same request may succeed a little later.
    pub fn retryable(&self) -> bool {
        let passes = match self.kind {
            Kind::Connect => true,
            Kind::Status(status) => matches!(status, 408 | 409 | 429 | 500..=599),
            Kind::Transport | Kind::Timeout | Kind::TooLarge | Kind::Unreadable => false,
        };
        passes && !self.hopeless
    }

    /// The HTTP status, if there was one.
    pub fn http_status(&self) -> Option<u16> {
        match self.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }
}

/// Codes are snake case; anything else could be a key or text, and is not kept.
fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// Waiting does not help against an empty account.
fn needs_money(code: &str) -> bool {
    ["quota", "credit", "billing", "spend"].iter().any(|word| code.contains(word))
}

/// `retry-after-ms`, or `retry-after` in seconds; a date is not understood and counts as nothing.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| plain(headers, name).and_then(|text| text.parse::<f64>().ok());
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Connect => f.write_str("no connection")?,
            Kind::Transport => f.write_str("the connection broke")?,
            Kind::Timeout => f.write_str("no answer in time")?,
            Kind::TooLarge => f.write_str("the answer is too large")?,
            Kind::Unreadable => f.write_str("the answer is not the API's")?,
            Kind::Status(status) => write!(f, "HTTP status {status}")?,
        }
        if let Some(code) = &self.code {
            write!(f, ", code {code}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, ", request {id}")?;
        }
        Ok(())
    }
}
