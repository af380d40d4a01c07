//! Turns the log of a room into a snapshot; invoked by our own functions.

use aura::background::Compaction;
use aura::{App, Result, members};

/// Compacts; a room that is gone needs none.
pub async fn compact_room(app: &App, Compaction { room }: Compaction) -> Result<()> {
    match app.rooms.compact(room).await {
        Ok(compacted) => {
            tracing::info!(%room, ?compacted, "compacted");
            Ok(())
        }
        Err(failure) => match members::error(failure) {
            aura::Error::NotFound { .. } => Ok(()),
            error => Err(error),
        },
    }
}
