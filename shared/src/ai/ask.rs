//! A question and what is known of its answer: one that was kept, one that somebody else is asking for, the model's own.
//!
//! Only answers of the model are kept, after they were read and found good. Refusals, broken answers and fallbacks are
//! not: the next caller may have more luck. Deliberately absent: how answers are kept (`cache`), and what makes one good.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::call::{Called, Spend, Task, Unserved, call};
use super::complexity::Choice;
use super::deadline::Deadline;
use super::openai::Tokens;
use super::{Ai, Reason};
use crate::budget::{Budget, Money, Payer};
use crate::cache::{Cache, Flown, Key, KeyBuilder, Made, Peeked, Reader, Turn};
use crate::{App, Result, prices};

/// Raise it when answers are read, checked or cleaned in another way: those that were kept are then asked for anew.
const READING: u8 = 1;

/// A request that a model answers.
pub trait Ask {
    /// The model that would.
    fn choice(&self, ai: &Ai) -> Choice;

    /// What its answer is kept under.
    fn key(&self, choice: &Choice, reader: &Reader) -> Key;

    /// Looks in the cache before it is known whether the caller may ask; nothing without a model, which rules stand in for.
    fn peek(&self, app: &App, ai: &Ai, reader: &Reader) -> impl Future<Output = Option<Peeked>> + Send
    where
        Self: Sync,
    {
        let key = ai.has_model().then(|| self.key(&self.choice(ai), reader));
        async move { app.cache.peek(key?).await }
    }
}

/// Where to look for an answer, and who saves by finding it.
pub struct Memory<'a> {
    cache: &'a Cache,
    budget: &'a Budget,
    payer: Payer,
    reader: Reader,
    peeked: Mutex<Option<Peeked>>,
}

impl fmt::Debug for Memory<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

impl<'a> Memory<'a> {
    /// What this app knows; `peeked` is what was found ahead.
    pub fn new(app: &'a App, payer: Payer, reader: Reader, peeked: Option<Peeked>) -> Self {
        Self { cache: &app.cache, budget: &app.budget, payer, reader, peeked: Mutex::new(peeked) }
    }

    fn peeked(&self) -> Option<Peeked> {
        self.peeked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Books what was saved. Usage is statistics: no answer fails for it.
    async fn note(&self, task: &Task<'_>, tokens: Tokens) -> Money {
        let model = &task.choice.model;
        // An answer was paid for, so there is a price; should it be gone, nothing is known to be saved.
        let saved = prices::actual(model, tokens).unwrap_or_default();
        if let Err(error) = self.budget.note_saving(self.payer, task.operation, model, saved).await {
            tracing::warn!(code = error.code(), error = ?error, "a saving was not booked");
        }
        saved
    }
}

/// What came of asking.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    /// The answer, or why there is none.
    pub result: Result<T, Unserved>,
    /// What this caller spent on it.
    pub tokens: Tokens,
    /// What the caller did not spend, because the answer was known.
    pub saved: Option<Money>,
}

/// What is told to those who waited for a call that gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shared {
    pub reason: Reason,
    pub retryable: bool,
}

/// An answer with what it cost, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept<T> {
    answer: T,
    tokens: Tokens,
}

impl Task<'_> {
    /// Begins the key of an answer: everything but the caller's own parameters, which the question is made of.
    pub(crate) fn key(&self, reader: &Reader) -> KeyBuilder {
        let Self { operation, choice, system, question: _, image: _, most_tokens, schema, again, shorter, kept: _ } =
            self;
        let Choice { tier: _, model, complexity: _, reason: _ } = choice;
        let mut prompt = digest::Context::new(&digest::SHA256);
        let (name, schema) = schema.map_or_else(Default::default, |(name, schema)| (name, schema.to_string()));
        for part in [system, again, shorter, name, schema.as_str()] {
            prompt.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            prompt.update(part.as_bytes());
        }
        prompt.update(&most_tokens.to_be_bytes());
        prompt.update(&[READING]);
        Key::of(reader, operation, prompt.finish().as_ref()).with("model", model)
    }
}

