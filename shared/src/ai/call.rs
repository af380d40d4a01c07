//! The one way to a language model: every operation's question, its one repair, and what comes of it.
//!
//! Money stands in [`Spend`], between a call that is ready and one that is over.
//! Deliberately absent: what is asked and what makes an answer good, which each operation says in a [`Task`] and a
//! `read` function; what is known already (`ask`).

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ask::{Memory, Shared};
use super::complexity::Choice;
use super::deadline::Deadline;
use super::image::Image;
use super::leak::leaks;
use super::openai::{self, Answer, Chat, Failure, Format, Message, Pending, Sent, Tokens};
use super::{Ai, Reason};
use crate::cache::Turn;
use crate::{Error, Result};

/// Kept back from the caller's deadline for the rules and the way home.
pub(crate) const MARGIN: Duration = Duration::from_millis(50);
/// With less time left than this, a second call is not worth its price.
const REPAIR: Duration = Duration::from_secs(1);

/// What to ask.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The function's name, for logs and books.
    pub operation: &'static str,
    /// The model, and why this one.
    pub choice: &'a Choice,
    /// Our instructions.
    pub system: &'static str,
    /// The caller's request, as data.
    pub question: String,
    /// An image beside it.
    pub image: Option<&'a Image>,
    /// The answer's most tokens.
    pub most_tokens: u32,
    /// The answer's schema and its name; plain text without one.
    pub schema: Option<(&'static str, &'static Value)>,
    /// What precedes the list of problems when an answer is sent back.
    pub again: &'static str,
    /// The problem of an answer that was cut off.
    pub shorter: &'static str,
    /// How long the answer is good for.
    pub kept: Duration,
}

/// What came of it.
pub(crate) struct Called<'a, T> {
    /// The answer, or why there is none.
    pub result: Result<T, Unserved>,
    /// Everything that was spent on the way.
    pub tokens: Tokens,
    /// What is still to be booked.
    pub booking: Booking<'a>,
}

/// Why the model gave no answer that can be served.
#[derive(Debug)]
pub(crate) enum Unserved {
    /// There is no model.
    Unconfigured,
    /// It could not be asked.
    Failed(Failure),
    /// It declined.
    Refused,
    /// The provider's filter took the answer away.
    Filtered,
    /// It was cut off, also when asked to be shorter.
    Truncated,
    /// It was empty, twice.
    Empty,
    /// It broke the rules, also after the repair.
    Unusable,
    /// It repeated our instructions.
    Leaking,
    /// Somebody else asked the same, and got nothing.
    Elsewhere(Shared),
    /// Somebody else was still asking the same when the time was over.
    Late,
}

impl Unserved {
    /// What a caller is told when something else serves.
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Unconfigured => Reason::ProviderUnconfigured,
            Self::Failed(_) | Self::Late => Reason::ProviderUnavailable,
            Self::Elsewhere(shared) => shared.reason,
            Self::Refused => Reason::Refused,
            Self::Filtered => Reason::Filtered,
            Self::Truncated => Reason::AnswerTruncated,
            Self::Empty => Reason::AnswerEmpty,
            Self::Unusable | Self::Leaking => Reason::AnswerUnusable,
        }
    }

    /// What a caller is told when nothing else can serve.
    pub(crate) fn into_error(self) -> Error {
        let unusable =
            |source: &str| Error::Upstream { provider: openai::NAME, retryable: false, source: source.into() };
        match self {
            Self::Unconfigured => openai::unconfigured(),
            Self::Failed(failure) => failure.into(),
            Self::Refused => unusable("the model declined"),
            Self::Filtered => unusable("the provider's filter took the answer away"),
            Self::Truncated => unusable("the answer was cut off twice"),
            Self::Empty => unusable("the answer was empty twice"),
            Self::Unusable => unusable("the answer broke the rules twice"),
            Self::Leaking => unusable("the answer repeated our instructions"),
            Self::Elsewhere(Shared { reason: _, retryable }) => Error::Upstream {
                provider: openai::NAME,
                retryable,
                source: "somebody else asked the same and got nothing".into(),
            },
            Self::Late => Error::Upstream {
                provider: openai::NAME,
                retryable: true,
                source: "somebody else was still asking the same".into(),
            },
        }
    }

    /// What those are told who waited for this call.
    pub(crate) fn shared(&self) -> Shared {
        let retryable = match self {
            Self::Failed(failure) => failure.is_retryable(),
            Self::Elsewhere(shared) => shared.retryable,
            Self::Late => true,
            _ => false,
        };
        Shared { reason: self.reason(), retryable }
    }

    fn log(&self, task: &Task<'_>) {
        let (operation, model) = (task.operation, task.choice.model.as_str());
        match self {
            Self::Unconfigured => {}
            Self::Failed(failure) => tracing::warn!(
                operation,
                model,
                failure = ?failure.kind,
                status = failure.http_status(),
                code = failure.code,
                provider_request_id = failure.request_id,
                "the language model failed"
            ),
            other => tracing::warn!(operation, model, outcome = ?other, "the language model gave nothing to serve"),
        }
    }
}

