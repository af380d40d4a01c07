//! Events of the WebSocket API become [`Message`]s, results become frames.
//!
//! Who it is and which room it is about comes from the event's authoriser, which API Gateway repeats with every message
//! of a connection; nothing that a message says can change it. Whatever goes wrong is a `nack`, so that a client never
//! waits for an answer that does not come; only a function that dies gives none.

use std::pin::Pin;

use aura::auth::account::DisplayName;
use aura::auth::authority::Standing;
use aura::rooms::{Failure, Refusal};
use aura::sockets::frame::{Frame, Nack};
use aura::sockets::pace::Pace;
use aura::sockets::{Connection, ConnectionId};
use aura::ticket::Guest;
use aura::{App, Error};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use tracing::Instrument as _;

use crate::socket_route::SocketRoute;

/// Longest message, in bytes: one frame.
pub const MOST: usize = 32 * 1024;

/// What a handler gets.
#[derive(Debug)]
pub struct Message<B> {
    /// Who speaks, and in which room.
    pub guest: Guest,
    /// By which connection.
    pub connection: ConnectionId,
    /// What is asked, parsed and thereby validated.
    pub body: B,
}

impl<B> Message<B> {
    /// The connection's record, as far as it is believed.
    ///
    /// # Errors
    /// `not_joined`.
    pub async fn joined(&self, app: &App) -> Answer<Connection> {
        app.sockets.find(self.guest.room, &self.connection).await?.ok_or(Problem::NotJoined)
    }
}

/// Why a message is not done as it asks.
#[derive(Debug)]
pub enum Problem {
    /// The room says no, or something failed.
    Room(Failure),
    /// The connection has not joined, or was silent for too long.
    NotJoined,
    /// The change was made for a text that is no longer kept; here is the one that is.
    Stale {
        /// The last entry.
        rev: u64,
        /// The text, unless it is too long for a frame.
        text: Option<String>,
    },
    /// Too many messages.
    TooFast,
    /// Too many messages for too long.
    Flood,
}

/// The result of a handler.
pub type Answer<T = Option<Frame>> = Result<T, Problem>;

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Room(failure)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::Room(Failure::Other(error))
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Room(Failure::Refused(refusal))
    }
}

impl Problem {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Room(Failure::Other(Error::Unauthenticated(_))) => "session_ended",
            Self::Room(Failure::Other(Error::Forbidden(_))) => "forbidden",
            Self::Room(Failure::Other(Error::Invalid { .. })) => "bad_request",
            Self::Room(Failure::Other(Error::NotFound { .. })) => "room_gone",
            Self::Room(failure) => failure.code(),
            Self::NotJoined => "not_joined",
            Self::Stale { .. } => "stale_base",
            Self::TooFast | Self::Flood => "slow_down",
        }
    }

    /// Whether the connection ends with it.
    fn ends(&self) -> bool {
        matches!(self, Self::Flood | Self::Room(Failure::Other(Error::Unauthenticated(_))))
    }

    fn frame(self, action: &str, n: Option<u64>) -> Frame {
        let code = self.code();
        let message = match &self {
            Self::Room(failure) => failure.to_string(),
            Self::NotJoined => "This connection has not joined, or was silent for too long: join.".to_owned(),
            Self::Stale { .. } => Refusal::StaleBase.to_string(),
            Self::TooFast | Self::Flood => "Too many messages: send fewer.".to_owned(),
        };
        let (rev, text) = match self {
            Self::Stale { rev, text } => (Some(rev), text),
            _ => (None, None),
        };
        Frame::Nack(Box::new(Nack { n, action: action.to_owned(), code, message, rev, text }))
    }
}

