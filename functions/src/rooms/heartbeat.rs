//! `heartbeat`: somebody is still here, and hears whether something was missed.

use aura::App;
use aura::rooms::Rev;
use aura::sockets::frame::Frame;
use serde::Deserialize;

use crate::socket::{Answer, Message, Problem};

/// What is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heartbeat {
    /// The last entry that the client knows.
    rev: Rev,
}

/// Renews the lease, and compares with the log's end.
pub async fn heartbeat(app: &App, message: Message<Heartbeat>) -> Answer {
    let room = message.guest.room;
    let record = async { Ok::<_, Problem>(app.sockets.renew(room, &message.connection).await?) };
    let caller = async { Ok::<_, Problem>(app.authority.still(&message.guest.standing).await?) };
    let head = async { Ok::<_, Problem>(app.rooms.head(room).await?) };
    let (record, _, head) = tokio::try_join!(record, caller, head)?;
    if record.is_none() {
        return Err(Problem::NotJoined);
    }
    Ok((head > message.body.rev).then_some(Frame::Behind { rev: head }))
}
