//! GET /api/rooms: the rooms that the caller may enter, by id, 100 at a time. `?after=ID` goes on behind one.

use aura::members::{self, Listed};
use aura::{App, Error, Result, RoomId};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Rooms {
    rooms: Vec<Listed>,
    /// The last one here, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<RoomId>,
}

/// Lists them.
pub async fn list_rooms(app: &App, call: Call<()>) -> Result<Rooms> {
    let after = call.query("after").map(|id| id.parse().map_err(|_| Error::invalid("`after` is the id of a room.")));
    let (rooms, next) = members::list(app, call.caller.user()?.user.id, after.transpose()?).await?;
    Ok(Rooms { rooms, next })
}
