//! POST /api/auth/api-keys: a key for a program, shown this once.

use aura::auth::api_key::{self, Made, Wish};
use aura::{App, Result};

use crate::http::Call;

/// Makes the key.
pub async fn create_api_key(app: &App, call: Call<Wish>) -> Result<Made> {
    api_key::create(app, &call.caller.user()?.user, call.body).await
}
