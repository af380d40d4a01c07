//! API keys: long-lived credentials of a user for programs, narrower than the user.
//!
//! `aura_` and base64url of user (16 bytes), key (16) and a 256-bit secret. Stored is the SHA-256 of the secret alone:
//! it is random, so a slow hash would add nothing, and a stolen table cannot be used. What a key may do is its scopes,
//! as far as its owner's role still has them. Keys work where a program has business: a key makes no keys and ends no
//! sessions.

use std::time::Duration;

use aws_lc_rs::{constant_time, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Permission;
use super::account::DisplayName;
use crate::clock::Timestamp;
use crate::error::{Conflict, Denial, Refusal};
use crate::{App, Error, KeyId, Result, Secret, UserId, store};

/// What every key starts with; secret scanners look for it.
pub const PREFIX: &str = "aura_";
/// Keys that a user may have at a time.
pub const MOST: usize = 20;
/// Days that a key lives unless asked otherwise.
const DEFAULT_DAYS: u64 = 90;
/// Longest life of a key, in days.
const MAX_DAYS: u64 = 365;

const LENGTH: usize = 16 + 16 + 32;

/// A key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its name, within its user.
    pub id: KeyId,
    /// What the user calls it.
    pub name: DisplayName,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// What it may do at most.
    pub scopes: Vec<Permission>,
    /// The user's epoch when it was made: a key of an earlier epoch has ended.
    pub epoch: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl ApiKey {
    /// Whether it holds at `now`, for a user of this epoch.
    pub fn holds(&self, epoch: u32, now: Timestamp) -> bool {
        self.epoch == epoch && now < self.expires_at
    }
}

/// A key as a client presents it; its form is right.
pub struct Presented {
    bytes: [u8; LENGTH],
}

impl Presented {
    /// Reads a credential that starts with [`PREFIX`].
    ///
    /// # Errors
    /// `TokenInvalid` for anything of another form.
    pub fn parse(text: &str) -> Result<Self, Denial> {
        let encoded = text.strip_prefix(PREFIX).ok_or(Denial::TokenInvalid)?;
        let mut bytes = [0; LENGTH];
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(LENGTH) => Ok(Self { bytes }),
            _ => Err(Denial::TokenInvalid),
        }
    }

    fn new(user: UserId, key: KeyId, secret: &[u8; 32]) -> Self {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(user.bytes());
        bytes[16..32].copy_from_slice(key.bytes());
        bytes[32..].copy_from_slice(secret);
        Self { bytes }
    }

    fn text(&self) -> Secret {
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.bytes)))
    }

    /// Whose it says it is.
    pub fn user(&self) -> UserId {
        self.sixteen(0).into()
    }

    /// Which key it says it is.
    pub fn key(&self) -> KeyId {
        self.sixteen(16).into()
    }

    fn sixteen(&self, from: usize) -> [u8; 16] {
        std::array::from_fn(|i| self.bytes[from + i])
    }

    /// SHA-256 of its secret.
    pub fn hash(&self) -> [u8; 32] {
        hash(&self.bytes[32..])
    }

    /// Whether its secret is the one behind `hash`, in the same time for every wrong one.
    pub fn matches(&self, hash: &[u8; 32]) -> bool {
        constant_time::verify_slices_are_equal(&self.hash(), hash).is_ok()
    }
}

fn hash(secret: &[u8]) -> [u8; 32] {
    let digest = digest::digest(&digest::SHA256, secret);
    std::array::from_fn(|i| digest.as_ref()[i])
}

/// What a user asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Wish {
    name: DisplayName,
    scopes: Vec<Permission>,
    expires_in_days: Option<u64>,
}

/// A new key: the only time that it is shown.
#[derive(Debug, Serialize)]
pub struct Made {
    /// The key itself.
    #[serde(serialize_with = "expose")]
    pub key: Secret,
    /// What is known of it later.
    #[serde(flatten)]
    pub listed: Listed,
}

fn expose<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

/// A key as its owner sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    id: KeyId,
    name: DisplayName,
    scopes: Vec<Permission>,
    created_at: String,
    expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<String>,
}

