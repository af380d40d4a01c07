//! POST /api/rooms: make a room, with a first text if there is one.

use aura::auth::account::DisplayName;
use aura::members::{self, Listed};
use aura::{App, Result};
use serde::Deserialize;

use crate::http::Call;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    name: Option<DisplayName>,
    text: Option<String>,
}

/// Makes the room; the caller owns it.
pub async fn create_room(app: &App, call: Call<Wish>) -> Result<Listed> {
    let Wish { name, text } = call.body;
    members::create(app, call.caller.user()?.user.id, name, text.as_deref()).await
}
