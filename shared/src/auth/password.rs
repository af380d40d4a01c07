//! Passwords: what is accepted, how they are stored and compared.
//!
//! Argon2id with m = 19,456 KiB, t = 2, p = 1 (OWASP Password Storage Cheat Sheet; ASVS 5.0 appendix C). NIST
//! SP 800-63B-4 asks for 15 characters where the password is the only factor, and for no rules of composition.

use std::fmt;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{CustomizedPasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization as _;

use crate::error::Invalid;
use crate::random::Random;
use crate::{Error, Result, Secret};

/// Longest password, in bytes of UTF-8: more is refused before any hashing.
pub const MAX_BYTES: usize = 256;

const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Leaked passwords that attackers try first, in byte order.
static COMMON: &str = include_str!("common_passwords.txt");

/// A password as a client sent it, in NFKC so that every keyboard spells it the same way.
#[derive(Clone, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Password(Secret);

impl TryFrom<String> for Password {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(weak(format!("A password has at most {MAX_BYTES} bytes.")));
        }
        Ok(Self(Secret::new(text.nfkc().collect::<String>())))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<password>")
    }
}

impl Password {
    fn text(&self) -> &str {
        self.0.expose()
    }

    /// Refuses a new password that is short, common or made of a pattern.
    ///
    /// # Errors
    /// `Invalid` with code WEAK_PASSWORD.
    pub fn check_strength(&self, min_length: usize) -> Result<()> {
        let length = self.text().chars().count();
        if length < min_length {
            return Err(weak(format!("A password has at least {min_length} characters; this one has {length}.")));
        }
        if is_common(self.text()) {
            return Err(weak("This password is among the first that attackers try: choose another.".to_owned()));
        }
        Ok(())
    }

    /// The PHC string to store.
    ///
    /// # Errors
    /// `Internal` if there is no memory or no randomness.
    pub fn hash(&self, random: &Random) -> Result<String> {
        let salt: [u8; 16] = random.bytes()?;
        Ok(hasher()?
            .hash_password_customized(self.text().as_bytes(), &salt, None, None, params()?)
            .map_err(internal)?
            .to_string())
    }

    /// Whether this is the password behind `stored`. An unknown account has nothing stored: the same work is done,
    /// so that the time tells nothing.
    ///
    /// # Errors
    /// `Internal` if `stored` is no PHC string.
    pub fn matches(&self, stored: Option<&str>) -> Result<bool> {
        /// The hash of a password that nobody has: 256 bits that were thrown away.
        const NOBODY: &str =
            "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1ubw$95jUDg3lUQSxcfvgKrAbHDBZMu3lMEW9LCFlret2ZNA";
        let hash = PasswordHash::new(stored.unwrap_or(NOBODY)).map_err(internal)?;
        let same = hasher()?.verify_password(self.text().as_bytes(), &hash).is_ok();
        Ok(same && stored.is_some())
    }
}

/// Whether `stored` was made with other parameters than today's, so that the next sign-in should replace it.
pub fn is_outdated(stored: &str) -> bool {
    !stored.starts_with(&format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"))
}

fn params() -> Result<Params> {
    Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::internal(error.to_string()))
}

fn hasher() -> Result<Argon2<'static>> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params()?))
}

fn internal(error: impl fmt::Display) -> Error {
    Error::internal(error.to_string())
}

fn weak(message: String) -> Error {
    Error::Invalid { code: Invalid::WeakPassword, message }
}

/// In the list, in the list with digits and signs around it, or one short pattern over and over.
fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    // A long passphrase that happens to end in a digit keeps its core; only a core that is itself listed is refused.
    listed(&lower) || (core.len() >= 4 && listed(core)) || repeats(&lower) || runs(&lower) || zigzags(&lower)
}

fn listed(word: &str) -> bool {
    static LINES: std::sync::LazyLock<Vec<&str>> =
        std::sync::LazyLock::new(|| COMMON.lines().filter(|line| !line.starts_with('#')).collect());
    LINES.binary_search(&word).is_ok()
}

/// `abcabcabcabcabc`: a unit of up to a third of the length (at most 8 characters), or any listed word, repeated.
fn repeats(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    (1..=chars.len() / 2).any(|unit| {
        let repeated = chars.iter().enumerate().all(|(i, c)| *c == chars[i % unit]);
        repeated && (unit <= 8 || listed(&chars[..unit].iter().collect::<String>()))
    })
}

