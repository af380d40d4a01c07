//! Requests to Pinecone and what their answers say: the control plane, where the index is found or made, and the index's
//! own host, where every call is paid for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::super::dense::DIMENSIONS;
use super::super::vectors::Errand;
use crate::ai::deadline::Deadline;
use crate::ai::provider::{Delivery, Dialect, Failure, Kind, Provider, REQUESTS};
use crate::budget::{Money, Spent, Tokens};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::{Error, Result, net, prices, spending};

const NAME: &str = "Pinecone";
/// The newest version whose index has dimensions and a metric; it is supported for a year at least.
const VERSION: &str = "2026-04";
/// Between two looks at an index that is being made.
const PAUSE: Duration = Duration::from_millis(500);
/// The most read units that a query is expected to cost: one for each gigabyte of the namespace.
const READ_UNITS: u64 = 20;
/// The fewest write units of a request.
const WRITE_UNITS: u64 = 5;

static DIALECT: Dialect = Dialect {
    name: NAME,
    request_id: "x-pinecone-request-id",
    longest: Duration::from_secs(15),
    largest: 4 * 1_024 * 1_024,
    passing: |status| matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
    code,
    hopeless: |code| matches!(code, "QUOTA_EXCEEDED" | "PAYMENT_REQUIRED"),
};

/// Whose index, and where.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub key: Secret,
    /// The control plane.
    pub base_url: String,
    pub index: String,
    pub cloud: String,
    pub region: String,
}

/// An index.
pub(crate) struct Pinecone {
    account: Account,
    provider: Arc<Provider>,
    host: Mutex<Option<String>>,
}

impl fmt::Debug for Pinecone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinecone").field("index", &self.account.index).finish_non_exhaustive()
    }
}

/// What a call is charged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    /// Read units, which the answer tells.
    Read,
    /// Write units, one for each kilobyte of the request, which no answer tells.
    Write,
}

impl Cost {
    const fn unit(self) -> &'static str {
        match self {
            Self::Read => "pinecone/read-unit",
            Self::Write => "pinecone/write-unit",
        }
    }

    /// The most units that one request takes.
    fn most(self, bytes: usize) -> u64 {
        match self {
            Self::Read => READ_UNITS,
            Self::Write => u64::try_from(bytes.div_ceil(1_000)).unwrap_or(u64::MAX).max(WRITE_UNITS),
        }
    }
}

#[derive(Deserialize)]
struct Index {
    host: Option<String>,
    dimension: Option<usize>,
    metric: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
struct Status {
    ready: Option<bool>,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    matches: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    id: String,
    score: Option<f32>,
}

#[derive(Deserialize)]
struct Metered {
    usage: Option<Usage>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    read_units: Option<u64>,
}

/// The records that a query found.
pub(super) fn matches(body: &[u8]) -> Option<Vec<(String, f32)>> {
    let Answer { matches } = serde_json::from_slice(body).ok()?;
    Some(matches.into_iter().map(|Match { id, score }| (id, score.unwrap_or(0.0))).collect())
}

/// The error's code: a name on the control plane, a number on an index. A body that is no JSON, as that of a 401, has none.
fn code(body: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(body).ok()?;
    match (&json["error"]["code"], &json["code"]) {
        (Value::String(name), _) => Some(name.clone()),
        (_, Value::Number(number)) => Some(number.to_string()),
        _ => None,
    }
}

/// Whether there is nothing by that name.
pub(super) fn is_absent(error: &Error) -> bool {
    let Error::Upstream { source, .. } = error else { return false };
    source.downcast_ref::<Failure>().is_some_and(|failure| failure.http_status() == Some(404))
}

impl Pinecone {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up.
    pub(crate) fn new(account: Account, clock: Clock) -> Result<Self> {
        let provider = Arc::new(Provider::new(&DIALECT, net::http_client()?, clock));
        Ok(Self { account, provider, host: Mutex::default() })
    }

    fn request(&self, method: reqwest::Method, url: String, body: Option<&Value>) -> reqwest::Result<reqwest::Request> {
        let request = self.provider.http().request(method, url);
        let request = request.header("api-key", self.account.key.expose()).header("x-pinecone-api-version", VERSION);
        match body {
            Some(body) => request.json(body).build(),
            None => request.build(),
        }
    }

