//! Posts to a part of a large room; invoked by our own functions.

use aura::background::Delivery;
use aura::{App, Result};

/// Delivers.
pub async fn fan_out(app: &App, delivery: Delivery) -> Result<()> {
    app.sockets.deliver(&delivery).await;
    Ok(())
}
