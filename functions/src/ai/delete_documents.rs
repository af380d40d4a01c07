//! DELETE /api/ai/documents: some documents by id or by filter, or a whole namespace.

use aura::search::deleting::{Deleted, Request};
use aura::{App, Result, search};

use super::{TIME, payer};
use crate::http::Call;

/// Deletes what is there.
pub async fn delete_documents(app: &App, call: Call<Request>) -> Result<Deleted> {
    search::delete(app, payer(&call.caller)?, call.body, TIME).await
}