/// How calls are paid for, and where to look before one is: it gets a [`Pending`] one, which tells what it may cost, and
/// gives back the [`Sent`] one, which tells what it did cost. Between the two it sends it, or fails.
///
/// Boxed, so that the operations are compiled once and their futures can move between threads.
pub struct Spend<'a> {
    send: Box<dyn Fn(Pending, Turn) -> Sending<'a> + Send + Sync + 'a>,
    pub(super) memory: Option<Memory<'a>>,
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<Paid<'a>>> + Send + 'a>>;

/// A call that is over, and what is left to do for the books. Do it, beside whatever else there is to do: dropped, the
/// call ends at its worst case.
#[must_use]
pub struct Paid<'a> {
    /// The call.
    pub sent: Sent,
    /// The rest.
    pub booking: Booking<'a>,
}

/// Work on the books.
pub type Booking<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl fmt::Debug for Spend<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spend")
    }
}

impl<'a> Spend<'a> {
    /// What `send` does with each call: it finds out, beside what else it has to, whether it is this caller's turn, and
    /// ends with any error if it is not.
    pub fn new<F>(send: impl Fn(Pending, Turn) -> F + Send + Sync + 'a) -> Self
    where
        F: Future<Output = Result<Paid<'a>>> + Send + 'a,
    {
        Self { send: Box::new(move |pending, turn| Box::pin(send(pending, turn))), memory: None }
    }

    /// With answers that are known: without them, everything is asked anew.
    #[must_use]
    pub fn remembering(self, memory: Memory<'a>) -> Self {
        Self { memory: Some(memory), ..self }
    }

    /// Sends every call and keeps no books: for tests alone, so that nothing deployed can go past the ledger.
    #[cfg(test)]
    pub(crate) fn unmetered() -> Self {
        Self::simple(|pending: Pending| async { Ok(pending.send().await) })
    }

    /// Without books and turns.
    #[cfg(test)]
    pub(crate) fn simple<F>(send: impl Fn(Pending) -> F + Send + Sync + 'a) -> Self
    where
        F: Future<Output = Result<Sent>> + Send + 'a,
    {
        Self::new(move |pending, _| {
            let sent = send(pending);
            async { Ok(Paid { sent: sent.await?, booking: Box::pin(async {}) }) }
        })
    }
}

/// Asks the model, and once more when its answer cannot be used.
///
/// An answer that breaks a rule is sent back with the list of problems that `read` found. One that was cut off or empty
/// is not sent back, being no use, but is asked for again, shorter. A refusal and a filtered answer are final, and so is
/// an answer that repeats our instructions.
///
/// # Errors
/// `Internal` when TLS cannot be set up, and what `spend` fails with at the first call. At the second, the caller gets
/// what one call was worth.
pub(crate) async fn call<'a, T>(
    ai: &Ai,
    task: &Task<'_>,
    deadline: Deadline,
    spend: &Spend<'a>,
    turn: &Turn,
    read: impl Fn(&str) -> Result<T, Vec<String>>,
) -> Result<Called<'a, T>> {
    let mut spent = (Tokens::default(), None);
    let result = converse(ai, task, deadline, spend, turn, read, &mut spent).await?;
    if let Err(unserved) = &result {
        unserved.log(task);
    }
    let (tokens, booking) = spent;
    Ok(Called { result, tokens, booking: booking.unwrap_or_else(|| Box::pin(async {})) })
}

