//! GET /api/ai/index-jobs/{id}: how far a job in the background is.

use aura::search::jobs::{self, Progress};
use aura::{App, Result};

use super::payer;
use crate::http::Call;

/// Tells it to the tenant whose job it is.
pub async fn index_job(app: &App, call: Call<()>) -> Result<Progress> {
    jobs::progress(app, payer(&call.caller)?.tenant, call.id("id", "job")?).await
}
