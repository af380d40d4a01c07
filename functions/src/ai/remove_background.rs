//! POST /api/ai/remove-background: an image without what is behind its subject.

use aura::ai::background::{self, Removed, Request};
use aura::{App, Result};

use super::asking;
use crate::http::Call;

/// Asks the provider; there is nothing to fall back on.
pub async fn remove_background(app: &App, call: Call<Request>) -> Result<Removed> {
    let asking = asking(app, &call.caller, "remove-background")?;
    let Request { source, options } = call.body;
    let image = asking.image(source).await?;
    background::remove(asking, image, &options).await
}
