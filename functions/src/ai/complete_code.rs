//! POST /api/ai/complete-code: code carried on from where it stops.

use aura::ai::code::{self, Completed, Request};
use aura::{App, Result};

use super::{TIME, spend};
use crate::http::Call;

/// Asks the model; there is nothing to fall back on.
pub async fn complete_code(app: &App, call: Call<Request>) -> Result<Completed> {
    let ai = app.providers.ai().await?;
    code::complete(&ai, &call.body, TIME, &spend(app, &call.caller, call.peeked)?).await
}
