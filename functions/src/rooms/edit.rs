//! `edit`: a change by positions of a text that the client knows. The answer means that it is in the log.

use aura::App;
use aura::rooms::{Failure, Op, Refusal, Rev};
use aura::sockets::frame::{Frame, MOST};
use serde::Deserialize;

use super::change;
use crate::socket::{Answer, Message, Problem};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    n: u64,
    /// The entry after which the text was as the positions have it.
    base: Rev,
    ops: Vec<Op>,
}

/// Appends it to the log, and tells the others; who is too late gets the text as it is now.
pub async fn edit(app: &App, message: Message<Edit>) -> Answer {
    let (connection, author) = change::prepare(app, &message).await?;
    let (room, Edit { n, base, ops }) = (message.guest.room, message.body);
    let access = async || change::role(app, room, author.user).await;
    let edited = app.rooms.edit(room, &author, n, base, &ops, access);
    match change::make(app, room, connection, edited).await {
        Ok(written) => Ok(Some(Frame::Ack { n, rev: written.rev, patch: written.patch })),
        Err(Problem::Room(Failure::Refused(Refusal::StaleBase))) => {
            let state = app.rooms.state(room, None).await?;
            let text = Some(state.text).filter(|text| text.len() <= MOST);
            Err(Problem::Stale { rev: state.rev, text })
        }
        Err(problem) => Err(problem),
    }
}
