//! Who may pass: token, permission, rate limit, before a body is parsed or a handler runs.

use aura::auth::Permission;
use aura::auth::authority::Authorized;
use aura::error::Denial;
use aura::limits::{Admission, Subject};
use aura::{App, Error, Result};

use crate::route::{Access, Limit, Route};

/// What the gate found out.
#[derive(Debug, Default)]
pub struct Passed {
    /// The caller, on routes that need one.
    pub user: Option<Authorized>,
    /// The admission, on routes that count requests.
    pub admission: Option<Admission>,
}

/// Lets a request pass, with one round of DynamoDB calls at most: the user is confirmed beside the rate limit.
///
/// # Errors
/// TOKEN_REQUIRED, INVALID_TOKEN, TOKEN_EXPIRED, SESSION_ENDED, INSUFFICIENT_PERMISSIONS, RATE_LIMITED, UNAVAILABLE.
pub async fn pass(app: &App, route: &Route, authorization: Option<&str>) -> Result<Passed> {
    let permission = match route.access {
        Access::Public => return Ok(Passed::default()),
        Access::SignedIn => None,
        Access::May(permission) => Some(permission),
    };
    let claims = app.authority.verify(bearer(authorization)?).await?;
    let take = async || match route.limit {
        Limit::Requests(action) => app.limits.take(action, Subject::User(claims.sub)).await.map(Some),
        Limit::None | Limit::Failures => Ok(None),
    };
    // The signed role decides what is asked, the stored one what is granted: a role that was lost meanwhile pays late.
    let hint = is_unlimited(route, claims.role);
    let limited = async { if hint { Ok(None) } else { take().await } };
    let (user, admission) = tokio::join!(app.authority.confirm(&claims), limited);
    let user = user?;
    if let Some(permission) = permission.filter(|&permission| !user.user.role.may(permission)) {
        return Err(Error::Forbidden { permission: permission.name() });
    }
    let admission = if hint && !is_unlimited(route, user.user.role) { take().await? } else { admission? };
    Ok(Passed { user: Some(user), admission })
}

fn is_unlimited(route: &Route, role: aura::auth::Role) -> bool {
    let ai =
        matches!(route.access, Access::May(Permission::UseOpenAi | Permission::UseVision | Permission::UseEmbeddings));
    ai && role.may(Permission::UnlimitedRequests)
}

/// The token of an `Authorization: Bearer` header; the scheme in any case (RFC 9110, 11.1).
fn bearer(authorization: Option<&str>) -> Result<&str> {
    let missing = Error::Unauthenticated(Denial::TokenMissing);
    let Some(value) = authorization else { return Err(missing) };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty() => Ok(token.trim()),
        _ => Err(missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bearer_carries_a_token() {
        assert_eq!(bearer(Some("Bearer abc")).unwrap(), "abc");
        assert_eq!(bearer(Some("bearer  abc ")).unwrap(), "abc");
        for value in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Basic abc"), Some("abc")] {
            assert_eq!(bearer(value).unwrap_err().code(), "TOKEN_REQUIRED", "{value:?}");
        }
    }
}