/// Gives the answer that is known, or asks the model for one that is kept for the next.
///
/// # Errors
/// As [`call`].
pub(crate) async fn ask<T: Serialize + DeserializeOwned>(
    ai: &Ai,
    task: &Task<'_>,
    request: &impl Ask,
    deadline: Deadline,
    spend: &Spend<'_>,
    read: impl Fn(&str) -> Result<T, Vec<String>>,
) -> Result<Asked<T>> {
    let Some(memory) = spend.memory.as_ref().filter(|_| ai.has_model()) else {
        let Called { result, tokens, booking } = call(ai, task, deadline, spend, &Turn::always(), read).await?;
        booking.await;
        return Ok(Asked { result, tokens, saved: None });
    };
    let key = request.key(task.choice, &memory.reader);
    let (own, read) = (Mutex::new(None), &read);
    let flown = memory.cache.single_flight_ahead(&key, task.kept, deadline.left(), memory.peeked(), |turn| {
        let own = &own;
        async move {
            let Called { result, tokens, booking } = call(ai, task, deadline, spend, &turn, read).await?;
            let result = match result {
                Ok(answer) => Ok(Kept { answer, tokens }),
                Err(unserved) => {
                    let shared = unserved.shared();
                    *own.lock().unwrap_or_else(PoisonError::into_inner) = Some((unserved, tokens));
                    Err(shared)
                }
            };
            Ok(Made::new(result).meanwhile(booking))
        }
    });
    Ok(match flown.await? {
        Flown::Known(Kept { answer, tokens }) => {
            let saved = memory.note(task, tokens).await;
            Asked { result: Ok(answer), tokens: Tokens::default(), saved: Some(saved) }
        }
        Flown::Made(Kept { answer, tokens }) => Asked { result: Ok(answer), tokens, saved: None },
        Flown::Failed(shared) => {
            let own = own.into_inner().unwrap_or_else(PoisonError::into_inner);
            let (unserved, tokens) = own.unwrap_or((Unserved::Elsewhere(shared), Tokens::default()));
            Asked { result: Err(unserved), tokens, saved: None }
        }
        Flown::Late => Asked { result: Err(Unserved::Late), tokens: Tokens::default(), saved: None },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::LazyLock;

    use serde_json::{Value, json};

    use super::super::{Settings, code, form, query, summary};
    use super::*;
    use crate::TenantId;
    use crate::cache::Name;
    use crate::clock::Clock;

    fn ai(model: &str) -> Ai {
        let (model_simple, model_complex) = (model.to_owned(), model.to_owned());
        Ai::new(Settings { openai: None, model_simple, model_complex, cheaper_threshold: 0.5 }, Clock::system())
    }

    fn reader(tenant: u8) -> Reader {
        Reader::new(TenantId::from([tenant; 16]), |_| true)
    }

    fn name<R: Ask + DeserializeOwned>(body: &Value, model: &str, tenant: u8) -> Name {
        let request: R = serde_json::from_value(body.clone()).expect("a request");
        request.key(&request.choice(&ai(model)), &reader(tenant)).name()
    }

    /// Rows 29 and 30: what is asked in any other way, of another model or by another tenant is another question.
    #[test]
    fn row_29_every_particular_of_a_request_makes_another_key() {
        let mut seen = HashMap::new();
        let mut add = |name: fn(&Value, &str, u8) -> Name, body: Value| {
            for (model, tenant) in [("small", 1), ("large", 1), ("small", 2)] {
                assert_eq!(name(&body, model, tenant), name(&body, model, tenant));
                let earlier = seen.insert(name(&body, model, tenant), body.clone());
                assert!(earlier.is_none(), "{body} is {earlier:?}");
            }
        };
        for body in [
            json!({"context": "a"}),
            json!({"context": "b"}),
            json!({"context": "a", "existingFields": ["b"]}),
            json!({"context": "a", "existingFields": ["b", "c"]}),
            json!({"context": "a", "existingFields": ["bc"]}),
        ] {
            add(name::<form::Request>, body);
        }
        for body in [json!({"query": "a"}), json!({"query": "b"})] {
            add(name::<query::Request>, body);
        }
        for body in [
            json!({"content": "a"}),
            json!({"content": "b"}),
            json!({"content": "a", "maxLength": 100}),
            json!({"content": "a", "maxLength": 101}),
        ] {
            add(name::<summary::Request>, body);
        }
        for body in [
            json!({"code": "a", "language": "rust"}),
            json!({"code": "b", "language": "rust"}),
            json!({"code": "a", "language": "c"}),
            json!({"code": "a", "language": "rust", "context": ""}),
            json!({"code": "a", "language": "rust", "context": "b"}),
        ] {
            add(name::<code::Request>, body);
        }
    }

    #[test]
    fn other_instructions_are_another_version() {
        static SCHEMA: LazyLock<Value> = LazyLock::new(|| json!({"type": "object"}));
        let choice = Choice {
            tier: super::super::complexity::Tier::Simple,
            model: "m".into(),
            complexity: 0.0,
            reason: String::new(),
        };
        let task = |system, again, most_tokens, schema| Task {
            operation: "op",
            choice: &choice,
            system,
            question: String::new(),
            image: None,
            most_tokens,
            schema,
            again,
            shorter: "c",
            kept: std::time::Duration::ZERO,
        };
        let keys = [
            task("a", "b", 1, None),
            task("ab", "", 1, None),
            task("a", "b", 2, None),
            task("a", "b", 1, Some(("s", &SCHEMA))),
        ]
        .map(|task| task.key(&reader(1)).build().name());
        for (i, name) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(name), "{i}");
        }
    }
}
