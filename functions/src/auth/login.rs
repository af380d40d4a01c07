//! POST /api/auth/login: exchange a password for a session.

use aura::auth::Email;
use aura::auth::account;
use aura::auth::password::Password;
use aura::auth::session::Opened;
use aura::{App, Result};
use serde::Deserialize;

use crate::http::Call;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    email: Email,
    password: Password,
}

/// Opens the session.
pub async fn login(app: &App, call: Call<Login>) -> Result<Opened> {
    account::login(app, call.caller.ip, call.body.email, &call.body.password).await
}
