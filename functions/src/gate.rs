//! Who may pass: token, permission, rate limit, before a body is parsed or a handler runs.

use aura::auth::api_key::Presented;
use aura::auth::authority::{Authorized, Credential};
use aura::auth::token::Claims;
use aura::auth::{Permission, Role};
use aura::error::{Denial, Refusal};
use aura::limits::{Admission, Subject};
use aura::{App, Error, Result, UserId};

use crate::route::{Access, Limit, Route};

/// What the gate found out.
#[derive(Debug, Default)]
pub struct Passed {
    /// The caller, on routes that need one.
    pub user: Option<Authorized>,
    /// The admission, on routes that count requests.
    pub admission: Option<Admission>,
}

/// Lets a request pass, with one round of DynamoDB calls at most for a token, two for an API key.
///
/// # Errors
/// TOKEN_REQUIRED, INVALID_TOKEN, TOKEN_EXPIRED, SESSION_ENDED, INSUFFICIENT_PERMISSIONS, RATE_LIMITED, UNAVAILABLE.
pub async fn pass(app: &App, route: &Route, authorization: Option<&str>) -> Result<Passed> {
    if route.access == Access::Public {
        return Ok(Passed::default());
    }
    let (user, admission) = match app.authority.recognise(bearer(authorization)?).await? {
        Credential::Token(claims) => by_token(app, route, &claims).await?,
        Credential::Key(key) => by_key(app, route, &key).await?,
    };
    Ok(Passed { user: Some(user), admission })
}

/// A token's signature is known to be ours: its user is confirmed beside the rate limit.
async fn by_token(app: &App, route: &Route, claims: &Claims) -> Result<(Authorized, Option<Admission>)> {
    // The signed role decides what is asked, the stored one what is granted: a role that was lost meanwhile pays late.
    let hint = is_unlimited(route, claims.role);
    let limited = async { if hint { Ok(None) } else { take(app, route, claims.sub).await } };
    let (user, admission) = tokio::join!(app.authority.confirm(claims), limited);
    let user = user?;
    permitted(route, &user)?;
    let admission =
        if hint && !is_unlimited(route, user.user.role) { take(app, route, user.user.id).await? } else { admission? };
    Ok((user, admission))
}

/// Whose a key is, only the store can tell: counted before that, a forged key would use up its pretended owner's limit.
async fn by_key(app: &App, route: &Route, key: &Presented) -> Result<(Authorized, Option<Admission>)> {
    let user = app.authority.admit(key).await?;
    permitted(route, &user)?;
    let id = user.user.id;
    let limited = async { if is_unlimited(route, user.user.role) { Ok(None) } else { take(app, route, id).await } };
    let (admission, ()) = tokio::join!(limited, app.authority.note_use(id, key.key()));
    Ok((user, admission?))
}

fn permitted(route: &Route, caller: &Authorized) -> Result<()> {
    match route.access {
        Access::InPerson | Access::InPersonMay(_) if caller.session().is_none() => {
            Err(Error::Forbidden(Refusal::InPerson))
        }
        Access::May(permission) | Access::InPersonMay(permission) if !caller.may(permission) => {
            Err(Error::Forbidden(Refusal::Permission(permission.name())))
        }
        Access::Public | Access::SignedIn | Access::InPerson | Access::May(_) | Access::InPersonMay(_) => Ok(()),
    }
}

async fn take(app: &App, route: &Route, user: UserId) -> Result<Option<Admission>> {
    match route.limit {
        Limit::Requests(action) => app.limits.take(action, Subject::User(user)).await.map(Some),
        Limit::None | Limit::Failures => Ok(None),
    }
}

fn is_unlimited(route: &Route, role: Role) -> bool {
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
