//! GET /.well-known/jwks.json: the public keys that verify access tokens (RFC 7517, RFC 8037).

use aura::auth::token::jwk;
use aura::{App, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct KeySet {
    keys: Vec<jwk::PublicJwk>,
}

/// Lists the keys that count now.
pub async fn jwks(app: &App, _: Call<()>) -> Result<KeySet> {
    let keys = app.authority.keys(None).await?;
    Ok(KeySet { keys: keys.live(app.clock.now()).map(jwk::PublicJwk::from).collect() })
}
