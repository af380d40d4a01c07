//! The only source of randomness, and the identifiers made of it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::{Error, Result};

/// A source of random bytes.
#[derive(Debug, Clone)]
pub struct Random(Source);

#[derive(Debug, Clone)]
enum Source {
    System(SystemRandom),
    Seeded(Arc<AtomicU64>),
}

impl Random {
    /// The operating system's generator, through aws-lc.
    pub fn system() -> Self {
        Self(Source::System(SystemRandom::new()))
    }

    /// The same numbers for the same seed, for simulations; its clones share one sequence. Guards nothing.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(AtomicU64::new(seed))))
    }

    /// Begins a seeded sequence anew, for all clones; does nothing to the system's generator.
    pub fn restart(&self, seed: u64) {
        if let Source::Seeded(state) = &self.0 {
            state.store(seed, Ordering::SeqCst);
        }
    }

    /// `N` unpredictable bytes.
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        match &self.0 {
            Source::System(system) => {
                system.fill(&mut bytes).map_err(|_| Error::internal("the random generator failed"))?;
            }
            Source::Seeded(state) => {
                for chunk in bytes.chunks_mut(8) {
                    chunk.copy_from_slice(&split_mix(state).to_le_bytes()[..chunk.len()]);
                }
            }
        }
        Ok(bytes)
    }

    /// A fresh identifier.
    pub fn id<T: From<[u8; 16]>>(&self) -> Result<T> {
        Ok(T::from(self.bytes()?))
    }
}

/// The next number of SplitMix64 (Steele, Lea, Flood 2014).
fn split_mix(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut z = state.fetch_add(STEP, Ordering::SeqCst).wrapping_add(STEP);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Declares a 128-bit random identifier that is written as 32 lower-case hexadecimal digits.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// The raw bytes.
            pub const fn bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl From<[u8; 16]> for $name {
            fn from(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
        }

        impl FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// One account.
    UserId
);
id!(
    /// The tenant that owns data; every registered user gets one of its own.
    TenantId
);
id!(
    /// One API key.
    KeyId
);
id!(
    /// One login: a family of refresh tokens.
    SessionId
);
id!(
    /// One job in the background.
    JobId
);
id!(
    /// One reservation of money.
    LeaseId
);
id!(
    /// One uploaded image.
    UploadId
);
id!(
    /// One room: a text that several people edit.
    RoomId
);

fn parse_hex(text: &str) -> Result<[u8; 16]> {
    let digits = text.as_bytes();
    let valid = digits.len() == 32 && digits.iter().all(|d| matches!(d, b'0'..=b'9' | b'a'..=b'f'));
    if !valid {
        return Err(Error::invalid("An id is 32 lower-case hexadecimal digits."));
    }
    let value = |digit: u8| if digit <= b'9' { digit - b'0' } else { digit - b'a' + 10 };
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0]) << 4 | value(pair[1]);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself() {
        let numbers = |seed| {
            let random = Random::seeded(seed);
            [random.bytes::<16>().unwrap(), random.clone().bytes::<16>().unwrap()]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
        assert_ne!(numbers(1)[0], numbers(1)[1]);
    }

    #[test]
    fn an_id_survives_its_text() {
        let id: UserId = Random::system().id().unwrap();
        assert_eq!(id.to_string().parse::<UserId>().unwrap(), id);
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn other_texts_are_no_ids() {
        for text in ["", "00", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef0123456789abcdeg", "é"] {
            assert!(text.parse::<UserId>().is_err(), "{text}");
        }
    }
}
