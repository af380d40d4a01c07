//! GET /api/auth/verify: whose access token this is.

use aura::auth::account::Profile;
use aura::{App, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer; a token that is not valid gets a 401 instead.
#[derive(Debug, Serialize)]
pub struct Verified {
    valid: bool,
    user: Profile,
}

/// Names the user as stored now, not as signed then.
pub async fn verify(_: &App, call: Call<()>) -> Result<Verified> {
    Ok(Verified { valid: true, user: Profile::from(&*call.caller.user()?.user) })
}
