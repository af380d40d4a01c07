//! POST /api/rooms/{id}/ticket: one use of the room's door within a minute, for clients that cannot send headers.

use aura::ticket::{self, Guest};
use aura::{App, Error, Result, members};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// For `Sec-WebSocket-Protocol`, behind `aura.v1`.
    ticket: String,
    expires_at: String,
    /// Where to connect.
    url: String,
}

/// Makes one for a member.
pub async fn create_room_ticket(app: &App, call: Call<()>) -> Result<Ticket> {
    let caller = call.caller.user()?;
    let membership = members::of(app, call.id("id", "room")?, caller.user.id).await?;
    let url = app.config.websocket_url.clone().ok_or_else(|| Error::internal("WEBSOCKET_URL is not set"))?;
    let (ticket, until) = ticket::issue(app, &Guest::new(membership.room, caller)).await?;
    Ok(Ticket { ticket: ticket.expose().to_owned(), expires_at: until.rfc3339(), url })
}
