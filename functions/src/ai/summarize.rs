//! POST /api/ai/summarize: a text in fewer characters.

use aura::ai::summary::{self, Request, Summarized};
use aura::{App, Result};

use super::{TIME, spend};
use crate::http::Call;

/// Asks the model, or the rules where there is none.
pub async fn summarize(app: &App, call: Call<Request>) -> Result<Summarized> {
    let ai = app.providers.ai().await?;
    summary::summarize(&ai, &call.body, TIME, &spend(app, &call.caller, call.peeked)?).await
}
