//! `pull`: what a client misses, from an entry on.

use aura::App;
use aura::rooms::{Failure, Pulled, Refusal, Rev};
use aura::sockets::Kind;
use aura::sockets::frame::{Frame, snapshot_url};
use serde::Deserialize;

use crate::socket::{Answer, Message, Problem};

/// Bytes of updates in one answer: with base64 and names it stays below API Gateway's 128 KB.
const BATCH: usize = 60_000;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pull {
    /// The first entry wanted.
    from: Rev,
}

/// Reads the log, beside the connection's record as it is now: who was removed has none.
pub async fn pull(app: &App, message: Message<Pull>) -> Answer {
    let (room, from) = (message.guest.room, message.body.from);
    let record = async { Ok::<_, Problem>(app.sockets.read(room, &message.connection).await?) };
    let caller = async { Ok::<_, Problem>(app.authority.still(&message.guest.standing).await?) };
    let log = async { Ok::<_, Problem>(app.rooms.pull(room, from, BATCH).await?) };
    let (record, _, pulled) = tokio::try_join!(record, caller, log)?;
    let connection = record.ok_or(Problem::NotJoined)?;
    let snapshot = |rev| Ok(Some(Frame::Snapshot { rev, url: snapshot_url(room) }));
    let (to, entries) = match pulled {
        Pulled::Trimmed { rev } => return snapshot(rev),
        Pulled::Batch { to, entries, .. } => (to, entries),
    };
    if connection.kind == Kind::Yjs {
        return Ok(Some(Frame::Batch { from, to, updates: entries.into_iter().map(Into::into).collect() }));
    }
    match app.rooms.patch(room, from - 1, Some(to)).await {
        Ok(patch) => Ok(Some(Frame::Patch { from: patch.from, to: patch.to, ops: patch.ops, by: None })),
        Err(Failure::Refused(Refusal::StaleBase)) => snapshot(to),
        Err(failure) => Err(failure.into()),
    }
}
