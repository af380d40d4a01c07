//! What a token is worth now: its user and session as they stand, not as they stood when it was signed.
//!
//! A copy is kept for 30 s in the warm instance, so logout, a disabled account or a lost permission bites within 30 s
//! on every route. A token is looked at in this order: form, signature, claims, user and session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use super::account::User;
use super::signing::CACHE as KEY_CACHE;
use super::token::{Claims, PublicKeys, Unverified};
use crate::clock::{Clock, Timestamp};
use crate::error::Denial;
use crate::store::{self, Store};
use crate::{Error, Result, SessionId, UserId};

/// How long a user and session are believed unseen.
const TRUST: Duration = Duration::from_secs(30);
/// An unknown key id makes the keys be read again at most this often.
const RELOAD: Duration = Duration::from_secs(60);
/// Users and sessions remembered at most.
const REMEMBERED: usize = 1_000;

/// A caller whose token was verified.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// The user as stored.
    pub user: Arc<User>,
    /// The session the token belongs to.
    pub session: SessionId,
}

/// Verifies access tokens and remembers what it read to do so.
#[derive(Debug)]
pub struct Authority {
    store: Store,
    clock: Clock,
    keys: Mutex<Option<(Arc<PublicKeys>, Timestamp)>>,
    trusted: SyncMutex<HashMap<(UserId, SessionId), (Arc<User>, Timestamp)>>,
}

impl Authority {
    /// An authority that has read nothing yet.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, keys: Mutex::default(), trusted: SyncMutex::default() }
    }

    /// The claims of a genuine, unexpired token. Usually no call; one to read the keys.
    ///
    /// # Errors
    /// `TokenInvalid` or `TokenExpired`; `Unavailable` if the keys cannot be read.
    pub async fn verify(&self, token: &str) -> Result<Claims> {
        let token = Unverified::parse(token).map_err(Error::Unauthenticated)?;
        let now = self.clock.now();
        let keys = self.keys(Some(token.kid())).await?;
        let key = keys.get(token.kid(), now).ok_or(Error::Unauthenticated(Denial::TokenInvalid))?;
        token.verify(key, now).map_err(Error::Unauthenticated)
    }

    /// The user of verified claims, if user and session still stand. One call, or none within 30 s of the last.
    ///
    /// # Errors
    /// `SessionEnded`; `Unavailable` if the store cannot tell.
    pub async fn confirm(&self, claims: &Claims) -> Result<Authorized> {
        let now = self.clock.now();
        let authorized = |user| Authorized { user, session: claims.sid };
        if let Some(user) = self.remembered(claims, now) {
            return Ok(authorized(user));
        }
        let (user, session) = store::session::with_user(&self.store, claims.sub, claims.sid).await?;
        let standing =
            user.zip(session).filter(|(user, session)| session.holds(user, now) && user.epoch == claims.epoch);
        let Some((user, _)) = standing else { return Err(Error::Unauthenticated(Denial::SessionEnded)) };
        let user = Arc::new(user);
        self.remember(claims, Arc::clone(&user), now);
        Ok(authorized(user))
    }

    /// The public keys: read once per instance and five minutes, and again, at most once a minute, when `wanted` is
    /// not among them. A copy that cannot be renewed goes on being used.
    pub async fn keys(&self, wanted: Option<&str>) -> Result<Arc<PublicKeys>> {
        let mut held = self.keys.lock().await;
        let now = self.clock.now();
        if let Some((keys, read)) = &*held {
            let age = now.since(*read);
            let unknown = wanted.is_some_and(|kid| keys.get(kid, now).is_none());
            let stale = age >= KEY_CACHE || (unknown && age >= RELOAD) || keys.0.is_empty();
            if !stale {
                return Ok(Arc::clone(keys));
            }
        }
        match (store::signing_keys::load(&self.store).await, &*held) {
            (Ok((keys, _)), _) => {
                let keys = Arc::new(keys);
                *held = Some((Arc::clone(&keys), now));
                Ok(keys)
            }
            (Err(error), Some((keys, _))) => {
                tracing::warn!(code = error.code(), "the public keys could not be renewed");
                Ok(Arc::clone(keys))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The public keys as stored now, for a probe that must not be fooled by a copy.
    pub async fn read_keys(&self) -> Result<PublicKeys> {
        Ok(store::signing_keys::load(&self.store).await?.0)
    }

    /// Forgets a session that this instance ended itself.
    pub fn forget(&self, user: UserId, session: SessionId) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).remove(&(user, session));
    }

    fn remembered(&self, claims: &Claims, now: Timestamp) -> Option<Arc<User>> {
        let trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        let (user, read) = trusted.get(&(claims.sub, claims.sid))?;
        (now.since(*read) < TRUST && user.epoch == claims.epoch).then(|| Arc::clone(user))
    }

    fn remember(&self, claims: &Claims, user: Arc<User>, now: Timestamp) {
        let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        if trusted.len() >= REMEMBERED {
            trusted.retain(|_, (_, read)| now.since(*read) < TRUST);
        }
        if trusted.len() < REMEMBERED {
            trusted.insert((claims.sub, claims.sid), (user, now));
        }
    }
}