    /// The index's address, found out once per instance. One that is absent is made if `make`, and waited for.
    ///
    /// # Errors
    /// What Pinecone fails with; `Unavailable` when the index is not ready in time; `Upstream` for an index of another
    /// kind, which we must not write to.
    pub(super) async fn host(&self, deadline: Deadline, make: bool) -> Result<String> {
        let mut known = self.host.lock().await;
        if let Some(host) = &*known {
            return Ok(host.clone());
        }
        let Account { base_url, index: name, .. } = &self.account;
        let url = format!("{base_url}/indexes/{name}");
        let mut made = !make;
        loop {
            let request = self.request(reqwest::Method::GET, url.clone(), None);
            let read = |body: &[u8]| serde_json::from_slice::<Index>(body).ok();
            let index = match self.provider.send(request, deadline, read).await.result {
                Ok(index) => index,
                Err(failure) if failure.kind == Kind::Status(404) && !made => {
                    self.make(deadline).await?;
                    made = true;
                    continue;
                }
                Err(failure) => return Err(failure.into()),
            };
            let ours = index.dimension == Some(DIMENSIONS) && index.metric.as_deref() == Some("dotproduct");
            if !ours {
                return Err(Error::Upstream {
                    provider: NAME,
                    retryable: false,
                    source: format!("the index {name} is not of {DIMENSIONS} dimensions with the metric dotproduct")
                        .into(),
                });
            }
            let ready = index.status.and_then(|status| status.ready).unwrap_or(false);
            if let (true, Some(host)) = (ready, index.host) {
                // A control plane without TLS is a test's, and so is its index.
                let scheme = if base_url.starts_with("http://") { "http" } else { "https" };
                let host = format!("{scheme}://{host}");
                *known = Some(host.clone());
                return Ok(host);
            }
            if deadline.left() <= PAUSE {
                return Err(Error::unavailable("the Pinecone index is not ready yet"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn make(&self, deadline: Deadline) -> Result<()> {
        let Account { base_url, index, cloud, region, .. } = &self.account;
        let body = json!({
            "name": index,
            "dimension": DIMENSIONS,
            "metric": "dotproduct",
            "vector_type": "dense",
            "spec": {"serverless": {"cloud": cloud, "region": region}},
            "deletion_protection": "enabled",
            "tags": {"made-by": "aura"},
        });
        let request = self.request(reqwest::Method::POST, format!("{base_url}/indexes"), Some(&body));
        match self.provider.send(request, deadline, |_| Some(())).await.result {
            Ok(()) => {
                tracing::info!(index, "made the Pinecone index");
                Ok(())
            }
            // Somebody else made it at the same time, or our own first request did.
            Err(failure) if failure.kind == Kind::Status(409) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Makes a call to the index and pays for it.
    pub(super) async fn paid<T: Send>(
        &self,
        errand: Errand<'_>,
        path: &str,
        body: &Value,
        cost: Cost,
        read: impl Fn(&[u8]) -> Option<T> + Send + Sync,
    ) -> Result<T> {
        let Errand { app, payer, operation, deadline } = errand;
        let host = self.host(deadline, false).await?;
        if let Some(obstacle) = self.provider.obstacle(deadline) {
            return Err(obstacle.into());
        }
        let size = serde_json::to_vec(body).map_err(Error::internal)?.len();
        let request = self.request(reqwest::Method::POST, format!("{host}{path}"), Some(body));
        let each = prices::units(cost.unit(), cost.most(size))?;
        let call = async {
            let read = |body: &[u8]| Some((read(body)?, serde_json::from_slice::<Metered>(body).ok()));
            let Delivery { result, uncounted } = self.provider.send(request, deadline, read).await;
            let unconfirmed = each.times(u64::from(uncounted));
            let counted = match (&result, cost) {
                (Ok(_), Cost::Write) => each,
                (Ok((_, metered)), Cost::Read) => {
                    let units = metered.as_ref().and_then(|metered| metered.usage.as_ref()?.read_units);
                    units.map_or(each, |units| prices::units(cost.unit(), units).unwrap_or(each))
                }
                (Err(_), _) => Money::ZERO,
            };
            let money = counted.plus(unconfirmed);
            let spent = Spent { model: cost.unit().to_owned(), money, unconfirmed, tokens: Tokens::default() };
            (result, (money > Money::ZERO).then_some(spent))
        };
        let worst = each.times(u64::from(REQUESTS));
        let (answer, _) = spending::pay(app, payer, operation, cost.unit(), worst, call).await??;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_data;

    #[test]
    fn codes_are_read_where_there_are_any() {
        for (body, expected) in [
            (r#"{"error": {"code": "NOT_FOUND", "message": "x"}, "status": 404}"#, Some("NOT_FOUND")),
            (r#"{"code": 3, "message": "Vector dimension 3072 does not match", "details": []}"#, Some("3")),
            ("Invalid API Key", None),
            ("", None),
            ("<html>", None),
            ("[]", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn what_is_written_is_charged_by_the_kilobyte() {
        assert_eq!([1, 5_000, 5_001, 2_000_000].map(|bytes| Cost::Write.most(bytes)), [5, 5, 6, 2_000]);
        assert_eq!(prices::units("pinecone/write-unit", 1_000_000).unwrap(), Money::from_dollars(4));
        assert_eq!(prices::units("pinecone/read-unit", 1_000_000).unwrap(), Money::from_dollars(16));
    }

    /// What the real service answered can be read, a 401 in plain text among it.
    #[test]
    fn recorded_answers_are_read() {
        let Some(recorded) = test_data::recorded() else { return };
        let answer = recorded.json("pinecone/openllmetry.query_200.json")["response"]["body"].to_string();
        let found = matches(answer.as_bytes()).unwrap();
        assert!(!found.is_empty() && found.iter().all(|(id, score)| !id.is_empty() && *score > 0.0));
        let refused = recorded.json("errors/pinecone.401_plain_text.json");
        let body = refused["response"]["body"].as_str().unwrap();
        let failure = Failure::status(&DIALECT, 401, &reqwest::header::HeaderMap::new(), body.as_bytes());
        assert!(failure.code.is_none() && !failure.retryable() && !failure.may_be_charged());
    }
}
