//! Indexes in the background: asked for by `index-documents`; no route.

use aura::search::jobs::{self, Order};
use aura::{App, Need, Result};

/// State that it opens.
pub const NEEDS: &[Need] = &[Need::Ephemeral, Need::Vectors, Need::Providers];

/// Works until the job is done.
pub async fn index_worker(app: &App, order: Order) -> Result<()> {
    jobs::work(app, order).await
}
