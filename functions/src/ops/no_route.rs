//! Every request that no route takes: 404 for an unknown path, 405 for a wrong method.

use aura::{App, Result};

use crate::http::{self, Call};

/// Never succeeds.
pub async fn no_route(_: &App, call: Call<()>) -> Result<()> {
    Err(http::unrouted(&call.path))
}
