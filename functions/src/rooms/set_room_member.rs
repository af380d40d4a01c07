//! PUT /api/rooms/{id}/members/{userId}: give a role in a room, or take it. It bites on the next message, and who is
//! removed is disconnected.

use aura::rooms::Role;
use aura::{App, Result, UserId, members};
use serde::{Deserialize, Serialize};

use crate::http::Call;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// `null` removes.
    #[serde(deserialize_with = "Option::deserialize")]
    role: Option<Role>,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    user_id: UserId,
    role: Option<Role>,
}

/// Sets it, for an owner.
pub async fn set_room_member(app: &App, call: Call<NewRole>) -> Result<Changed> {
    let (room, user_id) = (call.id("id", "room")?, call.id("userId", "user")?);
    let NewRole { role } = call.body;
    members::set(app, call.caller.user()?.user.id, room, user_id, role).await?;
    Ok(Changed { user_id, role })
}
