//! Access tokens: Ed25519 JSON Web Tokens (RFC 9068), minted by few functions and verified by all.
//!
//! The verifier is our own because what the `jsonwebtoken` crate accepts is wider than what we mint: unknown `crit`,
//! any `typ`, a missing `aud` or `iss`, a future `iat`. Here the header is exactly `{alg: EdDSA, typ: at+jwt, kid}`,
//! every claim is required, and anything else is refused before or after the signature. The signature itself is
//! aws-lc's.
//! Deliberately absent: other algorithms, keys inside tokens, and revocation (see [`authority`](super::authority)).

pub mod jwk;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::Role;
use crate::clock::Timestamp;
use crate::error::Denial;
use crate::{Error, Result, SessionId, TenantId, UserId};

/// Who mints tokens.
const ISSUER: &str = "aura";
/// Whom they are for.
const AUDIENCE: &str = "aura-api";
/// How far the clocks of two functions may disagree.
const LEEWAY: Duration = Duration::from_secs(5);
/// Longest token that is looked at; ours have about 500 bytes.
const MAX_BYTES: usize = 4_096;
/// Longest life a token may claim, the upper limit of `JWT_EXPIRES_IN`.
pub const MAX_LIFE: Duration = Duration::from_secs(3_600);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

/// What a token says. Times are epoch seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    iss: String,
    aud: String,
    client_id: String,
    jti: SessionId,
    iat: u64,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<u64>,
    /// The user.
    pub sub: UserId,
    /// The tenant whose data the user sees.
    pub tid: TenantId,
    /// The session that minted the token.
    pub sid: SessionId,
    /// The user's epoch: raising it ends all sessions.
    pub epoch: u32,
    /// The role when the token was minted: a hint; what counts is read from the user.
    pub role: Role,
}

impl Claims {
    /// The claims of a new token that holds for `life`.
    pub fn new(subject: Subject, unique: [u8; 16], now: Timestamp, life: Duration) -> Self {
        let Subject { user, tenant, session, epoch, role } = subject;
        Self {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            client_id: "aura".to_owned(),
            jti: unique.into(),
            iat: now.secs(),
            exp: (now + life.min(MAX_LIFE)).secs(),
            nbf: None,
            sub: user,
            tid: tenant,
            sid: session,
            epoch,
            role,
        }
    }
}

/// Whom a token is for.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// The user.
    pub user: UserId,
    /// The user's tenant.
    pub tenant: TenantId,
    /// The session.
    pub session: SessionId,
    /// The user's epoch.
    pub epoch: u32,
    /// The user's role.
    pub role: Role,
}

/// A key pair that signs tokens.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    pair: Ed25519KeyPair,
}

impl SigningKey {
    /// The key of a 32-byte seed (RFC 8032).
    ///
    /// # Errors
    /// `Internal` if the library refuses the seed.
    pub fn from_seed(kid: impl Into<String>, seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|e| Error::internal(e.to_string()))?;
        Ok(Self { kid: kid.into(), pair })
    }

    /// Its name in token headers.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half.
    pub fn public(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }

    /// The token that says `claims`.
    ///
    /// # Errors
    /// `Internal` if the claims cannot be written, which they always can.
    pub fn sign(&self, claims: &Claims) -> Result<String> {
        let header = Header { alg: "EdDSA".into(), typ: "at+jwt".into(), kid: self.kid.clone() };
        let encode = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let header = encode(serde_json::to_vec(&header).map_err(Error::internal)?);
        let claims = encode(serde_json::to_vec(claims).map_err(Error::internal)?);
        let message = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(message.as_bytes()));
        Ok(format!("{message}.{signature}"))
    }
}

/// A public key as it is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The 32 bytes of RFC 8032.
    pub x: Vec<u8>,
    /// When tokens signed with it stop being accepted; `None` while it is or may come into use.
    pub until: Option<Timestamp>,
}

impl PublicKey {
    /// Whether `signature` is this key's signature of `message`.
    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.x).verify(message, signature).is_ok()
    }
}

/// Every public key that may verify a token, by key id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicKeys(pub BTreeMap<String, PublicKey>);

impl PublicKeys {
    /// The key named `kid`, unless it has been retired.
    pub fn get(&self, kid: &str, now: Timestamp) -> Option<&PublicKey> {
        self.0.get(kid).filter(|key| key.until.is_none_or(|until| until > now))
    }

    /// Those that still count at `now`.
    pub fn live(&self, now: Timestamp) -> impl Iterator<Item = (&str, &PublicKey)> {
        self.0.iter().map(|(kid, key)| (kid.as_str(), key)).filter(move |(kid, _)| self.get(kid, now).is_some())
    }
}

/// A token whose form is right and whose signature has not been looked at: good for its key id only.
#[derive(Debug)]
pub struct Unverified<'a> {
    kid: String,
    message: &'a str,
    claims: &'a str,
    signature: Vec<u8>,
}

impl<'a> Unverified<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// `TokenInvalid` for anything but three canonical base64url segments with our header.
    pub fn parse(token: &'a str) -> Result<Self, Denial> {
        let invalid = Denial::TokenInvalid;
        if token.len() > MAX_BYTES {
            return Err(invalid);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(invalid)?;
        let (header, claims) = message.split_once('.').ok_or(invalid)?;
        if claims.contains('.') {
            return Err(invalid);
        }
        let header = URL_SAFE_NO_PAD.decode(header).map_err(|_| invalid)?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| invalid)?;
        if header.alg != "EdDSA" || header.typ != "at+jwt" || header.kid.is_empty() || header.kid.len() > 64 {
            return Err(invalid);
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| invalid)?;
        Ok(Self { kid: header.kid, message, claims, signature })
    }

    /// The key it says it was signed with.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The claims, if `key` signed them and they hold at `now`.
    ///
    /// # Errors
    /// `TokenExpired` only for a token that was ours; `TokenInvalid` for everything else.
    pub fn verify(&self, key: &PublicKey, now: Timestamp) -> Result<Claims, Denial> {
        let invalid = Denial::TokenInvalid;
        if !key.verifies(self.message.as_bytes(), &self.signature) {
            return Err(invalid);
        }
        let claims = URL_SAFE_NO_PAD.decode(self.claims).map_err(|_| invalid)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| invalid)?;
        let latest = (now + LEEWAY).secs();
        let ours = claims.iss == ISSUER
            && claims.aud == AUDIENCE
            && claims.iat <= latest
            && claims.nbf.is_none_or(|nbf| nbf <= latest)
            && claims.exp > claims.iat
            && claims.exp - claims.iat <= MAX_LIFE.as_secs();
        if !ours {
            return Err(invalid);
        }
        if Timestamp::from_secs(claims.exp) + LEEWAY <= now {
            return Err(Denial::TokenExpired);
        }
        Ok(claims)
    }
}

#[cfg(test)]
mod tests;
