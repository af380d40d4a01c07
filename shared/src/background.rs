//! Work that is handed to other functions, which begin later and answer nobody: Lambda's `Event` invocations.
//!
//! An event is tried three times, so what it asks for may happen more than once.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::config::Config;
use crate::search::jobs::Order;
use crate::signed::{Request, Signed};
use crate::sockets::ConnectionId;
use crate::{Error, Result, RoomId};

/// How long the acceptance of an event may take.
const ACCEPTED: Duration = Duration::from_secs(2);

/// A text for some connections of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The room.
    pub room: RoomId,
    /// The frame.
    pub text: String,
    /// To whom.
    pub to: Vec<ConnectionId>,
    /// Whether the connections are closed afterwards.
    #[serde(default)]
    pub close: bool,
}

/// A room whose log has become long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compaction {
    /// The room.
    pub room: RoomId,
}

/// The other functions.
#[derive(Debug)]
pub struct Background {
    config: Config,
    clock: Clock,
    signed: OnceLock<Signed>,
}

impl Background {
    /// Connects nothing yet.
    pub fn new(config: &Config, clock: Clock) -> Self {
        Self { config: config.clone(), clock, signed: OnceLock::new() }
    }

    /// The same with another way to invoke.
    pub fn invoking(self, signed: Signed) -> Self {
        Self { signed: signed.into(), ..self }
    }

    /// Hands a delivery to fan-out.
    pub async fn fan_out(&self, delivery: &Delivery) -> Result<()> {
        self.invoke("FAN_OUT_FUNCTION", self.config.fan_out_function.as_deref(), delivery).await
    }

    /// Hands a room to compact-room.
    pub async fn compact(&self, room: RoomId) -> Result<()> {
        self.invoke("COMPACT_ROOM_FUNCTION", self.config.compact_room_function.as_deref(), &Compaction { room }).await
    }

    /// Hands an index job to index-worker.
    pub async fn index(&self, order: &Order) -> Result<()> {
        self.invoke("INDEX_WORKER", self.config.index_worker.as_deref(), order).await
    }

    async fn invoke(&self, setting: &str, function: Option<&str>, event: &impl Serialize) -> Result<()> {
        let function = function.ok_or_else(|| Error::internal(format!("{setting} is not set")))?;
        let aws = &self.config.aws;
        let signed = match self.signed.get() {
            Some(signed) => signed,
            None => {
                let signed = Signed::new(aws, self.clock.clone())?;
                self.signed.get_or_init(|| signed)
            }
        };
        let regional = || format!("https://lambda.{}.amazonaws.com", aws.region);
        let endpoint = aws.lambda_endpoint.clone().unwrap_or_else(regional);
        let request = Request {
            service: "lambda",
            method: Method::POST,
            url: &format!("{endpoint}/2015-03-31/functions/{function}/invocations"),
            headers: &[("x-amz-invocation-type", "Event")],
            body: serde_json::to_string(event).map_err(Error::internal)?,
            within: ACCEPTED,
        };
        let answer = signed.send(request).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let problem = format!("{function} was not invoked: {} {}", answer.status, answer.kind);
        let passing = answer.status.is_server_error() || answer.status.as_u16() == 429;
        Err(if passing { Error::unavailable(problem) } else { Error::internal(problem) })
    }
}
