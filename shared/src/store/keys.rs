//! The only place that builds DynamoDB keys.
//!
//! | table | pk | sk | item |
//! |---|---|---|---|
//! | Identity | `E#<email>` | `@` | credentials: uid, PHC string |
//! | Identity | `U#<uid>` | `@` | user |
//! | Identity | `U#<uid>` | `S#<sid>` | session: a family of refresh tokens |
//! | Identity | `U#<uid>` | `K#<key id>` | API key |
//! | Identity | `KEYS` | `@` | public signing keys |
//! | Ephemeral | `A#<uid>` | `<address>` | an address the user signed in from |
//! | Ephemeral | `A#<uid>` | `K#<key id>` | when an API key was last in use |
//! | Ephemeral | `C#<tenant>#<operation>#<hash>` | `@` | cached answer, or the claim of whoever asks for it |
//! | Ephemeral | `I#<uid>#<route>#<hash>` | `@` | claim on a request with an idempotency key |
//! | Ephemeral | `M#<tenant>#<month>` | `@` | ledger: totals and live leases |
//! | Ephemeral | `M#<tenant>#<month>` | `U#<uid>#<day>#<operation>#<model>` | usage |
//! | Vectors | `J#<tenant>#<job>` | `@` | a job that indexes in the background |
//! | Vectors | `J#<tenant>#<job>` | `P#<part>` | documents that it has still to index |
//! | Vectors | `V#<tenant>#<namespace>` | `@` | a namespace: version, epoch, counts |
//! | Vectors | `V#<tenant>#<namespace>` | `D#<key>` | a document, its text, vectors and words |
//! | Vectors | `V#<tenant>#<namespace>` | `L#<version>` | which documents a version changed |
//! | Ephemeral | `L#<action>#<quota>#<window ms>#<subject>` | `@` | rate-limit log |
//! | Ephemeral | `RC#<room>` | `<connection id>` | connection that has joined |
//! | Ephemeral | `T#<hash>` | `@` | ticket for a room |
//! | Rooms | `U#<uid>` | `R#<room>` | membership: role, and the room's name |
//! | Rooms | `R#<room>` | `M#<uid>` | the same, as the room has it |
//! | Rooms | `R#<room>` | `META` | room: owner and name; which snapshot holds |
//! | Rooms | `R#<room>` | `L#<rev, 12 digits>` | entry of the log |
//! | Rooms | `R#<room>` | `S#<generation, 8 digits>#<attempt>#<part, 2 digits>` | part of a snapshot |
//! | Rooms | `R#<room>` | `Q#<rev, 12 digits>` | entry that a snapshot could not take in |
//! | Rooms | `R#<room>` | `K#<client id>` | whose a client id is |

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::auth::Email;
use crate::budget::Row;
use crate::cache;
use crate::calendar::Month;
use crate::idempotency::Name;
use crate::limits::{ClientIp, Quota, Subject};
use crate::rooms::{Attempt, Cid, Rev};
use crate::search::document;
use crate::search::namespace::Namespace;
use crate::sockets::ConnectionId;
use crate::ticket;
use crate::{JobId, KeyId, RoomId, SessionId, TenantId, UserId};

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// The attribute that DynamoDB's time to live reads, in epoch seconds.
pub const EXPIRES: &str = "ex";

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    pk: String,
    sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    /// The credentials behind an email address.
    pub fn credentials(email: &Email) -> Self {
        Self::new(format!("E#{}", email.as_str()), "@")
    }

    /// A user.
    pub fn user(user: UserId) -> Self {
        Self::new(format!("U#{user}"), "@")
    }

    /// A session of a user.
    pub fn session(user: UserId, session: SessionId) -> Self {
        Self::new(format!("U#{user}"), format!("S#{session}"))
    }

    /// An API key of a user.
    pub fn api_key(user: UserId, key: KeyId) -> Self {
        Self::new(format!("U#{user}"), format!("K#{key}"))
    }

    /// The partition of a user's API keys, and what their sort keys start with.
    pub fn api_keys(user: UserId) -> (String, &'static str) {
        (format!("U#{user}"), "K#")
    }

    /// The note of an API key's last use.
    pub fn key_use(user: UserId, key: KeyId) -> Self {
        Self::new(format!("A#{user}"), format!("K#{key}"))
    }

    /// The partition of these notes, and what their sort keys start with.
    pub fn key_uses(user: UserId) -> (String, &'static str) {
        (format!("A#{user}"), "K#")
    }

    /// The public signing keys.
    pub fn signing_keys() -> Self {
        Self::new("KEYS".to_owned(), "@")
    }

    /// An address that a user signed in from.
    pub fn known_address(user: UserId, ip: ClientIp) -> Self {
        Self::new(format!("A#{user}"), ip.to_string())
    }

    /// The claim on a request with an idempotency key.
    pub fn idempotency(name: &Name) -> Self {
        let Name { user, route, key } = name;
        Self::new(format!("I#{user}#{route}#{key}"), "@")
    }

    /// A cached answer, or the claim of whoever asks for it.
    pub fn cached(key: &cache::Key) -> Self {
        Self::new(format!("C#{}#{}#{}", key.tenant(), key.operation(), key.name()), "@")
    }

    /// A rate-limit log. Quota and window are part of the key: a change of settings starts a new log, because a log
    /// of another length has another meaning.
    pub fn limit(quota: &Quota, subject: &Subject) -> Self {
        let Quota { policy, limit, window } = quota;
        Self::new(format!("L#{policy}#{limit}#{}#{subject}", window.as_millis()), "@")
    }

    /// The ledger of a tenant's month.
    pub fn ledger(tenant: TenantId, month: Month) -> Self {
        Self::new(format!("M#{tenant}#{month}"), "@")
    }

    /// A row of usage, beside its ledger.
    pub fn usage(tenant: TenantId, month: Month, row: &Row) -> Self {
        let Row { user, day, operation, model } = row;
        Self::new(format!("M#{tenant}#{month}"), format!("U#{user}#{day:02}#{operation}#{model}"))
    }

    /// The partition with a month's usage, and how its rows' sort keys begin: all of them, or one user's.
    pub fn usage_of(tenant: TenantId, month: Month, user: Option<UserId>) -> (String, String) {
        (format!("M#{tenant}#{month}"), user.map_or_else(|| "U#".to_owned(), |user| format!("U#{user}#")))
    }

    /// Which row of usage a sort key names.
    pub fn usage_row(sk: &str) -> Option<Row> {
        let mut parts = sk.strip_prefix("U#")?.splitn(4, '#');
        Some(Row {
            user: parts.next()?.parse().ok()?,
            day: parts.next()?.parse().ok()?,
            operation: parts.next()?.to_owned(),
            model: parts.next()?.to_owned(),
        })
    }

    /// A connection that has joined a room.
    pub fn connection(room: RoomId, connection: &ConnectionId) -> Self {
        Self::new(Self::connections(room), connection.as_str())
    }

    /// The partition of a room's connections.
    pub fn connections(room: RoomId) -> String {
        format!("RC#{room}")
    }

    /// A ticket.
    pub fn ticket(hash: &ticket::Hash) -> Self {
        Self::new(format!("T#{hash}"), "@")
    }

    /// A user's membership.
    pub fn membership(user: UserId, room: RoomId) -> Self {
        Self::new(format!("U#{user}"), format!("R#{room}"))
    }

    /// The partition of a user's memberships, and what their sort keys start with.
    pub fn memberships(user: UserId) -> (String, &'static str) {
        (format!("U#{user}"), "R#")
    }

    /// A member, as the room has it.
    pub fn room_member(room: RoomId, user: UserId) -> Self {
        Self::new(format!("R#{room}"), format!("M#{user}"))
    }

    /// The partition of a room, and what the sort keys of its members start with.
    pub fn room_members(room: RoomId) -> (String, &'static str) {
        (format!("R#{room}"), "M#")
    }

    /// A namespace of searchable documents.
    pub fn vectors(place: &Namespace) -> Self {
        Self::new(partition(place), "@")
    }

    /// A searchable document.
    pub fn document(place: &Namespace, key: document::Key) -> Self {
        Self::new(partition(place), format!("D#{key}"))
    }

    /// The partition of a namespace's documents, and what their sort keys start with.
    pub fn documents(place: &Namespace) -> (String, &'static str) {
        (partition(place), "D#")
    }

    /// Which document a sort key names.
    pub fn document_key(sk: &str) -> Option<document::Key> {
        sk.strip_prefix("D#")?.parse().ok()
    }

    /// What one version of a namespace changed.
    pub fn change(place: &Namespace, version: u64) -> Self {
        Self::new(partition(place), change_of(version))
    }

    /// The partition of these, and the sort keys of the first and the last version.
    pub fn changes(place: &Namespace, first: u64, last: u64) -> (String, [String; 2]) {
        (partition(place), [first, last].map(change_of))
    }

    /// A job that indexes in the background.
    pub fn job(tenant: TenantId, job: JobId) -> Self {
        Self::new(format!("J#{tenant}#{job}"), "@")
    }

    /// Documents that it has still to index.
    pub fn job_part(tenant: TenantId, job: JobId, part: usize) -> Self {
        Self::new(format!("J#{tenant}#{job}"), format!("P#{part:06}"))
    }

    /// The partition of these parts, and what their sort keys start with.
    pub fn job_parts(tenant: TenantId, job: JobId) -> (String, &'static str) {
        (format!("J#{tenant}#{job}"), "P#")
    }

    /// Which part a sort key names.
    pub fn part_number(sk: &str) -> Option<usize> {
        sk.strip_prefix("P#")?.parse().ok()
    }

    /// What a room is.
    pub fn room(room: RoomId) -> Self {
        Self::new(format!("R#{room}"), "META")
    }

    /// An entry of a room's log.
    pub fn room_entry(room: RoomId, rev: Rev) -> Self {
        Self::new(format!("R#{room}"), format!("L#{rev:012}"))
    }

    /// The partition of a room, and the sort keys from the entry of `from` to the last one.
    pub fn room_entries(room: RoomId, from: Rev) -> (String, String, &'static str) {
        (format!("R#{room}"), format!("L#{from:012}"), "L#~")
    }

    /// The partition of a room, and the sort keys from its first entry through `META` to the last snapshot's end: all
    /// that its text is made of.
    pub fn room_text(room: RoomId) -> (String, &'static str, &'static str) {
        (format!("R#{room}"), "L#", "S#~")
    }

    /// The partition of everything that a room has.
    pub fn room_items(room: RoomId) -> String {
        format!("R#{room}")
    }

    /// Which entry a sort key names.
    pub fn room_rev(sk: &str) -> Option<Rev> {
        sk.strip_prefix("L#")?.parse().ok()
    }

    /// A part of an attempt at a snapshot.
    pub fn room_part(room: RoomId, attempt: &Attempt, part: usize) -> Self {
        let Attempt { generation, id } = attempt;
        Self::new(format!("R#{room}"), format!("S#{generation:08}#{id:016x}#{part:02}"))
    }

    /// The partition of a room, and what the sort keys of an attempt's parts start with.
    pub fn room_parts(room: RoomId, attempt: &Attempt) -> (String, String) {
        let Attempt { generation, id } = attempt;
        (format!("R#{room}"), format!("S#{generation:08}#{id:016x}#"))
    }

    /// Which attempt a sort key names, and which part of it.
    pub fn room_attempt(sk: &str) -> Option<(Attempt, usize)> {
        let mut parts = sk.strip_prefix("S#")?.splitn(3, '#');
        let generation = parts.next()?.parse().ok()?;
        let id = u64::from_str_radix(parts.next()?, 16).ok()?;
        Some((Attempt { generation, id }, parts.next()?.parse().ok()?))
    }

    /// An entry that a snapshot could not take in.
    pub fn room_quarantine(room: RoomId, rev: Rev) -> Self {
        Self::new(format!("R#{room}"), format!("Q#{rev:012}"))
    }

    /// Whose a client id is.
    pub fn room_cid(room: RoomId, cid: Cid) -> Self {
        Self::new(format!("R#{room}"), format!("K#{cid}"))
    }

    /// The sort key, which tells the items of one partition apart.
    pub fn sk(&self) -> &str {
        &self.sk
    }

    /// The key as the SDK takes it.
    pub fn attributes(self) -> HashMap<String, AttributeValue> {
        HashMap::from([(PK.to_owned(), AttributeValue::S(self.pk)), (SK.to_owned(), AttributeValue::S(self.sk))])
    }
}

fn partition(place: &Namespace) -> String {
    format!("V#{}#{}", place.tenant(), place.name())
}

/// As many digits as versions can have, so that their order is the order of texts.
fn change_of(version: u64) -> String {
    format!("L#{version:020}")
}
