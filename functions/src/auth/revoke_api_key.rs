//! DELETE /api/auth/api-keys/{id}: end one of the caller's keys.

use aura::auth::api_key;
use aura::{App, KeyId, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Revoked {
    success: bool,
}

/// Ends the key; somebody else's is not found.
pub async fn revoke_api_key(app: &App, call: Call<()>) -> Result<Revoked> {
    let key: KeyId = call.id("id", "API key")?;
    api_key::revoke(app, call.caller.user()?.user.id, key).await?;
    Ok(Revoked { success: true })
}
