//! Who may pass: token, permission, rate limit, before a handler runs.
//!
//! Beside the calls that this takes, the cache may be looked at for what the caller is about to ask. What is found there
//! goes no further than the handler, and the handler runs for those who pass.

use aura::auth::api_key::Presented;
use aura::auth::authority::{Authorized, Credential};
use aura::auth::token::Claims;
use aura::auth::{Permission, Role};
use aura::cache::{Peeked, Reader};
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
    /// What was found ahead.
    pub peeked: Option<Peeked>,
}

/// Lets a request pass, with one round of DynamoDB calls at most for a token, two for an API key.
///
/// # Errors
/// TOKEN_REQUIRED, INVALID_TOKEN, TOKEN_EXPIRED, SESSION_ENDED, INSUFFICIENT_PERMISSIONS, RATE_LIMITED, UNAVAILABLE.
pub async fn pass<F: Future<Output = Option<Peeked>>>(
    app: &App,
    route: &Route,
    authorization: Option<&str>,
    ahead: impl FnOnce(Reader) -> F,
) -> Result<Passed> {
    if route.access == Access::Public {
        return Ok(Passed::default());
    }
    match app.authority.recognise(bearer(authorization)?).await? {
        Credential::Token(claims) => {
            let reader = Reader::new(claims.tid, |permission| claims.role.may(permission));
            by_token(app, route, &claims, ahead(reader)).await
        }
        Credential::Key(key) => by_key(app, route, &key, ahead).await,
    }
}

/// A token's signature is known to be ours: its user is confirmed beside the rate limit.
async fn by_token(
    app: &App,
    route: &Route,
    claims: &Claims,
    ahead: impl Future<Output = Option<Peeked>>,
) -> Result<Passed> {
    // The signed role decides what is asked, the stored one what is granted: a role that was lost meanwhile pays late.
    let hint = is_unlimited(route, claims.role);
    let limited = async { if hint { Ok(None) } else { take(app, route, claims.sub).await } };
    let (user, limited) = tokio::join!(app.authority.confirm(claims), beside(limited, ahead));
    let user = user?;
    permitted(route, &user)?;
    let (mut admission, peeked) = limited?;
    if hint && !is_unlimited(route, user.user.role) {
        admission = take(app, route, user.user.id).await?;
    }
    Ok(Passed { user: Some(user), admission, peeked })
}

/// Whose a key is, only the store can tell: counted before that, a forged key would use up its pretended owner's limit.
async fn by_key<F: Future<Output = Option<Peeked>>>(
    app: &App,
    route: &Route,
    key: &Presented,
    ahead: impl FnOnce(Reader) -> F,
) -> Result<Passed> {
    let user = app.authority.admit(key).await?;
    permitted(route, &user)?;
    let id = user.user.id;
    let limited = async { if is_unlimited(route, user.user.role) { Ok(None) } else { take(app, route, id).await } };
    let limited = beside(limited, ahead(Reader::of(&user)));
    let (limited, ()) = tokio::join!(limited, app.authority.note_use(id, key.key()));
    let (admission, peeked) = limited?;
    Ok(Passed { user: Some(user), admission, peeked })
}

/// Looks ahead while the limit is asked. Whoever is known to be over it costs no read.
async fn beside(
    limited: impl Future<Output = Result<Option<Admission>>>,
    ahead: impl Future<Output = Option<Peeked>>,
) -> Result<(Option<Admission>, Option<Peeked>)> {
    tokio::try_join!(biased; limited, async { Ok(ahead.await) })
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
pub fn bearer(authorization: Option<&str>) -> Result<&str> {
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
