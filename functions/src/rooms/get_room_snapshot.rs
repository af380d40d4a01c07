//! GET /api/rooms/{id}/snapshot: the text and all of its history, for whom a frame is too small.

use aura::rooms::{Rev, Role};
use aura::sockets::frame::Bytes;
use aura::{App, Result, RoomId, members};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    room_id: RoomId,
    rev: Rev,
    epoch: u64,
    /// What the caller may do.
    role: Role,
    text: String,
    /// The same, as an update of Yjs, in base64.
    update: Bytes,
}

/// Reads it for a member.
pub async fn get_room_snapshot(app: &App, call: Call<()>) -> Result<Snapshot> {
    let membership = members::of(app, call.id("id", "room")?, call.caller.user()?.user.id).await?;
    let state = app.rooms.state(membership.room, None).await.map_err(members::error)?;
    Ok(Snapshot {
        room_id: membership.room,
        rev: state.rev,
        epoch: state.epoch,
        role: membership.role,
        text: state.text,
        update: Bytes(state.update),
    })
}
