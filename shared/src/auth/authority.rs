//! What a credential is worth now: its user and session, or key, as they stand, not as they stood when it was made.
//!
//! A copy is kept for 30 s in the warm instance, so logout, a disabled account or a lost permission bites within 30 s
//! on every route. A token is looked at in this order: form, signature, claims, user and session; an API key: form,
//! user and key, secret, scopes.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use super::Permission;
use super::account::User;
use super::api_key::{self, ApiKey, Presented};
use super::signing::CACHE as KEY_CACHE;
use super::token::{Claims, PublicKeys, Unverified};
use crate::clock::{Clock, Timestamp};
use crate::error::Denial;
use crate::store::{self, Store};
use crate::{Error, KeyId, Result, SessionId, UserId};

/// How long a user and session are believed unseen.
const TRUST: Duration = Duration::from_secs(30);
/// An unknown key id makes the keys be read again at most this often.
const RELOAD: Duration = Duration::from_secs(60);
/// How old the note of a key's last use may get.
const NOTED: Duration = Duration::from_secs(3_600);
/// Callers remembered at most.
const REMEMBERED: usize = 1_000;

/// A credential whose form is right, and whose signature if it has one.
pub enum Credential {
    /// An access token that we signed.
    Token(Box<Claims>),
    /// An API key; whether it is genuine, only the store can tell.
    Key(Presented),
}

/// A caller whose credential was verified.
#[derive(Debug, Clone)]
pub struct Authorized {
    /// The user as stored.
    pub user: Arc<User>,
    /// What the user presented.
    pub by: By,
}

/// What a user presented.
#[derive(Debug, Clone)]
pub enum By {
    /// An access token of this session: the user in person.
    Session(SessionId),
    /// An API key: a program.
    Key(Arc<ApiKey>),
}

/// What somebody was let in with, without the secret: enough to ask later whether it still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The user.
    pub user: UserId,
    /// The session or key.
    pub by: Bearer,
    /// The user's epoch then.
    pub epoch: u32,
}

/// A session or a key, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearer {
    /// A session.
    Session(SessionId),
    /// An API key.
    Key(KeyId),
}

impl Bearer {
    fn bytes(self) -> [u8; 16] {
        match self {
            Self::Session(session) => *session.bytes(),
            Self::Key(key) => *key.bytes(),
        }
    }
}

impl fmt::Display for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(session) => write!(f, "s{session}"),
            Self::Key(key) => write!(f, "k{key}"),
        }
    }
}

impl FromStr for Bearer {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match (text.strip_prefix('s'), text.strip_prefix('k')) {
            (Some(session), _) => session.parse().map(Self::Session),
            (_, Some(key)) => key.parse().map(Self::Key),
            _ => Err(Error::invalid("A session or key is named by its letter and id.")),
        }
    }
}

impl Authorized {
    /// Whether the user's role, and the key's scopes if it is a key, have the permission.
    pub fn may(&self, permission: Permission) -> bool {
        let in_scope = match &self.by {
            By::Session(_) => true,
            By::Key(key) => key.scopes.contains(&permission),
        };
        in_scope && self.user.role.may(permission)
    }

    /// What to ask later, to know whether this still holds.
    pub fn standing(&self) -> Standing {
        let by = match &self.by {
            By::Session(session) => Bearer::Session(*session),
            By::Key(key) => Bearer::Key(key.id),
        };
        Standing { user: self.user.id, by, epoch: self.user.epoch }
    }

    /// The session, if the user is here in person.
    pub fn session(&self) -> Option<SessionId> {
        match &self.by {
            By::Session(session) => Some(*session),
            By::Key(_) => None,
        }
    }
}

/// A user, and the session or key that stands for the user.
type Presenter = (UserId, [u8; 16]);

/// Verifies credentials and remembers what it read to do so.
#[derive(Debug)]
pub struct Authority {
    store: Store,
    clock: Clock,
    keys: Mutex<Option<(Arc<PublicKeys>, Timestamp)>>,
    trusted: SyncMutex<HashMap<Presenter, (Authorized, Timestamp)>>,
    noted: SyncMutex<HashMap<KeyId, Timestamp>>,
}

