//! POST /api/auth/refresh: use a refresh token once, for a new access token and the next refresh token.

use aura::auth::session::{self, Tokens};
use aura::{App, Result, Secret};
use serde::Deserialize;

use crate::http::Call;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Refresh {
    refresh_token: Secret,
}

/// Rotates the session.
pub async fn refresh(app: &App, call: Call<Refresh>) -> Result<Tokens> {
    session::refresh(app, call.caller.ip, call.body.refresh_token.expose()).await
}
