//! `$disconnect`: a connection is gone. AWS does not promise this event; leases and failed posts are the promise.

use aura::{App, Error, Result};
use serde_json::{Value, json};

use crate::socket;

/// Ends the membership, if it joined.
pub async fn disconnect(app: &App, event: Value) -> Result<Value> {
    let context = &event["requestContext"];
    let guest = socket::guest(&context["authorizer"])?;
    let id = context["connectionId"].as_str().ok_or_else(|| Error::internal("an event without a connection"))?;
    app.sockets.leave(&app.background, guest.room, &id.parse()?).await?;
    Ok(json!({ "statusCode": 200 }))
}
