//! POST /api/ai/index-documents: make documents searchable, now or in the background.

use aura::search::{self, Indexing, Request};
use aura::{App, Result};

use super::{TIME, payer};
use crate::http::Call;

/// Indexes what changed.
pub async fn index_documents(app: &App, call: Call<Request>) -> Result<Indexing> {
    search::index(app, payer(&call.caller)?, call.body, TIME).await
}
