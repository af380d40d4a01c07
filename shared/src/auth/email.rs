//! An email address as the name of an account.
//!
//! Deliberately absent: proof that the address receives mail.

use std::fmt;
use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

use crate::{Error, Result};

/// A plausible address in the form accounts are compared in: NFC, lower case, no surrounding space.
///
/// The local part is lower-cased too. RFC 5321 lets a host tell `Ann@` from `ann@`; none does, and two accounts that
/// differ in case alone would be a trap.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Email(String);

/// Longest address, in bytes (RFC 5321, 4.5.3.1.3 less the angle brackets).
const MAX: usize = 254;
/// Longest local part, in bytes (RFC 5321, 4.5.3.1.1).
const MAX_LOCAL: usize = 64;

impl Email {
    /// The normalised address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("`email` is not an email address.");
        if text.len() > 2 * MAX {
            return Err(wrong());
        }
        let address: String = text.trim().nfc().collect::<String>().to_lowercase();
        let (local, domain) = address.rsplit_once('@').ok_or_else(wrong)?;
        let plain = |c: char| c.is_alphanumeric() || (c.is_ascii_graphic() && !r#"@"(),:;<>[\]"#.contains(c));
        let local_fine = (1..=MAX_LOCAL).contains(&local.len())
            && local.chars().all(plain)
            && local.split('.').all(|atom| !atom.is_empty());
        let label_fine = |label: &str| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let domain_fine = domain.contains('.') && domain.split('.').all(label_fine);
        if address.len() <= MAX && local_fine && domain_fine { Ok(Self(address)) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Email {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// Shows nothing of the address: logs carry user ids instead.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<email>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_address_are_one_account() {
        let email = |text: &str| text.parse::<Email>().unwrap();
        assert_eq!(email(" Ann.Lee+news@Example.COM "), email("ann.lee+news@example.com"));
        assert_eq!(email("jose\u{301}@example.com"), email("jos\u{e9}@example.com"));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@example",
            "ann@.com",
            "ann@-a.com",
            "a b@example.com",
            "ann@exa mple.com",
            ".ann@example.com",
            "ann..lee@example.com",
            "ann@example.com\0",
            "a\u{202e}b@example.com",
            "ann@b@example.com",
            "ann@example.com\r\nBcc: x@example.com",
        ] {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
        assert!(format!("{}@example.com", "a".repeat(65)).parse::<Email>().is_err());
        assert!(format!("a@{}.com", "a.".repeat(130)).parse::<Email>().is_err());
    }

    proptest! {
        #[test]
        fn normal_form_is_a_fixed_point(text in "\\PC{0,80}") {
            if let Ok(email) = text.parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>().unwrap(), email);
            }
        }
    }
}
