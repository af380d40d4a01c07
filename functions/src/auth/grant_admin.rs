//! Makes an administrator of a registered user: for the operator, who invokes it with IAM rights; no route.

use aura::auth::Email;
use aura::auth::account::{self, Profile};
use aura::{App, Need, Result};
use serde::{Deserialize, Serialize};

/// State that it opens.
pub const NEEDS: &[Need] = &[Need::Identity];

/// The event.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    email: Email,
}

/// The answer.
#[derive(Debug, Serialize)]
pub struct Granted {
    user: Profile,
}

/// Makes the administrator.
pub async fn grant_admin(app: &App, event: Grant) -> Result<Granted> {
    Ok(Granted { user: Profile::from(&account::grant_admin(app, &event.email).await?) })
}