/// Its future stays in its thread: a function answers one message at a time.
type Handler = Box<dyn Fn(&'static App, Message<Map<String, Value>>) -> Pin<Box<dyn Future<Output = Answer>>>>;

/// A route and what serves it.
pub struct Endpoint {
    route: SocketRoute,
    handler: Handler,
}

impl Endpoint {
    /// Wraps a handler: its body is what a message says beside `action` and `room`.
    pub fn new<B, F, Fut>(route: SocketRoute, handler: F) -> Self
    where
        B: DeserializeOwned + 'static,
        F: Fn(&'static App, Message<B>) -> Fut + 'static,
        Fut: Future<Output = Answer> + 'static,
    {
        let handler: Handler = Box::new(move |app, Message { guest, connection, body }| {
            let answer = serde_json::from_value(Value::Object(body))
                .map(|body| handler(app, Message { guest, connection, body }))
                .map_err(|error| Error::invalid(error.to_string()));
            Box::pin(async move { answer?.await })
        });
        Self { route, handler }
    }

    /// The route.
    pub fn route(&self) -> &SocketRoute {
        &self.route
    }

    /// Answers one event, as a Lambda proxy integration does; never fails.
    pub async fn answer(&self, app: &'static App, event: Value) -> Value {
        let context = &event["requestContext"];
        let id = context["requestId"].as_str().unwrap_or_default().to_owned();
        let started = app.clock.now();
        let span = tracing::info_span!("message", id, route = self.route.name);
        async {
            let text = event["body"].as_str().unwrap_or_default();
            let said = serde_json::from_str::<Value>(text).ok();
            let n = said.as_ref().and_then(|said| said["n"].as_u64());
            let answer = self.outcome(app, context, text, said).await;
            let code = answer.as_ref().err().map_or("ok", Problem::code);
            tracing::info!(code, ms = app.clock.now().since(started).as_millis(), "answered");
            let frame = match answer {
                Ok(frame) => frame,
                Err(problem) => self.refuse(app, context, problem, n).await,
            };
            let body = frame.map(|frame| frame.text()).transpose().unwrap_or_else(|error| {
                log(&Problem::from(error));
                None
            });
            match body {
                Some(body) => json!({ "statusCode": 200, "body": body }),
                None => json!({ "statusCode": 200 }),
            }
        }
        .instrument(span)
        .await
    }

    async fn outcome(&self, app: &'static App, context: &Value, text: &str, said: Option<Value>) -> Answer {
        let connection: ConnectionId = context["connectionId"].as_str().unwrap_or_default().parse()?;
        match app.sockets.paces.take(&connection) {
            Pace::Fine => {}
            Pace::TooFast => return Err(Problem::TooFast),
            Pace::Flood => return Err(Problem::Flood),
        }
        if text.len() > MOST {
            return Err(Refusal::TooBig.into());
        }
        let guest = guest(&context["authorizer"])?;
        let Some(Value::Object(mut body)) = said else {
            return Err(Refusal::Bad("A message is a JSON object with an `action`.").into());
        };
        body.remove("action");
        if body.remove("room").is_some_and(|room| room != guest.room.to_string()) {
            return Err(Refusal::Bad("This connection is for another room.").into());
        }
        (self.handler)(app, Message { guest, connection, body }).await
    }

    /// What a client is told of a problem. One that ends the connection is told before, because an answer would come
    /// after the end.
    async fn refuse(&self, app: &'static App, context: &Value, problem: Problem, n: Option<u64>) -> Option<Frame> {
        log(&problem);
        let ends = problem.ends();
        let frame = problem.frame(self.route.name, n);
        if !ends {
            return Some(frame);
        }
        let connection: ConnectionId = context["connectionId"].as_str()?.parse().ok()?;
        let end = async {
            app.sockets.post(&connection, &frame.text()?).await?;
            if let Ok(guest) = guest(&context["authorizer"]) {
                app.sockets.leave(&app.background, guest.room, &connection).await?;
            }
            app.sockets.close(&connection).await
        };
        if let Err(error) = end.await {
            tracing::warn!(code = error.code(), error = ?error, "a connection was not ended");
        }
        None
    }
}

/// Who is at the other end, as the authoriser said.
pub fn guest(authorizer: &Value) -> Result<Guest, Error> {
    let text = |name: &str| authorizer[name].as_str().ok_or_else(|| Error::internal("an event without its authoriser"));
    let standing = Standing {
        user: text("user")?.parse()?,
        by: text("by")?.parse()?,
        epoch: text("epoch")?.parse().map_err(Error::internal)?,
    };
    Ok(Guest { room: text("room")?.parse()?, name: DisplayName::try_from(text("name")?.to_owned())?, standing })
}

/// What the authoriser says, so that [`guest`] can read it.
pub fn context(guest: &Guest) -> Value {
    let Guest { room, name, standing: Standing { user, by, epoch } } = guest;
    json!({
        "room": room,
        "name": name,
        "user": user,
        "by": by.to_string(),
        "epoch": epoch.to_string(),
    })
}

/// Logs a problem once, here at the edge; what a client did wrong is no error of ours.
fn log(problem: &Problem) {
    let code = problem.code();
    match problem {
        Problem::Room(Failure::Other(Error::Internal { source })) => tracing::error!(code, error = %source, "failed"),
        Problem::Room(Failure::Other(Error::Unavailable { source })) => {
            tracing::warn!(code, error = %source, "failed");
        }
        _ => tracing::info!(code, "refused"),
    }
}
