//! Secrets Manager's rotation of the signing key; no route.

use aura::auth::rotation::{self, Event};
use aura::{App, Need, Result};

/// State that the rotation opens.
pub const NEEDS: &[Need] = &[Need::Identity, Need::SigningKey];

/// Runs one step.
pub async fn rotate_signing_key(app: &App, event: Event) -> Result<()> {
    rotation::rotate(app, &event).await
}
