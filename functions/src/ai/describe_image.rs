//! POST /api/ai/describe-image: an image in words.

use aura::ai::vision::describe::{self, Described, Request};
use aura::{App, Result};

use super::{asking, spend};
use crate::http::Call;

/// Asks a model that sees, or makes a sentence of labels.
pub async fn describe_image(app: &App, call: Call<Request>) -> Result<Described> {
    let asking = asking(app, &call.caller, "describe-image")?;
    let ai = app.providers.ai().await?;
    let image = asking.image(call.body.source).await?;
    describe::describe(asking, &ai, &image, &spend(app, &call.caller, None)?).await
}