/// `123456789012345` or `abcdefghijklmno`: most steps lead to a neighbour in the alphabet, the digits or a keyboard row.
fn runs(text: &str) -> bool {
    const ROWS: [&str; 4] = ["01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjklzxcvbnm"];
    let neighbours = |a: char, b: char| {
        a == b
            || ROWS.iter().any(|row| {
                let pair: String = [a, b].into_iter().collect();
                let back: String = [b, a].into_iter().collect();
                row.contains(&pair) || row.contains(&back)
            })
    };
    let chars: Vec<char> = text.chars().collect();
    let steps = chars.len().saturating_sub(1);
    let close = chars.windows(2).filter(|pair| neighbours(pair[0], pair[1])).count();
    steps > 0 && close * 5 >= steps * 4
}

/// `1q2w3e4r5t6y7u8`: two runs, woven into each other.
fn zigzags(text: &str) -> bool {
    let strand = |from| text.chars().skip(from).step_by(2).collect::<String>();
    runs(&strand(0)) && runs(&strand(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn password(text: &str) -> Password {
        Password::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn row_22_common_passwords_are_refused() {
        for common in [
            "123456789012345",
            "passwordpassword",
            "password1234567",
            "qwertyuiopasdfgh",
            "aaaaaaaaaaaaaaa",
            "abcabcabcabcabc",
            "1q2w3e4r5t6y7u8i9o0p",
            "PASSWORD!!!!!!!",
            "123456789987654321",
            "iloveyou1234567",
        ] {
            let refused = password(common).check_strength(15).map_err(|error| error.code());
            assert_eq!(refused, Err("WEAK_PASSWORD"), "{common}");
        }
        for fine in
            ["correct horse battery staple", "a quiet lake at dawn 7", "Дом у озера на холме", "tr0ub4dor&3 xylophone"]
        {
            password(fine).check_strength(15).unwrap();
        }
    }

    #[test]
    fn the_list_is_sorted_and_long_enough() {
        let words: Vec<_> = COMMON.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(words.len() >= 3_000);
        assert!(words.is_sorted());
        assert!(words.iter().all(|word| word.to_lowercase() == *word));
    }

    #[test]
    fn row_19_length_is_counted_in_characters_and_bounded_in_bytes() {
        assert!(password("fourteen chars").check_strength(15).is_err());
        password("é à ü ö ñ ç å ê").check_strength(15).unwrap();
        assert!(Password::try_from("x".repeat(256)).is_ok());
        assert_eq!(Password::try_from("x".repeat(257)).unwrap_err().code(), "WEAK_PASSWORD");
        assert!(Password::try_from("x".repeat(1_000_000)).is_err());
    }

    #[test]
    fn row_19_nothing_is_cut_off() {
        let random = Random::system();
        let stored = password(&format!("{}a", "x".repeat(200))).hash(&random).unwrap();
        assert!(!password(&format!("{}b", "x".repeat(200))).matches(Some(&stored)).unwrap());
        let stored = password("before\0after the zero").hash(&random).unwrap();
        assert!(!password("before\0another ending").matches(Some(&stored)).unwrap());
        assert!(password("before\0after the zero").matches(Some(&stored)).unwrap());
    }

    #[test]
    fn row_19_one_password_in_two_normal_forms() {
        let stored = password("caf\u{e9} au lait au lit").hash(&Random::system()).unwrap();
        assert!(password("cafe\u{301} au lait au lit").matches(Some(&stored)).unwrap());
    }

    #[test]
    fn an_unknown_account_never_matches() {
        assert!(!password("whatever it is, no").matches(None).unwrap());
    }

    #[test]
    fn old_parameters_are_noticed() {
        assert!(!is_outdated(&password("correct horse battery").hash(&Random::system()).unwrap()));
        assert!(is_outdated("$argon2id$v=19$m=4096,t=3,p=1$c2FsdHNhbHQ$aGFzaA"));
    }

    proptest! {
        #[test]
        fn row_19_any_text_is_judged_without_panic(text in "\\PC{0,300}") {
            if let Ok(password) = Password::try_from(text) {
                let _ = password.check_strength(15);
            }
        }
    }
}
