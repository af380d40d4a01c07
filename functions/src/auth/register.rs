//! POST /api/auth/register: create an account and open its first session.

use aura::auth::Email;
use aura::auth::account::{self, DisplayName};
use aura::auth::password::Password;
use aura::auth::session::Opened;
use aura::{App, Result};
use serde::Deserialize;

use crate::http::Call;

/// The body. A field for role or tenant is refused like any other that is not here.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    email: Email,
    password: Password,
    name: DisplayName,
}

/// Creates the account.
pub async fn register(app: &App, call: Call<Register>) -> Result<Opened> {
    let Register { email, password, name } = call.body;
    account::register(app, call.caller.ip, email, &password, name).await
}
