//! POST /api/ai/generate-form: design the fields of a form from a description.

use std::time::Duration;

use aura::ai::form::{self, Generated, Request};
use aura::{App, Result};

use crate::http::Call;

/// What a call may take in all, so that an answer is there in under 25 s.
const TIME: Duration = Duration::from_secs(23);

/// Asks the model, or the rules where there is none.
pub async fn generate_form(app: &App, call: Call<Request>) -> Result<Generated> {
    let ai = app.providers.ai().await?;
    form::generate(&ai, &call.body, TIME).await
}
