//! `update`: a change of Yjs. The answer means that it is in the log.

use aura::App;
use aura::rooms::Refusal;
use aura::sockets::Kind;
use aura::sockets::frame::{Bytes, Frame};
use serde::Deserialize;

use super::change;
use crate::socket::{Answer, Message};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    n: u64,
    u: Bytes,
}

/// Appends it to the log, and tells the others.
pub async fn update(app: &App, message: Message<Update>) -> Answer {
    let (connection, author) = change::prepare(app, &message).await?;
    if connection.kind != Kind::Yjs {
        return Err(Refusal::Bad("This connection follows by positions: send `edit`.").into());
    }
    let (room, Update { n, u: Bytes(bytes) }) = (message.guest.room, message.body);
    let access = async || change::role(app, room, author.user).await;
    let written = change::make(app, room, connection, app.rooms.update(room, &author, n, &bytes, access)).await?;
    Ok(Some(Frame::Ack { n, rev: written.rev, patch: None }))
}
