//! GET /api/auth/api-keys: the caller's keys, without their secrets.

use aura::auth::api_key::{self, Listed};
use aura::{App, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Keys {
    keys: Vec<Listed>,
}

/// Lists the keys that still hold.
pub async fn list_api_keys(app: &App, call: Call<()>) -> Result<Keys> {
    Ok(Keys { keys: api_key::list(app, &call.caller.user()?.user).await? })
}
