//! One client for every provider: time, retries, jitter, a circuit breaker and size limits around an HTTP request.
//!
//! What differs between providers is data: a [`Dialect`]. `failure` says what can go wrong, in words that are safe to
//! log; `breaker` when to stop asking.
//! Deliberately absent: what requests and answers mean (a file per provider, such as `openai`), and money, which the
//! caller reserves before and settles after (`call`).

use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Request, Response};

use super::deadline::Deadline;
use crate::clock::Clock;
use crate::net;
use crate::random::Random;

mod breaker;
mod failure;

use breaker::{Breaker, Pass, Sign};
pub use failure::{Failure, Kind};

/// The most requests that one call makes: the first, and a second after a failure that may pass.
pub(crate) const REQUESTS: u32 = 2;
/// The longest pause before the second request when the provider names none; full jitter takes a part of it.
const PAUSE: Duration = Duration::from_millis(500);

/// How a provider differs from others.
#[derive(Debug)]
pub(crate) struct Dialect {
    /// Its name, in errors and logs.
    pub name: &'static str,
    /// The response header that identifies a request.
    pub request_id: &'static str,
    /// The longest that one request may take.
    pub longest: Duration,
    /// The largest answer that is read, in bytes.
    pub largest: usize,
    /// The statuses after which a second request is worth it.
    pub passing: fn(u16) -> bool,
    /// The provider's own code in an error's body.
    pub code: fn(&[u8]) -> Option<String>,
    /// The codes that no waiting helps against, whatever the status.
    pub hopeless: fn(&str) -> bool,
}

/// What became of a call.
#[derive(Debug)]
pub(crate) struct Delivery<T> {
    /// The answer.
    pub result: Result<T, Failure>,
    /// Requests that may have been charged although no answer says so.
    pub uncounted: u32,
}

/// A provider, as long as the instance lives.
pub(crate) struct Provider {
    dialect: &'static Dialect,
    http: reqwest::Client,
    clock: Clock,
    random: Random,
    breaker: Mutex<Breaker>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("name", &self.dialect.name).finish_non_exhaustive()
    }
}

/// A provider whose client is made at the first call: reading root certificates costs start-up time, and most functions
/// hold providers that they never call.
#[derive(Debug)]
pub(crate) struct Dormant {
    dialect: &'static Dialect,
    clock: Clock,
    awake: OnceLock<Provider>,
}

impl Dormant {
    pub(crate) fn new(dialect: &'static Dialect, clock: Clock) -> Self {
        Self { dialect, clock, awake: OnceLock::new() }
    }

    /// The provider, ready to be called now.
    ///
    /// # Errors
    /// Why nothing would be sent.
    pub(crate) fn wake(&self, deadline: Deadline) -> Result<&Provider, Failure> {
        let provider = match self.awake.get() {
            Some(provider) => provider,
            None => {
                let http = net::http_client().map_err(|_| Failure::new(self.dialect, Kind::Unsendable))?;
                self.awake.get_or_init(|| Provider::new(self.dialect, http, self.clock.clone()))
            }
        };
        match provider.obstacle(deadline) {
            Some(obstacle) => Err(obstacle),
            None => Ok(provider),
        }
    }
}

impl<T> Delivery<T> {
    /// Nothing was sent.
    pub(crate) fn unsent(failure: Failure) -> Self {
        Self { result: Err(failure), uncounted: 0 }
    }
}

impl Provider {
    /// Connects nothing yet.
    pub(crate) fn new(dialect: &'static Dialect, http: reqwest::Client, clock: Clock) -> Self {
        Self { dialect, http, clock, random: Random::system(), breaker: Mutex::new(Breaker::new()) }
    }

    /// For building requests.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Why nothing would be sent now: to be asked before money is reserved for it.
    pub(crate) fn obstacle(&self, deadline: Deadline) -> Option<Failure> {
        if deadline.left().is_zero() {
            return Some(self.fail(Kind::Late));
        }
        self.breaker().wait(self.clock.now()).map(|_| self.fail(Kind::Resting))
    }

