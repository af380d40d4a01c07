//! POST /api/ai/search: the documents that answer a query best.

use aura::cache::Reader;
use aura::search::finding::{Request, Results};
use aura::{App, Result};

use super::{TIME, payer, spend};
use crate::http::Call;

/// Searches the caller's own documents.
pub async fn search(app: &App, call: Call<Request>) -> Result<Results> {
    let reader = Reader::of(call.caller.user()?);
    let spend = spend(app, &call.caller, None)?;
    aura::search::find(app, payer(&call.caller)?, &reader, call.body, &spend, TIME).await
}