async fn converse<'a, T>(
    ai: &Ai,
    task: &Task<'_>,
    deadline: Deadline,
    spend: &Spend<'a>,
    turn: &Turn,
    read: impl Fn(&str) -> Result<T, Vec<String>>,
    (tokens, booking): &mut (Tokens, Option<Booking<'a>>),
) -> Result<Result<T, Unserved>> {
    let Some(model) = ai.openai()? else { return Ok(Err(Unserved::Unconfigured)) };
    let question = match task.image {
        Some(image) => Message::user_with(task.question.as_str(), image),
        None => Message::user(task.question.as_str()),
    };
    let mut messages = vec![Message::system(task.system), question];
    let mut first = None;
    loop {
        let chat = Chat {
            model: &task.choice.model,
            messages: &messages,
            max_completion_tokens: task.most_tokens,
            response_format: task.schema.map(|(name, schema)| Format::schema(name, schema)),
        };
        let pending = match model.pending(task.operation, &chat, deadline) {
            Ok(pending) => pending,
            Err(failure) => return Ok(Err(first.unwrap_or(Unserved::Failed(failure)))),
        };
        if let Some(booking) = booking.take() {
            // The first call's money is free again before the second one's is put aside.
            booking.await;
        }
        let sent = match (spend.send)(pending, turn.clone()).await {
            Ok(paid) => {
                *booking = Some(paid.booking);
                paid.sent
            }
            Err(error) => {
                let Some(before) = first else { return Err(error) };
                tracing::info!(operation = task.operation, code = error.code(), "no second call");
                return Ok(Err(before));
            }
        };
        *tokens = tokens.plus(sent.spent.tokens);
        let (unserved, answer, problems) = match sent.answer {
            Err(failure) => return Ok(Err(Unserved::Failed(failure))),
            Ok(Answer::Refused) => return Ok(Err(Unserved::Refused)),
            Ok(Answer::Filtered) => return Ok(Err(Unserved::Filtered)),
            Ok(Answer::Truncated) => (Unserved::Truncated, None, vec![task.shorter.to_owned()]),
            Ok(Answer::Empty) => (Unserved::Empty, None, vec!["The answer was empty.".to_owned()]),
            Ok(Answer::Text(text)) if leaks(task.system, &text) => return Ok(Err(Unserved::Leaking)),
            Ok(Answer::Text(text)) => match read(&text) {
                Ok(answer) => return Ok(Ok(answer)),
                Err(problems) => (Unserved::Unusable, Some(text), problems),
            },
        };
        if first.is_some() || deadline.left() < REPAIR {
            return Ok(Err(unserved));
        }
        first = Some(unserved);
        messages.extend(answer.map(Message::assistant));
        messages.push(Message::system(format!("{}\n{}", task.again, problems.join("\n"))));
    }
}

/// An answer that is JSON of the schema, or what is wrong with it. The position is enough: the error's own text would quote
/// the model to itself as an instruction.
pub(crate) fn parse<T: DeserializeOwned>(answer: &str) -> Result<T, Vec<String>> {
    let problem = |error: serde_json::Error| {
        format!("The answer is not JSON of the schema: see line {}, column {}.", error.line(), error.column())
    };
    serde_json::from_str(answer).map_err(|error| vec![problem(error)])
}

/// Checks that a schema keeps to what providers take as strict: every property required, nothing additional.
#[cfg(test)]
pub(crate) fn is_strict(schema: &Value, depth: usize) {
    assert!(depth < 10 && schema.get("type").is_some(), "{schema}");
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        assert_eq!(schema["additionalProperties"], Value::Bool(false));
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        assert_eq!(required, properties.keys().collect::<Vec<_>>());
        properties.values().for_each(|property| is_strict(property, depth + 1));
    }
    if let Some(items) = schema.get("items") {
        is_strict(items, depth + 1);
    }
}