    /// Sends a request, and once more after a failure that may pass. A pause that the provider asks for is kept, or the
    /// failure is final when the deadline comes first. `read` makes an answer of a successful body, or nothing.
    ///
    /// `request` is what `RequestBuilder::build` gave: one that could not be built is a failure like any other.
    pub(crate) async fn send<T>(
        &self,
        request: reqwest::Result<Request>,
        deadline: Deadline,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Delivery<T> {
        let read = |_: &HeaderMap, body: Vec<u8>| read(&body).ok_or_else(|| self.fail(Kind::Unreadable));
        self.send_reading(request, deadline, read).await
    }

    /// The same for answers that are more than their body, or that are a failure in spite of their status: `read` then
    /// gives one that may be repeated like any other.
    pub(crate) async fn send_reading<T>(
        &self,
        request: reqwest::Result<Request>,
        deadline: Deadline,
        read: impl Fn(&HeaderMap, Vec<u8>) -> Result<T, Failure>,
    ) -> Delivery<T> {
        let mut uncounted = 0;
        let Ok(request) = request else {
            return Delivery { result: Err(self.fail(Kind::Unsendable)), uncounted };
        };
        let mut tried = 1;
        loop {
            let result = match request.try_clone() {
                Some(request) => self.attempt(request, deadline, &read).await,
                None => Err(self.fail(Kind::Unsendable)),
            };
            let Err(failure) = result else { return Delivery { result, uncounted } };
            uncounted += u32::from(failure.may_be_charged());
            let pause = failure.pause.unwrap_or_default().max(self.jitter());
            if tried == REQUESTS || !failure.repeats() || pause >= deadline.left() {
                return Delivery { result: Err(failure), uncounted };
            }
            tracing::info!(
                provider = failure.provider,
                failure = ?failure.kind,
                code = failure.code,
                provider_request_id = failure.request_id,
                "asking once more"
            );
            tokio::time::sleep(pause).await;
            tried += 1;
        }
    }

    async fn attempt<T>(
        &self,
        request: Request,
        deadline: Deadline,
        read: &impl Fn(&HeaderMap, Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if deadline.left().is_zero() {
            return Err(self.fail(Kind::Late));
        }
        let pass = self.breaker().admit(self.clock.now()).map_err(|_| self.fail(Kind::Resting))?;
        let whole = deadline.left() >= self.dialect.longest;
        let answered = deadline.limit(self.dialect.longest, self.exchange(request, read)).await;
        let result = answered.unwrap_or_else(|_| Err(self.fail(Kind::Timeout)));
        let sign = match &result {
            Ok(_) => Sign::Up,
            // A caller in a hurry says nothing about the provider.
            Err(failure) if failure.kind == Kind::Timeout && !whole => Sign::Unknown,
            Err(failure) => failure.sign(),
        };
        self.record(pass, sign);
        result
    }

    async fn exchange<T>(
        &self,
        request: Request,
        read: &impl Fn(&HeaderMap, Vec<u8>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let transport = |error: reqwest::Error| Failure::transport(self.dialect, &error);
        let response = self.http.execute(request).await.map_err(transport)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let answer = match self.body(response).await {
            Ok(body) if status.is_success() => read(&headers, body),
            Ok(body) => Err(Failure::status(self.dialect, status.as_u16(), &headers, &body)),
            // A status that is an error says more than the body that broke off.
            Err(_) if !status.is_success() => Err(Failure::status(self.dialect, status.as_u16(), &headers, &[])),
            Err(failure) => Err(failure),
        };
        let id = failure::request_id(self.dialect, &headers);
        tracing::debug!(provider = self.dialect.name, provider_request_id = id, status = status.as_u16(), "answered");
        answer.map_err(|failure| failure.with_request_id(self.dialect, &headers))
    }

    /// The body, if it is no larger than the limit: it is never held beyond that, whatever its announced length.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Failure> {
        // As much as is announced, and not twice that from growing.
        let announced = response.content_length().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        let mut body = Vec::with_capacity(announced.min(self.dialect.largest));
        let transport = |error: reqwest::Error| Failure::transport(self.dialect, &error);
        while let Some(chunk) = response.chunk().await.map_err(transport)? {
            if body.len() + chunk.len() > self.dialect.largest {
                return Err(self.fail(Kind::TooLarge));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Nothing to the whole pause, at random, so that callers that failed together do not return together.
    fn jitter(&self) -> Duration {
        let share = self.random.bytes::<2>().map_or(u16::MAX, u16::from_be_bytes);
        PAUSE * u32::from(share) / u32::from(u16::MAX)
    }

    fn record(&self, pass: Pass, sign: Sign) {
        let now = self.clock.now();
        let mut breaker = self.breaker();
        let rested = breaker.wait(now).is_some();
        breaker.record(pass, sign, now);
        let rests = breaker.wait(now).is_some();
        drop(breaker);
        match (rested, rests) {
            (false, true) => tracing::warn!(provider = self.dialect.name, "failed repeatedly: not asked for a while"),
            (true, false) => tracing::info!(provider = self.dialect.name, "answers again"),
            _ => {}
        }
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, kind: Kind) -> Failure {
        Failure::new(self.dialect, kind)
    }
}
