//! PUT /api/admin/users/{id}/role: change what a user may do, within 30 s on every route.

use aura::auth::Role;
use aura::auth::account::{self, Profile};
use aura::{App, Result, UserId};
use serde::{Deserialize, Serialize};

use crate::http::Call;

/// The body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    role: Role,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Changed {
    user: Profile,
}

/// Changes the role of somebody else.
pub async fn set_user_role(app: &App, call: Call<NewRole>) -> Result<Changed> {
    let id: UserId = call.id("id", "user")?;
    let user = account::set_role(app, &call.caller.user()?.user, id, call.body.role).await?;
    Ok(Changed { user: Profile::from(&user) })
}
