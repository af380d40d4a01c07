//! `presence`: where somebody is in the text. It is told and never stored.

use aura::App;
use aura::rooms::Refusal;
use aura::sockets::broadcast::Message as Told;
use aura::sockets::frame::Frame;
use serde::Deserialize;
use serde_json::Value;

use crate::socket::{Answer, Message, Problem};

/// Longest message, in bytes of its parts.
const MOST: usize = 4 * 1024;

/// What is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    clock: u64,
    cursor: Option<Value>,
    selection: Option<Value>,
    status: Option<Value>,
}

/// Tells the others, who are read anyway: who was removed is not among them, and is heard no more.
pub async fn presence(app: &App, message: Message<Presence>) -> Answer {
    let Presence { clock, cursor, selection, status } = message.body;
    let size: usize = [&cursor, &selection, &status].into_iter().flatten().map(|part| part.to_string().len()).sum();
    if size > MOST {
        return Err(Refusal::TooBig.into());
    }
    let room = message.guest.room;
    let (mut crowd, _) = tokio::try_join!(app.sockets.of(room), app.authority.still(&message.guest.standing))?;
    let connections = crowd.len();
    let own = crowd.extract_if(.., |connection| connection.id == message.connection).next();
    let by = own.ok_or(Problem::NotJoined)?.member;
    if app.sockets.paces.presence(&message.connection, connections) {
        let told = Told::same(&Frame::Presence { clock, cursor, selection, status, by })?;
        app.sockets.broadcast(&app.background, room, crowd, &told).await;
    }
    Ok(None)
}
