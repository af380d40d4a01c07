//! POST /api/auth/logout: end the caller's session.

use aura::auth::session;
use aura::{App, Result};
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
    session::end(app, caller.user.id, caller.session).await?;
    app.authority.forget(caller.user.id, caller.session);
    Ok(LoggedOut { success: true })
}
