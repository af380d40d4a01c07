//! The log of a room, and the client ids of its authors. See [`crate::rooms`] for what makes it safe.
//!
//! | attribute of an entry | value |
//! |---|---|
//! | `u` | the update, as Yjs has it |
//! | `t` | when it was written, in milliseconds |
//! | `k` | `change`, `fence` (access was changed) or `close` (the room was deleted) |
//! | `by`, `sess`, `n` | user, session and the session's number of it; changes by people only |
//! | `w` | random, of the one write that made it |

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, DeleteRequest, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, WriteRequest,
};

use super::keys::{Key, PK, SK};
use super::pages::Span;
use super::{Item, Store, corrupt, failed, n, number, parsed, s, text};
use crate::clock::Timestamp;
use crate::rooms::{Cid, Entry, Kind, Name, Rev};
use crate::{Error, Result, RoomId, UserId};

/// Longest run of pages that one reading of a log follows.
const PAGES: usize = 64;

/// The answer to an append.
#[derive(Debug)]
pub enum Appended {
    /// The entry is in the log.
    Done,
    /// Another one has its place.
    Taken,
}

/// Writes an entry if its place is free: one conditional PutItem.
pub async fn append(store: &Store, room: RoomId, entry: &Entry) -> Result<Appended> {
    let request = store
        .client
        .put_item()
        .table_name(store.rooms()?)
        .set_item(Some(item(room, entry)))
        .condition_expression(format!("attribute_not_exists({PK})"))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let Err(error) = request.send().await else { return Ok(Appended::Done) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(refused)) => {
            // Our own write, whose answer the SDK did not see before it tried again.
            let there = refused.item().map(|item| number::<u64>(item, "w")).transpose()?;
            Ok(if there == Some(entry.write) { Appended::Done } else { Appended::Taken })
        }
        _ => Err(failed(error)),
    }
}

/// The first entry of a new room, as part of the transaction that makes it.
pub fn seed_put(store: &Store, room: RoomId, entry: &Entry) -> Result<TransactWriteItem> {
    let put = Put::builder()
        .table_name(store.rooms()?)
        .set_item(Some(item(room, entry)))
        .condition_expression(format!("attribute_not_exists({PK})"))
        .build()
        .map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The entries from `from` on, strongly consistent, in order. Stops after the entry that brings their updates to `most`
/// bytes.
pub async fn from(store: &Store, room: RoomId, from: Rev, most: usize) -> Result<Vec<Entry>> {
    let (partition, first, last) = Key::room_entries(room, from);
    let pages = store.pages(store.rooms()?, partition, Span::Between(&first, last));
    let mut pages = pages.at_most(PAGES, "a room's log is longer than one reading");
    let (mut entries, mut bytes) = (Vec::new(), 0);
    while let Some(items) = pages.next().await? {
        for item in items {
            if bytes >= most {
                return Ok(entries);
            }
            let entry = parse(&item)?;
            bytes += entry.update.len();
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The last entry, strongly consistent.
pub async fn last(store: &Store, room: RoomId) -> Result<Option<Entry>> {
    let (partition, first, last) = Key::room_entries(room, 0);
    let query = store
        .client
        .query()
        .table_name(store.rooms()?)
        .key_condition_expression(format!("{PK} = :room AND {SK} BETWEEN :first AND :last"))
        .expression_attribute_values(":room", s(partition))
        .expression_attribute_values(":first", s(first))
        .expression_attribute_values(":last", s(last))
        .consistent_read(true)
        .scan_index_forward(false)
        .limit(1);
    query.send().await.map_err(failed)?.items.unwrap_or_default().first().map(parse).transpose()
}

/// Removes entries that a snapshot has taken in: 25 a call. What DynamoDB leaves, the next snapshot removes.
pub async fn remove(store: &Store, room: RoomId, revs: &[Rev]) -> Result<()> {
    for revs in revs.chunks(25) {
        let delete = |rev: &Rev| {
            let key = Key::room_entry(room, *rev).attributes();
            let delete = DeleteRequest::builder().set_key(Some(key)).build().map_err(Error::internal)?;
            Ok(WriteRequest::builder().delete_request(delete).build())
        };
        let requests = revs.iter().map(delete).collect::<Result<_>>()?;
        let request = store.client.batch_write_item().request_items(store.rooms()?, requests);
        request.send().await.map_err(failed)?;
    }
    Ok(())
}

/// Keeps an entry that no snapshot can take in; it may be kept already.
pub async fn quarantine(store: &Store, room: RoomId, entry: &Entry) -> Result<()> {
    let mut kept = item(room, entry);
    kept.extend(Key::room_quarantine(room, entry.rev).attributes());
    let request = store.client.put_item().table_name(store.rooms()?).set_item(Some(kept));
    request.send().await.map(drop).map_err(failed)
}

/// Gives a client id to a user; false if it is taken.
pub async fn claim_cid(store: &Store, room: RoomId, cid: Cid, user: UserId) -> Result<bool> {
    let mut item = Key::room_cid(room, cid).attributes();
    item.insert("uid".to_owned(), s(user.to_string()));
    let request = store
        .client
        .put_item()
        .table_name(store.rooms()?)
        .set_item(Some(item))
        .condition_expression(format!("attribute_not_exists({PK})"));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(error)),
        },
    }
}

/// Whose a client id is: one read, strongly consistent because an id may be used right after it was given.
pub async fn cid_owner(store: &Store, room: RoomId, cid: Cid) -> Result<Option<UserId>> {
    let request = store
        .client
        .get_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::room_cid(room, cid).attributes()))
        .consistent_read(true);
    request.send().await.map_err(failed)?.item.map(|item| parsed(&item, "uid")).transpose()
}

fn item(room: RoomId, entry: &Entry) -> Item {
    let Entry { rev, kind, update, name, at_ms, write } = entry;
    let mut item = Key::room_entry(room, *rev).attributes();
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("u", AttributeValue::B(update.clone().into()));
    set("k", s(kind.name()));
    set("t", n(at_ms));
    set("w", n(write));
    if let Some(Name { user, session, n: number }) = name {
        set("by", s(user.to_string()));
        set("sess", s(session.as_str()));
        set("n", n(number));
    }
    item
}

pub(super) fn parse(item: &Item) -> Result<Entry> {
    let rev = Key::room_rev(text(item, SK)?).ok_or_else(|| corrupt(SK))?;
    let update = item.get("u").and_then(|value| value.as_b().ok()).ok_or_else(|| corrupt("u"))?;
    let name = match item.contains_key("by") {
        true => Some(Name { user: parsed(item, "by")?, session: parsed(item, "sess")?, n: number(item, "n")? }),
        false => None,
    };
    Ok(Entry {
        rev,
        kind: Kind::named(text(item, "k")?).ok_or_else(|| corrupt("k"))?,
        update: update.as_ref().to_vec(),
        name,
        at_ms: number(item, "t")?,
        write: number(item, "w")?,
    })
}

/// A moment as entries have it.
pub fn millis(at: Timestamp) -> u64 {
    at.micros() / 1_000
}
