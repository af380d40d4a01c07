//! POST /api/auth/logout: end the caller's session.

use aura::auth::session;
use aura::error::Denial;
use aura::{App, Error, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct LoggedOut {
    success: bool,
}

/// Ends the session that the access token belongs to.
pub async fn logout(app: &App, call: Call<()>) -> Result<LoggedOut> {
    let caller = call.caller.user()?;
    let session = caller.session().ok_or(Error::Unauthenticated(Denial::TokenMissing))?;
    session::end(app, caller.user.id, session).await?;
    app.authority.forget(caller.user.id, *session.bytes());
    Ok(LoggedOut { success: true })
}
