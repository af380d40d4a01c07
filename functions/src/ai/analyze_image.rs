//! POST /api/ai/analyze-image: what is to be seen in an image.

use aura::ai::vision::analyze::{self, Analyzed, Request};
use aura::{App, Result};

use super::asking;
use crate::http::Call;

/// Asks the provider for what is not known yet.
pub async fn analyze_image(app: &App, call: Call<Request>) -> Result<Analyzed> {
    let asking = asking(app, &call.caller, "analyze-image")?;
    let Request { source, features } = call.body;
    let image = asking.image(source).await?;
    analyze::analyze(asking, &image, &features).await
}
