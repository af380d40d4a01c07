//! POST /api/uploads: a form that uploads an image too large for a request.

use aura::uploads::{Form, Request};
use aura::{App, Result};

use crate::http::Call;

/// Signs a form; S3 is not asked.
pub async fn create_upload(app: &App, call: Call<Request>) -> Result<Form> {
    let owner = call.caller.user()?.user.id;
    app.uploads()?.form(owner, call.body, app.clock.now())
}
