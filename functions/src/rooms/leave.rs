//! `leave`: stop being a member of the room; the connection stays open.

use aura::App;
use serde::Deserialize;

use crate::socket::{Answer, Message};

/// What is asked: nothing more.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leave {}

/// Leaves, and tells the others.
pub async fn leave(app: &App, message: Message<Leave>) -> Answer {
    app.sockets.leave(&app.background, message.guest.room, &message.connection).await?;
    Ok(None)
}
