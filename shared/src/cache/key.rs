//! What an answer is kept under: everything that it depends on, and who may read it.
//!
//! A [`Key`] is a hash of tenant, permissions, operation, version and every parameter, each preceded by its length, so
//! that no two lists of parts look alike. Who builds one takes the request apart without `..`: then a new member does
//! not compile until it is part of the key. Deliberately absent: shortening or normalising of what is hashed.

use std::fmt;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

use crate::TenantId;
use crate::auth::Permission;
use crate::auth::authority::Authorized;

/// Who reads: answers are shared among those of one tenant who may do the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    tenant: TenantId,
    /// One bit per permission. It is the version of what somebody may do: who loses a permission finds nothing that was
    /// kept for those who have it.
    permissions: u32,
}

impl Reader {
    /// Somebody of `tenant` who has these permissions.
    pub fn new(tenant: TenantId, may: impl Fn(Permission) -> bool) -> Self {
        let bits = Permission::ALL.into_iter().map(|permission| u32::from(may(permission)));
        Self { tenant, permissions: bits.fold(0, |bits, bit| bits << 1 | bit) }
    }

    /// A caller: with an API key, its scopes count too.
    pub fn of(caller: &Authorized) -> Self {
        Self::new(caller.user.tenant, |permission| caller.may(permission))
    }
}

/// Names one answer, and opens it: the table sees the name alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    tenant: TenantId,
    operation: &'static str,
    name: Name,
    seal: Seal,
}

/// What the table and the warm instance know an answer by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name([u8; 32]);

#[derive(Clone, PartialEq, Eq)]
struct Seal([u8; 32]);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Key {
    /// Begins a key. `version` is whatever else an answer depends on beside its parameters: a number that is raised
    /// when answers are made or checked in another way, or a hash of the instructions that make them.
    pub fn of(reader: &Reader, operation: &'static str, version: &[u8]) -> KeyBuilder {
        let Reader { tenant, permissions } = reader;
        let builder = KeyBuilder { tenant: *tenant, operation, hash: Context::new(&SHA256) };
        let builder = builder.part(tenant.bytes()).part(&permissions.to_be_bytes());
        builder.part(operation.as_bytes()).part(version)
    }

    /// The tenant whose answer it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What was asked for; without a `#`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// What the table knows it by.
    pub fn name(&self) -> Name {
        self.name
    }

    /// What seals and opens the answer; stored nowhere.
    pub(super) fn seal(&self) -> &[u8; 32] {
        &self.seal.0
    }
}

/// A key that still gets its parameters.
#[must_use = "a key without its parameters is another one"]
#[derive(Clone)]
pub struct KeyBuilder {
    tenant: TenantId,
    operation: &'static str,
    hash: Context,
}

impl KeyBuilder {
    /// A parameter. One that is absent and one that is empty are two things: say [`Self::absent`].
    pub fn with(self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.part(name.as_bytes()).part(&[1]).part(value.as_ref())
    }

    /// A parameter that was not given.
    pub fn absent(self, name: &'static str) -> Self {
        self.part(name.as_bytes()).part(&[0])
    }

    /// A parameter that may be absent.
    pub fn maybe(self, name: &'static str, value: Option<impl AsRef<[u8]>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self.absent(name),
        }
    }

    /// A list, whose order counts.
    pub fn list<V: AsRef<[u8]>>(self, name: &'static str, values: impl IntoIterator<Item = V>) -> Self {
        let (mut items, mut count) = (Context::new(&SHA256), 0_u64);
        for value in values {
            update(&mut items, value.as_ref());
            count += 1;
        }
        self.part(name.as_bytes()).part(&count.to_be_bytes()).part(items.finish().as_ref())
    }

    /// The key.
    pub fn build(self) -> Key {
        let all = self.hash.finish();
        let derived = |purpose: &[u8]| bytes(&digest(&SHA256, &[purpose, all.as_ref()].concat()));
        let (name, seal) = (Name(derived(b"aura cache v1 name")), Seal(derived(b"aura cache v1 seal")));
        Key { tenant: self.tenant, operation: self.operation, name, seal }
    }

    fn part(mut self, bytes: &[u8]) -> Self {
        update(&mut self.hash, bytes);
        self
    }
}

fn update(hash: &mut Context, bytes: &[u8]) {
    hash.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(bytes);
}

fn bytes(digest: &Digest) -> [u8; 32] {
    std::array::from_fn(|i| digest.as_ref()[i])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn reader(tenant: u8, permissions: u32) -> Reader {
        Reader { tenant: TenantId::from([tenant; 16]), permissions }
    }

    /// Everything that a key is made of.
    type Parts = (u8, u32, bool, Vec<u8>, String, Option<String>, Vec<String>);

    fn key((tenant, permissions, operation, version, text, maybe, list): &Parts) -> Key {
        let operation = if *operation { "summarize" } else { "generate-form" };
        Key::of(&reader(*tenant, *permissions), operation, version)
            .with("text", text)
            .maybe("maybe", maybe.as_ref())
            .list("list", list)
            .build()
    }

    fn parts() -> impl Strategy<Value = Parts> {
        let short = || "[ab]{0,2}";
        let version = prop::collection::vec(0_u8..2, 0..2);
        let list = prop::collection::vec(short(), 0..3);
        (0_u8..2, 0_u32..2, any::<bool>(), version, short(), prop::option::of(short()), list)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Row 29: two keys are the same exactly if all their parts are.
        #[test]
        fn row_29_every_part_makes_another_key(one in parts(), other in parts()) {
            let (a, b) = (key(&one), key(&other));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(one == other, a.name() == b.name());
            prop_assert_eq!(one == other, a.seal() == b.seal());
        }
    }

    #[test]
    fn row_29_parts_do_not_run_into_each_other() {
        let start = || Key::of(&reader(1, 0), "op", b"1");
        let keys = [
            start().build(),
            start().with("a", "").build(),
            start().absent("a").build(),
            start().with("a", "bc").build(),
            start().with("ab", "c").build(),
            start().with("a", "b").with("c", "").build(),
            start().with("a", "b\0c").build(),
            start().list("a", [""; 0]).build(),
            start().list("a", [""]).build(),
            start().list("a", ["", ""]).build(),
            start().list("a", ["b", "c"]).build(),
            start().list("a", ["c", "b"]).build(),
            start().list("a", ["bc"]).build(),
        ];
        let names: HashSet<Name> = keys.iter().map(Key::name).collect();
        assert_eq!(names.len(), keys.len());
    }

    #[test]
    fn row_31_who_may_do_less_reads_from_elsewhere() {
        let tenant = TenantId::from([1; 16]);
        let mut readers = Vec::from([Reader::new(tenant, |_| true), Reader::new(tenant, |_| false)]);
        readers.extend(Permission::ALL.map(|lost| Reader::new(tenant, |permission| permission != lost)));
        for (i, reader) in readers.iter().enumerate() {
            assert!(!readers[..i].contains(reader), "{i}");
        }
    }

    #[test]
    fn a_key_shows_its_name_alone() {
        let key = Key::of(&reader(1, 0), "op", b"1").with("query", "canary").build();
        let shown = format!("{key:?} {}", key.name());
        assert!(!shown.contains("canary") && shown.contains("seal: Seal"), "{shown}");
        assert_eq!(key.name().to_string().len(), 64);
    }
}
