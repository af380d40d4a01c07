//! What a room is (`META`) as far as its text goes, and the snapshots that shorten its log.
//!
//! | attribute of `META` | value |
//! |---|---|
//! | `epoch` | changes when the room's history is another one: clients then start anew |
//! | `snapSeq` | the last rev that the snapshot holds; 0 without one |
//! | `snapGen`, `snapId` | which attempt at a snapshot holds: generation and a random number; 0 without one |
//! | `snapParts`, `snapSha` | how many parts it has, and the SHA-256 of all of it |
//! | `lease`, `leaseUntil` | who makes the next snapshot, until when in seconds: saves work, guards nothing |
//! | `deleted` | when the room was deleted, in seconds |

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{EXPIRES, Key, PK, SK};
use super::pages::Span;
use super::{Item, Store, corrupt, failed, n, number, room_log, text};
use crate::clock::Timestamp;
use crate::rooms::{Attempt, Entry, Rev};
use crate::{Error, Result, RoomId};

/// Largest part of a snapshot, in bytes: an item has at most 400 KB.
pub const PART: usize = 350_000;
/// Longest run of pages that one reading follows.
const PAGES: usize = 64;

/// `META`, as far as the text goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Which history it is.
    pub epoch: u64,
    /// The last rev that the snapshot holds; 0 without one.
    pub rev: Rev,
    /// The snapshot that holds; generation 0 without one.
    pub attempt: Attempt,
    /// How many parts it has.
    pub parts: usize,
    /// The SHA-256 of all of it.
    pub sha: Vec<u8>,
    /// Whether the room was deleted.
    pub deleted: bool,
}

/// All that a text is made of, as it was read.
#[derive(Debug)]
pub struct Read {
    /// What the room is.
    pub meta: Meta,
    /// The log, in order; entries that the snapshot holds may still be there.
    pub entries: Vec<Entry>,
    /// Parts of snapshots, also of such that do not hold.
    pub parts: BTreeMap<Attempt, BTreeMap<usize, Vec<u8>>>,
}

impl Read {
    /// The snapshot that holds, empty without one; `None` if its parts were removed while this was read.
    ///
    /// # Errors
    /// `Internal` if it is not what was written.
    pub fn snapshot(&self) -> Result<Option<Vec<u8>>> {
        if self.meta.attempt.generation == 0 {
            return Ok(Some(Vec::new()));
        }
        let Some(parts) = self.parts.get(&self.meta.attempt).filter(|parts| parts.len() == self.meta.parts) else {
            return Ok(None);
        };
        let snapshot: Vec<u8> = parts.values().flatten().copied().collect();
        if sha(&snapshot) != self.meta.sha {
            return Err(Error::internal("a snapshot is not what was written"));
        }
        Ok(Some(snapshot))
    }
}

/// The SHA-256 of a snapshot.
pub fn sha(snapshot: &[u8]) -> Vec<u8> {
    digest(&SHA256, snapshot).as_ref().to_vec()
}

/// What `META` has from the start, for the item that makes a room.
pub fn new_meta(epoch: u64) -> Item {
    let zero = |name: &str| (name.to_owned(), n(0));
    Item::from([("epoch".to_owned(), n(epoch)), zero("snapSeq"), zero("snapGen"), zero("snapId"), zero("snapParts")])
}

/// Reads log, `META` and snapshot in one strongly consistent query, a page per MB; `None` if there is no such room.
pub async fn read(store: &Store, room: RoomId) -> Result<Option<Read>> {
    let (partition, first, last) = Key::room_text(room);
    let (mut meta, mut entries, mut parts) = (None, Vec::new(), BTreeMap::<_, BTreeMap<_, _>>::new());
    let pages = store.pages(store.rooms()?, partition, Span::Between(first, last));
    let mut pages = pages.at_most(PAGES, "a room's log is longer than one reading");
    while let Some(items) = pages.next().await? {
        for item in items {
            let sk = text(&item, SK)?;
            if Key::room_rev(sk).is_some() {
                entries.push(room_log::parse(&item)?);
            } else if let Some((attempt, part)) = Key::room_attempt(sk) {
                parts.entry(attempt).or_default().insert(part, blob(&item, "d")?);
            } else if sk == Key::room(room).sk() {
                meta = Some(parse(&item)?);
            }
        }
    }
    Ok(meta.map(|meta| Read { meta, entries, parts }))
}

/// Only `META`, strongly consistent.
pub async fn meta(store: &Store, room: RoomId) -> Result<Option<Meta>> {
    let request = store.client.get_item().table_name(store.rooms()?).set_key(Some(Key::room(room).attributes()));
    request.consistent_read(true).send().await.map_err(failed)?.item.map(|item| parse(&item)).transpose()
}

/// Takes the lease for the next snapshot; false if somebody has it, or there is no such room.
pub async fn lease(store: &Store, room: RoomId, id: u64, now: Timestamp, until: Timestamp) -> Result<bool> {
    let request = store
        .client
        .update_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::room(room).attributes()))
        .update_expression("SET lease = :id, leaseUntil = :until")
        .condition_expression(format!(
            "attribute_exists({PK}) AND attribute_not_exists(deleted) \
             AND (attribute_not_exists(leaseUntil) OR leaseUntil <= :now)"
        ))
        .expression_attribute_values(":id", n(id))
        .expression_attribute_values(":until", n(until.secs()))
        .expression_attribute_values(":now", n(now.secs()));
    held(request.send().await)
}

