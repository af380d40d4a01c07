//! Why a call failed, in words that are safe to log: no key, no address, no text of the provider's or the caller's.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;

use super::Dialect;
use super::breaker::Sign;
use crate::Error;

/// A call that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Who was called.
    pub provider: &'static str,
    /// What happened.
    pub kind: Kind,
    /// The provider's own code, if it gave one.
    pub code: Option<String>,
    /// The provider's identifier of the request, for its support.
    pub request_id: Option<String>,
    /// How long the provider asks to wait.
    pub(super) pause: Option<Duration>,
    retryable: bool,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing was sent: the request could not be built.
    Unsendable,
    /// Nothing was sent: no time was left.
    Late,
    /// Nothing was sent: the provider failed often just now (see `breaker`).
    Resting,
    /// Nothing was sent: no connection.
    Connect,
    /// The connection broke.
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

impl Failure {
    pub(crate) fn new(dialect: &Dialect, kind: Kind) -> Self {
        let retryable = matches!(kind, Kind::Connect | Kind::Resting);
        Self { provider: dialect.name, kind, code: None, request_id: None, pause: None, retryable }
    }

    /// The error's own text is dropped: it holds the address, which may hold a password.
    pub(super) fn transport(dialect: &Dialect, error: &reqwest::Error) -> Self {
        Self::new(dialect, if error.is_connect() { Kind::Connect } else { Kind::Transport })
    }

    /// The code decides whether waiting helps, where there is one; messages are never read.
    pub(crate) fn status(dialect: &Dialect, status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let code = (dialect.code)(body).filter(|code| is_code(code));
        let told = plain(headers, "x-should-retry") == Some("false");
        let hopeless = told || code.as_deref().is_some_and(dialect.hopeless);
        let retryable = (dialect.passing)(status) && !hopeless;
        let pause = pause(headers);
        Self { code, pause, retryable, ..Self::new(dialect, Kind::Status(status)) }
    }

    /// Whether the same call may succeed later.
    pub(crate) fn is_retryable(&self) -> bool {
        self.retryable
    }

    pub(super) fn with_request_id(mut self, dialect: &Dialect, headers: &HeaderMap) -> Self {
        self.request_id = request_id(dialect, headers).map(str::to_owned);
        self
    }

    /// Whether the same request may succeed a little later.
    pub fn retryable(&self) -> bool {
        self.retryable
    }

    /// Whether a second request is worth it at once: not while the provider rests.
    pub(super) fn repeats(&self) -> bool {
        self.retryable && self.kind != Kind::Resting
    }

    /// Whether the provider may have done the work, and charged for it, although no answer tells: no client error is
    /// charged, a server error might be.
    pub fn may_be_charged(&self) -> bool {
        match self.kind {
            Kind::Unsendable | Kind::Late | Kind::Resting | Kind::Connect => false,
            Kind::Status(status) => !(300..=499).contains(&status),
            Kind::Transport | Kind::Timeout | Kind::TooLarge | Kind::Unreadable => true,
        }
    }

    /// What it says about the provider's health.
    pub(super) fn sign(&self) -> Sign {
        match self.kind {
            Kind::Connect | Kind::Transport | Kind::Timeout => Sign::Down,
            Kind::Status(_) if self.retryable => Sign::Down,
            Kind::Status(_) => Sign::Up,
            Kind::Unsendable | Kind::Late | Kind::Resting | Kind::TooLarge | Kind::Unreadable => Sign::Unknown,
        }
    }

    /// The HTTP status, if there was one.
    pub fn http_status(&self) -> Option<u16> {
        match self.kind {
            Kind::Status(status) => Some(status),
            _ => None,
        }
    }
}

/// Codes are one word, in snake case or capitals, or a number; anything else could be a key or text, and is not kept.
fn is_code(text: &str) -> bool {
    let one_case = !(text.bytes().any(|b| b.is_ascii_lowercase()) && text.bytes().any(|b| b.is_ascii_uppercase()));
    one_case && (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// `retry-after-ms`, or `retry-after` in seconds; a date is not understood and counts as nothing.
fn pause(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| plain(headers, name).and_then(|text| text.parse::<f64>().ok());
    let seconds = number("retry-after-ms").map(|ms| ms / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// The provider's identifier of a request.
pub(super) fn request_id<'h>(dialect: &Dialect, headers: &'h HeaderMap) -> Option<&'h str> {
    plain(headers, dialect.request_id).filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)))
}

/// A header as text, if it is short and made of nothing but visible ASCII.
fn plain<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    (!text.is_empty() && text.len() <= 128 && text.bytes().all(|b| b.is_ascii_graphic())).then_some(text)
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Upstream { provider: failure.provider, retryable: failure.retryable(), source: Box::new(failure) }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Unsendable => f.write_str("the request could not be built")?,
            Kind::Late => f.write_str("no time was left")?,
            Kind::Resting => f.write_str("not asked after several failures")?,
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
