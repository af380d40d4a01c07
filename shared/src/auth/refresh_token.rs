//! Refresh tokens: opaque to clients, and nothing reusable is stored.
//!
//! `aurart_` and base64url of user (16 bytes), session (16), generation (4, big endian) and an HMAC-SHA-256 over these
//! and the session's nonce. The successor of any generation can be computed again, so a client that lost the answer
//! gets the same one.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::error::Denial;
use crate::{Result, SessionId, UserId};

const PREFIX: &str = "aurart_";
const BODY: usize = 16 + 16 + 4;
const LENGTH: usize = BODY + 32;

/// A refresh token whose form is right; whether it is genuine, [`RefreshToken::is_genuine`] tells.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    bytes: [u8; LENGTH],
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("<refresh token>")
    }
}

impl RefreshToken {
    /// The token of one generation of a session.
    pub fn mint(key: &hmac::Key, user: UserId, session: SessionId, generation: u32, nonce: &[u8; 16]) -> Self {
        let mut bytes = [0; LENGTH];
        bytes[..16].copy_from_slice(user.bytes());
        bytes[16..32].copy_from_slice(session.bytes());
        bytes[32..BODY].copy_from_slice(&generation.to_be_bytes());
        let tag = hmac::sign(key, &message(&bytes, nonce));
        bytes[BODY..].copy_from_slice(tag.as_ref());
        Self { bytes }
    }

    /// Reads a client's token.
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

    /// As clients get it.
    pub fn text(&self) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.bytes))
    }

    /// Whether we minted it, for a session with this nonce. Takes the same time for every forgery.
    pub fn is_genuine(&self, key: &hmac::Key, nonce: &[u8; 16]) -> bool {
        hmac::verify(key, &message(&self.bytes, nonce), &self.bytes[BODY..]).is_ok()
    }

    /// Whose it says it is.
    pub fn user(&self) -> UserId {
        self.sixteen(0).into()
    }

    /// The session it says it belongs to.
    pub fn session(&self) -> SessionId {
        self.sixteen(16).into()
    }

    /// How many rotations came before it.
    pub fn generation(&self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|i| self.bytes[32 + i]))
    }

    fn sixteen(&self, from: usize) -> [u8; 16] {
        std::array::from_fn(|i| self.bytes[from + i])
    }
}

fn message(bytes: &[u8; LENGTH], nonce: &[u8; 16]) -> Vec<u8> {
    [b"aura refresh token v1".as_slice(), &bytes[..BODY], nonce].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, b"key")
    }

    fn token() -> RefreshToken {
        RefreshToken::mint(&key(), [1; 16].into(), [2; 16].into(), 3, &[4; 16])
    }

    #[test]
    fn a_token_survives_its_text() {
        let parsed = RefreshToken::parse(&token().text()).unwrap();
        assert_eq!(parsed, token());
        assert_eq!((parsed.user(), parsed.session(), parsed.generation()), ([1; 16].into(), [2; 16].into(), 3));
        assert!(parsed.is_genuine(&key(), &[4; 16]));
        assert!(!parsed.is_genuine(&key(), &[5; 16]));
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_a_forgery(position in 0_usize..200, byte in any::<u8>()) {
            let mut bytes = token().text().into_bytes();
            let position = position % bytes.len();
            bytes[position] = byte;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            prop_assume!(text != token().text());
            prop_assert!(RefreshToken::parse(&text).map_or(true, |t| !t.is_genuine(&key(), &[4; 16])));
        }
    }
}