/// Gives the lease back; somebody else's stays.
pub async fn release(store: &Store, room: RoomId, id: u64) -> Result<()> {
    let request = store
        .client
        .update_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::room(room).attributes()))
        .update_expression("REMOVE lease, leaseUntil")
        .condition_expression("lease = :id")
        .expression_attribute_values(":id", n(id));
    held(request.send().await).map(drop)
}

/// Writes one part of an attempt.
pub async fn put_part(store: &Store, room: RoomId, attempt: &Attempt, part: usize, bytes: &[u8]) -> Result<()> {
    let mut item = Key::room_part(room, attempt, part).attributes();
    item.insert("d".to_owned(), AttributeValue::B(bytes.to_vec().into()));
    let request = store.client.put_item().table_name(store.rooms()?).set_item(Some(item));
    request.send().await.map(drop).map_err(failed)
}

/// An attempt as the table has it, strongly consistent.
pub async fn parts(store: &Store, room: RoomId, attempt: &Attempt) -> Result<Vec<u8>> {
    let (partition, prefix) = Key::room_parts(room, attempt);
    let pages = store.pages(store.rooms()?, partition, Span::Prefix(&prefix));
    let mut pages = pages.at_most(PAGES, "a snapshot is longer than one reading");
    let mut snapshot = Vec::new();
    while let Some(items) = pages.next().await? {
        for item in items {
            snapshot.extend(blob(&item, "d")?);
        }
    }
    Ok(snapshot)
}

/// Makes an attempt the snapshot that holds, if `old` still does; false if not.
pub async fn flip(store: &Store, room: RoomId, old: &Meta, new: &Meta) -> Result<bool> {
    let request = store
        .client
        .update_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::room(room).attributes()))
        .update_expression(
            "SET snapSeq = :rev, snapGen = :gen, snapId = :id, snapParts = :parts, snapSha = :sha \
             REMOVE lease, leaseUntil",
        )
        .condition_expression("snapGen = :oldGen AND snapId = :oldId AND attribute_not_exists(deleted)")
        .expression_attribute_values(":rev", n(new.rev))
        .expression_attribute_values(":gen", n(new.attempt.generation))
        .expression_attribute_values(":id", n(new.attempt.id))
        .expression_attribute_values(":parts", n(new.parts))
        .expression_attribute_values(":sha", AttributeValue::B(new.sha.clone().into()))
        .expression_attribute_values(":oldGen", n(old.attempt.generation))
        .expression_attribute_values(":oldId", n(old.attempt.id));
    held(request.send().await)
}

/// Removes one part of an attempt that does not hold.
pub async fn remove_part(store: &Store, room: RoomId, attempt: &Attempt, part: usize) -> Result<()> {
    let key = Key::room_part(room, attempt, part).attributes();
    store.client.delete_item().table_name(store.rooms()?).set_key(Some(key)).send().await.map(drop).map_err(failed)
}

/// Marks a room as deleted; false if there is none.
pub async fn delete(store: &Store, room: RoomId, now: Timestamp) -> Result<bool> {
    let request = store
        .client
        .update_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::room(room).attributes()))
        .update_expression("SET deleted = if_not_exists(deleted, :now)")
        .condition_expression(format!("attribute_exists({PK})"))
        .expression_attribute_values(":now", n(now.secs()));
    held(request.send().await)
}

/// Lets everything in a deleted room's partition expire, `META` last: then a second try finds what the first one left.
pub async fn expire(store: &Store, room: RoomId, at: Timestamp) -> Result<()> {
    let own = Key::room(room);
    let mut pages = store.pages(store.rooms()?, Key::room_items(room), Span::All).only(format!("{PK}, {SK}"));
    while let Some(items) = pages.next().await? {
        for item in items {
            if text(&item, SK)? != own.sk() {
                expire_one(store, item, at).await?;
            }
        }
    }
    expire_one(store, own.attributes(), at).await
}

async fn expire_one(store: &Store, key: Item, at: Timestamp) -> Result<()> {
    let request = store
        .client
        .update_item()
        .table_name(store.rooms()?)
        .set_key(Some(key))
        .update_expression(format!("SET {EXPIRES} = :at"))
        .condition_expression(format!("attribute_exists({PK})"))
        .expression_attribute_values(":at", n(at.secs()));
    held(request.send().await).map(drop)
}

/// Whether an update's condition held.
fn held<T>(result: Result<T, aws_sdk_dynamodb::error::SdkError<UpdateItemError>>) -> Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(error)),
        },
    }
}

fn parse(item: &Item) -> Result<Meta> {
    let attempt = Attempt { generation: number(item, "snapGen")?, id: number(item, "snapId")? };
    Ok(Meta {
        epoch: number(item, "epoch")?,
        rev: number(item, "snapSeq")?,
        parts: number(item, "snapParts")?,
        sha: if attempt.generation == 0 { Vec::new() } else { blob(item, "snapSha")? },
        deleted: item.contains_key("deleted"),
        attempt,
    })
}

fn blob(item: &Item, name: &'static str) -> Result<Vec<u8>> {
    let value = item.get(name).and_then(|value| value.as_b().ok()).ok_or_else(|| corrupt(name))?;
    Ok(value.as_ref().to_vec())
}
