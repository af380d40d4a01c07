//! The embeddings API: texts become vectors, many in one request.
//!
//! Vectors are asked for as base64, a third of their size as numbers, and read as either: recorded answers have both.
//! Deliberately absent: money and batching, which whoever asks takes care of within [`INPUTS`] and [`TOKENS`].

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::Ai;
use super::deadline::Deadline;
use super::openai::DIALECT;
use super::provider::{Delivery, Dialect, Failure, Provider, REQUESTS};
use crate::budget::{Money, Spent, Tokens};
use crate::{Result, net, prices, tokens};

/// The most texts of one request.
pub(crate) const INPUTS: usize = 2_048;
/// The most tokens of one request, all texts together; bytes are counted for tokens, which are never more.
pub(crate) const TOKENS: usize = 300_000;

/// OpenAI again, with answers of up to 2,048 vectors of 8 KB each.
pub(super) static EMBEDDINGS: Dialect =
    Dialect { longest: Duration::from_secs(20), largest: 24 * 1_024 * 1_024, ..DIALECT };

#[derive(Debug, Serialize)]
struct Body<'a> {
    model: &'a str,
    input: &'a [String],
    encoding_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dimensions: Option<usize>,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Pending {
    provider: Arc<Provider>,
    request: reqwest::Result<reqwest::Request>,
    deadline: Deadline,
    model: String,
    count: usize,
    /// What one request can cost.
    each: Money,
}

/// Vectors in the order of the texts, or why there are none; and what that cost.
pub(crate) type Sent = (Result<Vec<Vec<f32>>, Failure>, Option<Spent>);

impl Pending {
    /// What all its requests together can cost.
    pub fn worst(&self) -> Money {
        self.each.times(u64::from(REQUESTS))
    }

    /// The model that is asked.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Asks.
    pub async fn send(self) -> Sent {
        let Self { provider, request, deadline, model, count, each } = self;
        let Delivery { result, mut uncounted } = provider.send(request, deadline, |body| parse(body, count)).await;
        let counted = result.as_ref().ok().and_then(|answer| answer.tokens);
        uncounted += u32::from(result.is_ok() && counted.is_none());
        let tokens = Tokens { prompt: counted.unwrap_or(0), ..Tokens::default() };
        let unconfirmed = each.times(u64::from(uncounted));
        let spent = (counted.is_some() || uncounted > 0).then(|| {
            let money = prices::actual(&model, tokens).unwrap_or(each).plus(unconfirmed);
            Spent { model, money, unconfirmed, tokens }
        });
        (result.map(|answer| answer.vectors), spent)
    }
}

impl Ai {
    /// A request for the vectors of some texts, none of which is empty; `None` without an account.
    ///
    /// # Errors
    /// `Unpriced` for a model without a price, `Upstream` when the provider rests or there is no time, `Internal` when TLS
    /// cannot be set up.
    pub(crate) fn embeddings(
        &self,
        model: &str,
        input: &[String],
        dimensions: usize,
        deadline: Deadline,
    ) -> Result<Option<Pending>> {
        let Some(account) = &self.settings.openai else { return Ok(None) };
        let each = prices::worst_case(model, tokens::of_inputs(input.iter().map(String::as_str)), 0)?;
        let provider = match self.embeddings.get() {
            Some(provider) => provider,
            None => {
                let http = net::http_client()?;
                self.embeddings.get_or_init(|| Arc::new(Provider::new(&EMBEDDINGS, http, self.clock.clone())))
            }
        };
        if let Some(obstacle) = provider.obstacle(deadline) {
            return Err(obstacle.into());
        }
        // Only the third generation takes a number of dimensions; others have one.
        let dimensions = model.starts_with("text-embedding-3").then_some(dimensions);
        let body = Body { model, input, encoding_format: "base64", dimensions };
        let url = format!("{}/embeddings", account.base_url.trim_end_matches('/'));
        let request = provider.http().post(url).bearer_auth(account.key.expose()).json(&body).build();
        let provider = Arc::clone(provider);
        Ok(Some(Pending { provider, request, deadline, model: model.to_owned(), count: input.len(), each }))
    }
}

