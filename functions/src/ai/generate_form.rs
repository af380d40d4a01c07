//! POST /api/ai/generate-form: design the fields of a form from a description.

use aura::ai::form::{self, Generated, Request};
use aura::{App, Result};

use super::{TIME, spend};
use crate::http::Call;

/// Asks the model, or the rules where there is none.
pub async fn generate_form(app: &App, call: Call<Request>) -> Result<Generated> {
    let ai = app.providers.ai().await?;
    form::generate(&ai, &call.body, TIME, &spend(app, &call.caller, call.peeked)?).await
}
