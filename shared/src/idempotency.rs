//! `Idempotency-Key`: a request that is sent again has one effect and one answer, for 24 hours.
//!
//! A claim is made before the work and completed after it. Both writes are conditional: of two requests with one key
//! only one works, and a function that was thought dead cannot complete what another has taken over. What failed is
//! forgotten, so that it can be tried again; what succeeded is repeated.
//!
//! Answers may hold secrets (a new API key does), so they are stored sealed: the table knows a hash of the client's
//! key, and only the key itself opens the answer.
//! Deliberately absent: routes without a signed-in user, where one stranger's key could meet another's.

use std::time::Duration;

use aws_lc_rs::{digest, hmac};

use crate::clock::Timestamp;
use crate::error::Conflict;
use crate::seal::{close, open};
use crate::{App, Error, Result, UserId, store};

/// How long an answer is repeated.
pub const KEPT: Duration = Duration::from_secs(86_400);
/// Longest key, in characters.
const MAX_KEY: usize = 255;
/// Largest answer that is kept, in bytes: DynamoDB's items end at 400 KB. A larger one is not repeated.
const MAX_ANSWER: usize = 350 * 1_024;

/// A request with a key.
#[derive(Clone, Copy)]
pub struct Keyed<'a> {
    /// Who sends it.
    pub user: UserId,
    /// The route's name.
    pub route: &'static str,
    /// The client's key.
    pub key: &'a str,
    /// The body, which must be the same the second time.
    pub body: &'a [u8],
}

/// What a claim came to.
pub enum Claim {
    /// Nobody did this before: do it, then [`complete`] or [`abandon`].
    Fresh(Ticket),
    /// It was done; this is the answer.
    Repeat(Vec<u8>),
}

/// The right to do the work, until it expires.
pub struct Ticket {
    name: Name,
    owner: [u8; 16],
    seal: [u8; 32],
}

/// What the table knows a request by.
#[derive(Debug, Clone)]
pub struct Name {
    /// Who sends it.
    pub user: UserId,
    /// The route's name.
    pub route: &'static str,
    /// Hash of the client's key.
    pub key: String,
}

/// A claim as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Hash of the body.
    pub body: [u8; 32],
    /// Who works or worked on it.
    pub owner: [u8; 16],
    /// The sealed answer; `None` while somebody works.
    pub answer: Option<Vec<u8>>,
}

/// Claims a request for `life`, the time that the function has left.
///
/// # Errors
/// `Invalid` for a key that is empty, long or not printable ASCII; `Conflict` for another body or while the first
/// request is still being worked on.
pub async fn claim(app: &App, request: Keyed<'_>, life: Duration) -> Result<Claim> {
    let Keyed { user, route, key, body } = request;
    if !(1..=MAX_KEY).contains(&key.len()) || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Error::invalid(format!("`Idempotency-Key` has 1 to {MAX_KEY} printable ASCII characters.")));
    }
    let name = Name { user, route, key: hex(&derived(key, user, route, b"name")) };
    let seal = derived(key, user, route, b"seal");
    let claim = Stored { body: sha256(body), owner: app.random.bytes()?, answer: None };
    let now = app.clock.now();
    let Some(earlier) = store::idempotency::claim(&app.store, &name, &claim, now, now + life).await? else {
        return Ok(Claim::Fresh(Ticket { name, owner: claim.owner, seal }));
    };
    if earlier.owner == claim.owner {
        // Our own write, whose answer the SDK did not see before it tried again.
        return Ok(Claim::Fresh(Ticket { name, owner: claim.owner, seal }));
    }
    if earlier.body != claim.body {
        return Err(Error::Conflict(Conflict::OtherBody));
    }
    match earlier.answer {
        None => Err(Error::Conflict(Conflict::InProgress)),
        Some(sealed) => open(&seal, sealed).map(Claim::Repeat),
    }
}

/// Keeps the answer for repeats. One that cannot be kept is not repeated; the request has been answered all the same.
pub async fn complete(app: &App, ticket: Ticket, answer: &[u8]) {
    let kept = async {
        if answer.len() > MAX_ANSWER {
            return store::idempotency::abandon(&app.store, &ticket.name, ticket.owner).await;
        }
        let sealed = close(&ticket.seal, &app.random.bytes()?, answer)?;
        store::idempotency::complete(&app.store, &ticket.name, ticket.owner, sealed, app.clock.now()).await
    };
    if let Err(error) = kept.await {
        tracing::warn!(code = error.code(), "an answer was not kept for its idempotency key");
    }
}

/// Gives the claim back: the request failed and may be tried again at once.
pub async fn abandon(app: &App, ticket: Ticket) {
    if let Err(error) = store::idempotency::abandon(&app.store, &ticket.name, ticket.owner).await {
        tracing::warn!(code = error.code(), "a claim was not given back and will expire");
    }
}

/// When a completed claim is deleted.
pub fn expiry(now: Timestamp) -> Timestamp {
    now + KEPT
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, bytes);
    std::array::from_fn(|i| digest.as_ref()[i])
}

/// A value that only the client's key leads to, for one user, route and purpose.
fn derived(key: &str, user: UserId, route: &str, purpose: &[u8]) -> [u8; 32] {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let tag =
        hmac::sign(&secret, &[b"aura idempotency v1 ", purpose, user.bytes().as_slice(), route.as_bytes()].concat());
    std::array::from_fn(|i| tag.as_ref()[i])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clients_key_opens_an_answer() {
        let user = UserId::from([1; 16]);
        let seal = derived("key", user, "create-api-key", b"seal");
        let sealed = close(&seal, &[7; 12], b"aura_secret").unwrap();
        assert_eq!(open(&seal, sealed.clone()).unwrap(), b"aura_secret");
        for other in [
            derived("another", user, "create-api-key", b"seal"),
            derived("key", [2; 16].into(), "create-api-key", b"seal"),
            derived("key", user, "generate-form", b"seal"),
            derived("key", user, "create-api-key", b"name"),
        ] {
            assert!(open(&other, sealed.clone()).is_err());
        }
    }
}