impl Authority {
    /// An authority that has read nothing yet.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, keys: Mutex::default(), trusted: SyncMutex::default(), noted: SyncMutex::default() }
    }

    /// Tells tokens from keys, and verifies what can be verified without the user. Usually no call.
    ///
    /// # Errors
    /// `TokenInvalid` or `TokenExpired`; `Unavailable` if the public keys cannot be read.
    pub async fn recognise(&self, credential: &str) -> Result<Credential> {
        if credential.starts_with(api_key::PREFIX) {
            return Presented::parse(credential).map(Credential::Key).map_err(Error::Unauthenticated);
        }
        self.verify(credential).await.map(|claims| Credential::Token(Box::new(claims)))
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
        self.still(&Standing { user: claims.sub, by: Bearer::Session(claims.sid), epoch: claims.epoch }).await
    }

    /// Whoever was let in before, if that still holds. One call, or none within 30 s of the last.
    ///
    /// # Errors
    /// `SessionEnded`; `Unavailable` if the store cannot tell.
    pub async fn still(&self, standing: &Standing) -> Result<Authorized> {
        let Standing { user, by, epoch } = *standing;
        let now = self.clock.now();
        if let Some(caller) = self.remembered(user, by.bytes(), now).filter(|caller| caller.user.epoch == epoch) {
            return Ok(caller);
        }
        let standing = match by {
            Bearer::Session(session) => {
                let (user, session) = store::session::with_user(&self.store, user, session).await?;
                user.zip(session)
                    .filter(|(user, session)| session.holds(user, now))
                    .map(|(user, session)| (user, By::Session(session.id)))
            }
            Bearer::Key(key) => {
                let (user, key) = store::api_key::with_user(&self.store, user, key).await?;
                user.zip(key)
                    .filter(|(user, key)| user.active && key.holds(user.epoch, now))
                    .map(|(user, key)| (user, By::Key(Arc::new(key))))
            }
        };
        let Some((found, by_found)) = standing.filter(|(user, _)| user.epoch == epoch) else {
            return Err(Error::Unauthenticated(Denial::SessionEnded));
        };
        let caller = Authorized { user: Arc::new(found), by: by_found };
        self.remember(user, by.bytes(), caller.clone(), now);
        Ok(caller)
    }

    /// The user of a genuine API key, if both still stand. One call, or none within 30 s of the last.
    ///
    /// # Errors
    /// `TokenInvalid` alike for unknown, revoked, expired and wrong; `Unavailable` if the store cannot tell.
    pub async fn admit(&self, presented: &Presented) -> Result<Authorized> {
        let now = self.clock.now();
        let (user, key) = (presented.user(), presented.key());
        if let Some(caller) = self.remembered(user, *key.bytes(), now)
            && matches!(&caller.by, By::Key(stored) if presented.matches(&stored.hash) && now < stored.expires_at)
        {
            return Ok(caller);
        }
        let (found_user, found_key) = store::api_key::with_user(&self.store, user, key).await?;
        let standing = found_user
            .zip(found_key)
            .filter(|(user, key)| user.active && key.holds(user.epoch, now) && presented.matches(&key.hash));
        let Some((found_user, found_key)) = standing else { return Err(Error::Unauthenticated(Denial::TokenInvalid)) };
        let caller = Authorized { user: Arc::new(found_user), by: By::Key(Arc::new(found_key)) };
        self.remember(user, *key.bytes(), caller.clone(), now);
        Ok(caller)
    }

    /// Notes that a key is in use: at most one write an hour, key and instance.
    pub async fn note_use(&self, user: UserId, key: KeyId) {
        let now = self.clock.now();
        {
            let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
            if noted.get(&key).is_some_and(|at| now.since(*at) < NOTED) {
                return;
            }
            if noted.len() >= REMEMBERED {
                noted.clear();
            }
            noted.insert(key, now);
        }
        if let Err(error) = store::api_key::note_use(&self.store, user, key, now).await {
            tracing::warn!(code = error.code(), "the use of an API key was not noted");
        }
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

    /// Forgets a credential that this instance ended itself.
    pub fn forget(&self, user: UserId, credential: [u8; 16]) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).remove(&(user, credential));
    }

    fn remembered(&self, user: UserId, credential: [u8; 16], now: Timestamp) -> Option<Authorized> {
        let trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        let (caller, read) = trusted.get(&(user, credential))?;
        (now.since(*read) < TRUST).then(|| caller.clone())
    }

    fn remember(&self, user: UserId, credential: [u8; 16], caller: Authorized, now: Timestamp) {
        let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        if trusted.len() >= REMEMBERED {
            trusted.retain(|_, (_, read)| now.since(*read) < TRUST);
        }
        if trusted.len() < REMEMBERED {
            trusted.insert((user, credential), (caller, now));
        }
    }
}