struct Answer {
    vectors: Vec<Vec<f32>>,
    tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vector,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Vector {
    Base64(String),
    Numbers(Vec<f32>),
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
}

/// Only a whole answer: a vector for each text, whatever their order.
fn parse(body: &[u8], count: usize) -> Option<Answer> {
    let Reply { mut data, usage } = serde_json::from_slice(body).ok()?;
    data.sort_by_key(|item| item.index);
    let whole = data.len() == count && data.iter().enumerate().all(|(n, item)| n == item.index);
    let vectors = data.into_iter().map(|item| match item.embedding {
        Vector::Numbers(numbers) => Some(numbers),
        Vector::Base64(text) => {
            let bytes = STANDARD.decode(text).ok()?;
            let (parts, rest) = bytes.as_chunks::<4>();
            rest.is_empty().then(|| parts.iter().map(|part| f32::from_le_bytes(*part)).collect())
        }
    });
    let vectors: Option<Vec<Vec<f32>>> = vectors.collect();
    let tokens = usage.map(|usage| usage.prompt_tokens);
    vectors.filter(|_| whole).map(|vectors| Answer { vectors, tokens })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::scripted::{Line, ai, bodies, keep_the_contract_of, provider};
    use super::*;
    use crate::test_data;

    const LONG: Duration = Duration::from_secs(30);
    const MODEL: &str = "text-embedding-3-small";

    fn answer(items: &Value) -> Line {
        let body =
            json!({"object": "list", "data": items, "model": MODEL, "usage": {"prompt_tokens": 8, "total_tokens": 8}});
        Line::Answer(200, "content-type: application/json\r\n", body.to_string())
    }

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("text {n}")).collect()
    }

    #[tokio::test]
    async fn vectors_come_in_the_order_of_the_texts() {
        let base64 = STANDARD.encode([1.5_f32, -2.0].map(f32::to_le_bytes).concat());
        let items = json!([{"index": 1, "embedding": [0.5, 1]}, {"index": 0, "embedding": base64}]);
        let (ai, requests) = provider(vec![answer(&items)]).await;
        let pending = ai.embeddings(MODEL, &texts(2), 1_536, Deadline::after(LONG)).unwrap().unwrap();
        let worst = pending.worst();
        let (vectors, spent) = pending.send().await;
        assert_eq!(vectors.unwrap(), [vec![1.5, -2.0], vec![0.5, 1.0]]);
        let spent = spent.unwrap();
        assert_eq!((spent.money.nanos(), spent.tokens.prompt), (160, 8));
        assert!(spent.money <= worst && spent.unconfirmed == Money::ZERO);
        let bodies = bodies(&requests);
        assert_eq!(bodies[0]["dimensions"], 1_536);
        keep_the_contract_of("CreateEmbeddingRequest", bodies);
    }

    #[tokio::test]
    async fn what_is_not_whole_is_no_answer_and_may_be_charged() {
        for items in [
            json!([]),
            json!([{"index": 0, "embedding": [1]}]),
            json!([{"index": 0, "embedding": "x"}, {"index": 1, "embedding": "y"}]),
        ] {
            let (ai, _) = provider(vec![answer(&items)]).await;
            let pending = ai.embeddings(MODEL, &texts(2), 1_536, Deadline::after(LONG)).unwrap().unwrap();
            let (vectors, spent) = pending.send().await;
            assert!(vectors.is_err());
            let spent = spent.unwrap();
            assert_eq!(spent.money, spent.unconfirmed);
        }
        let refused = Line::Answer(401, "", json!({"error": {"code": "invalid_api_key"}}).to_string());
        let (ai, _) = provider(vec![refused]).await;
        let pending =
            ai.embeddings("text-embedding-ada-002", &texts(1), 1_536, Deadline::after(LONG)).unwrap().unwrap();
        let (vectors, spent) = pending.send().await;
        assert!(vectors.is_err() && spent.is_none());
    }

    #[test]
    fn row_49_an_unknown_model_is_not_asked() {
        let ai = ai("http://127.0.0.1:1/v1");
        let error = ai.embeddings("embed-9", &texts(1), 1_536, Deadline::after(LONG)).unwrap_err();
        assert_eq!(error.code(), "MODEL_UNPRICED");
        assert_eq!(crate::ai::openai::NAME, EMBEDDINGS.name);
    }

    /// What the real service answered can be read.
    #[test]
    fn recorded_answers_are_read() {
        let Some(recorded) = test_data::recorded() else { return };
        let mut read = 0;
        for name in recorded.names("openai") {
            if !name.contains("embeddings") {
                continue;
            }
            let recorded = recorded.json(&format!("openai/{name}"));
            let body = recorded.get("response").map_or(&recorded, |response| &response["body"]);
            let count = body["data"].as_array().map_or(0, Vec::len);
            let answer = parse(body.to_string().as_bytes(), count);
            if name.contains("404") {
                assert!(answer.is_none());
                continue;
            }
            let answer = answer.unwrap_or_else(|| panic!("{name} cannot be read"));
            assert!(answer.vectors.iter().all(|vector| vector.len() >= 10) && answer.tokens.is_some(), "{name}");
            read += 1;
        }
        assert!(read >= 4);
    }
}
