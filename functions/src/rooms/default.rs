//! Whatever no route takes: not JSON, no `action`, or an unknown one.

use aura::App;
use aura::rooms::Refusal;
use serde_json::{Map, Value};

use crate::socket::{Answer, Message};

/// Says so.
pub async fn default(_: &App, _: Message<Map<String, Value>>) -> Answer {
    let actions = "A message has an `action`: join, leave, edit, update, pull, presence or heartbeat.";
    Err(Refusal::Bad(actions).into())
}
