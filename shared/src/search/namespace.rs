//! Where a tenant's documents live: the only way to name a place in a store.
//!
//! A [`Namespace`] is made of the caller's tenant, which nothing in a request can change, and of a name that the request
//! may choose. No name reaches beyond its tenant: the tenant comes first, has a fixed length, and a name has no `#`.

use std::fmt;

use serde::Deserialize;

use crate::{Error, Result, TenantId};

/// A name that a caller gives to a part of the documents: 1 to 64 of `a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Default for Name {
    /// Where documents go that no name was given for.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl TryFrom<String> for Name {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(known) {
            return Ok(Self(text));
        }
        Err(Error::invalid("A namespace has 1 to 64 characters of a-z, 0-9, _ and -."))
    }
}

/// A tenant's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    tenant: TenantId,
    name: Name,
}

impl Namespace {
    /// Of the caller's own tenant.
    pub fn new(tenant: TenantId, name: Name) -> Self {
        Self { tenant, name }
    }

    /// Whose it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The name within the tenant.
    pub fn name(&self) -> &str {
        &self.name.0
    }
}

/// `<tenant>.<name>`, as stores know it.
impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.tenant, self.name.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_short_and_plain() {
        for name in ["", "A", "a b", "a#b", "a.b", "ä", &"a".repeat(65)] {
            assert_eq!(Name::try_from(name.to_owned()).unwrap_err().code(), "INVALID_REQUEST", "{name}");
        }
        assert!(Name::try_from("my-notes_2".to_owned()).is_ok());
    }

    proptest! {
        #[test]
        fn row_28_no_name_leads_to_another_tenant(a in any::<[u8; 16]>(), b in any::<[u8; 16]>(), name in "\\PC{0,80}", other in "[a-z0-9_-]{1,64}") {
            prop_assume!(a != b);
            let theirs = Namespace::new(TenantId::from(b), Name::try_from(other).unwrap()).to_string();
            if let Ok(name) = Name::try_from(name) {
                prop_assert_ne!(Namespace::new(TenantId::from(a), name).to_string(), theirs);
            }
        }
    }
}
