//! DELETE /api/rooms/{id}: end a room, its connections and memberships. It may be repeated until it succeeds.

use aura::{App, Result, members};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Deleted {
    success: bool,
}

/// Deletes it.
pub async fn delete_room(app: &App, call: Call<()>) -> Result<Deleted> {
    members::delete_room(app, call.caller.user()?, call.id("id", "room")?).await?;
    Ok(Deleted { success: true })
}
