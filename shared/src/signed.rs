//! Calls of AWS that need no client of their own: one signed request each (Signature Version 4).
//!
//! API Gateway's `@connections` and Lambda's Invoke are a path and a body. Their SDK clients would be megabytes of
//! operations that nobody calls, and a post to each of a thousand connections would go through all of their layers.
//! Deliberately absent: retries of what was answered, which only the caller can judge. What was not may happen twice.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};

use crate::clock::Clock;
use crate::config::Aws;
use crate::sigv4::{Signable, Signer};
use crate::{Error, Result, net};

/// Signs and sends.
#[derive(Debug)]
pub struct Signed {
    way: Way,
    signer: Signer,
    clock: Clock,
}

#[derive(Debug)]
enum Way {
    Network(Client),
    Carried(Arc<dyn Carrier>),
}

/// Brings requests to whoever stands for AWS in a simulation: no network, no signature.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Brings one; `None` if there was no answer in time.
    fn carry(&self, method: &str, url: &str, body: String) -> Pin<Box<dyn Future<Output = Option<StatusCode>> + Send>>;
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// The service's name in signatures, such as `lambda`.
    pub service: &'static str,
    /// The method.
    pub method: Method,
    /// The whole URL, percent-encoded.
    pub url: &'a str,
    /// Headers of the service.
    pub headers: &'a [(&'static str, &'static str)],
    /// The body.
    pub body: String,
    /// How long the answer may take.
    pub within: Duration,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The service's name for what went wrong; empty if nothing did.
    pub kind: String,
}

impl Signed {
    /// A client with the roots of AWS's endpoints.
    pub fn new(aws: &Aws, clock: Clock) -> Result<Self> {
        Ok(Self::by(Way::Network(net::aws_plain_client()?), aws, clock))
    }

    /// The same by way of a carrier.
    pub fn carried(carrier: Arc<dyn Carrier>, aws: &Aws, clock: Clock) -> Self {
        Self::by(Way::Carried(carrier), aws, clock)
    }

    fn by(way: Way, aws: &Aws, clock: Clock) -> Self {
        Self { way, signer: Signer::new(aws), clock }
    }

    /// Sends one request; any answer is one.
    ///
    /// # Errors
    /// `Unavailable` without an answer in time.
    pub async fn send(&self, request: Request<'_>) -> Result<Answer> {
        let Request { service, method, url, headers, body, within } = request;
        let client = match &self.way {
            Way::Network(client) => client,
            Way::Carried(carrier) => {
                let status = carrier.carry(method.as_str(), url, body).await;
                let status = status.ok_or_else(|| Error::unavailable("no answer"))?;
                return Ok(Answer { status, kind: String::new() });
            }
        };
        let signable = Signable { method: method.as_str(), url, headers, body: body.as_bytes() };
        let signature = self.signer.headers(service, self.clock.now(), &signable)?;
        let send = async || {
            let mut request = client.request(method.clone(), url).timeout(within);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            for (name, value) in &signature {
                request = request.header(*name, value);
            }
            request.body(body.clone()).send().await
        };
        // The URL may hold a connection's id: it goes into no log.
        let unanswered = |error: reqwest::Error| Error::unavailable(error.without_url());
        let response = match send().await {
            // A connection that the other side closed while this instance was frozen shows that only when it is used.
            Err(error) if !error.is_timeout() => send().await.map_err(unanswered)?,
            answer => answer.map_err(unanswered)?,
        };
        let status = response.status();
        let kind = response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(':').next().unwrap_or_default().to_owned();
        // Read to its end: then the connection serves again.
        response.bytes().await.map_err(unanswered)?;
        Ok(Answer { status, kind })
    }
}