impl Listed {
    fn new(key: &ApiKey, last_used: Option<Timestamp>) -> Self {
        Self {
            id: key.id,
            name: key.name.clone(),
            scopes: key.scopes.clone(),
            created_at: key.created_at.rfc3339(),
            expires_at: key.expires_at.rfc3339(),
            last_used_at: last_used.map(Timestamp::rfc3339),
        }
    }
}

/// Makes a key for a user, with scopes that the user's role has.
///
/// # Errors
/// `Invalid` for a life that is not 1 to 365 days, no scopes, or one that the role does not have; `Conflict` for the
/// 21st key.
pub async fn create(app: &App, user: &super::account::User, wish: Wish) -> Result<Made> {
    let Wish { name, mut scopes, expires_in_days } = wish;
    let days = expires_in_days.unwrap_or(DEFAULT_DAYS);
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Error::invalid(format!("`expiresInDays` is 1 to {MAX_DAYS}.")));
    }
    scopes.sort_unstable_by_key(|scope| scope.name());
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Error::invalid("`scopes` names at least one permission."));
    }
    if let Some(foreign) = scopes.iter().find(|&&scope| !user.role.may(scope)) {
        return Err(Error::Forbidden(Refusal::Permission(foreign.name())));
    }
    let now = app.clock.now();
    let presented = Presented::new(user.id, app.random.id()?, &app.random.bytes()?);
    let key = ApiKey {
        id: presented.key(),
        name,
        hash: presented.hash(),
        scopes,
        epoch: user.epoch,
        created_at: now,
        expires_at: now + Duration::from_secs(days * 86_400),
    };
    // Counted before, not with, the write: a race may make one more, and the rate limit bounds races.
    let held = store::api_key::of(&app.store, user.id).await?;
    if held.iter().filter(|key| key.holds(user.epoch, now)).count() >= MOST {
        return Err(Error::Conflict(Conflict::TooManyKeys));
    }
    if !store::api_key::create(&app.store, user, &key).await? {
        return Err(Error::Unauthenticated(Denial::SessionEnded));
    }
    Ok(Made { key: presented.text(), listed: Listed::new(&key, None) })
}

/// The keys of a user that still hold, with their last uses to the hour.
pub async fn list(app: &App, user: &super::account::User) -> Result<Vec<Listed>> {
    let now = app.clock.now();
    let (keys, uses) =
        tokio::try_join!(store::api_key::of(&app.store, user.id), store::api_key::uses(&app.store, user.id))?;
    let held = keys.iter().filter(|key| key.holds(user.epoch, now));
    Ok(held.map(|key| Listed::new(key, uses.get(&key.id).copied())).collect())
}

/// Ends a key within 30 s.
///
/// # Errors
/// `NotFound` for a key that is not there, or is somebody else's.
pub async fn revoke(app: &App, user: UserId, key: KeyId) -> Result<()> {
    if store::api_key::delete(&app.store, user, key).await? {
        return Ok(());
    }
    Err(Error::NotFound { what: "API key" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn presented() -> Presented {
        Presented::new([1; 16].into(), [2; 16].into(), &[3; 32])
    }

    #[test]
    fn row_23_a_key_survives_its_text_and_only_its_hash_is_stored() {
        let text = presented().text();
        let parsed = Presented::parse(text.expose()).unwrap();
        assert_eq!((parsed.user(), parsed.key()), ([1; 16].into(), [2; 16].into()));
        assert!(parsed.matches(&presented().hash()));
        assert_eq!(text.expose().len(), 5 + 86);
        assert_ne!(presented().hash(), [3; 32]);
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in ["", "aura_", "aura_AAAA", "sk-aura_", "aurart_AAAA"] {
            assert!(Presented::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn row_23_any_changed_byte_is_another_key(position in 0_usize..200, byte in any::<u8>()) {
            let text = presented().text();
            let mut bytes = text.expose().to_owned().into_bytes();
            let position = position % bytes.len();
            bytes[position] = byte;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            prop_assume!(changed != text.expose());
            let same = Presented::parse(&changed).is_ok_and(|key| {
                key.user() == presented().user() && key.key() == presented().key() && key.matches(&presented().hash())
            });
            prop_assert!(!same);
        }
    }
}
