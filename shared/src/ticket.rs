//! Tickets: one use of a room's door, for clients that cannot send headers.
//!
//! A browser opens a WebSocket with a URL and subprotocols. A token in the URL would lie in logs, so a client asks for a
//! ticket over HTTP and sends it as a subprotocol: 256 random bits, good once and for a minute. Stored is its SHA-256.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::auth::account::DisplayName;
use crate::auth::authority::{Authorized, Standing};
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::{App, Error, Result, RoomId, Secret, store};

/// How long a ticket is good.
pub const LIFE: Duration = Duration::from_secs(60);
/// What every ticket starts with; secret scanners look for it.
const PREFIX: &str = "aurawt_";

/// Somebody at a room's door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// The room.
    pub room: RoomId,
    /// What the user is called.
    pub name: DisplayName,
    /// Who it is, and whether that still holds later.
    pub standing: Standing,
}

impl Guest {
    /// A caller, at the door of a room.
    pub fn new(room: RoomId, caller: &Authorized) -> Self {
        Self { room, name: caller.user.name.clone(), standing: caller.standing() }
    }
}

/// What is stored of a ticket.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    fn of(ticket: &str) -> Self {
        let digest = digest(&SHA256, ticket.as_bytes());
        Self(std::array::from_fn(|i| digest.as_ref()[i]))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Makes a ticket, and says until when it is good.
pub async fn issue(app: &App, guest: &Guest) -> Result<(Secret, Timestamp)> {
    let ticket = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(app.random.bytes::<32>()?));
    let until = app.clock.now() + LIFE;
    store::ticket::put(&app.store, &Hash::of(&ticket), guest, until).await?;
    Ok((Secret::new(ticket), until))
}

/// Whether this is a ticket, by its form.
pub fn is_ticket(text: &str) -> bool {
    text.starts_with(PREFIX)
}

/// Takes a ticket; nobody else can after that.
///
/// # Errors
/// `TokenInvalid` alike for unknown, used and expired.
pub async fn redeem(app: &App, ticket: &str) -> Result<Guest> {
    let found = store::ticket::take(&app.store, &Hash::of(ticket)).await?;
    let found = found.filter(|(_, until)| app.clock.now() < *until);
    found.map(|(guest, _)| guest).ok_or(Error::Unauthenticated(Denial::TokenInvalid))
}
