//! POST /api/ai/enhance-query: a search query said better, its terms and its intent.

use aura::ai::query::{self, Enhanced, Request};
use aura::{App, Result};

use super::{TIME, spend};
use crate::http::Call;

/// Asks the model, or the rules where there is none.
pub async fn enhance_query(app: &App, call: Call<Request>) -> Result<Enhanced> {
    let ai = app.providers.ai().await?;
    query::enhance(&ai, &call.body, TIME, &spend(app, &call.caller, call.peeked)?).await
}
