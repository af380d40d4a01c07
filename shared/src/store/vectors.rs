//! Documents and their vectors: a partition per namespace.
//!
//! | sk | attributes |
//! |---|---|
//! | `@` | the head: `ver`, `epoch`, `docs`, `passages`, `model` |
//! | `D#<key>` | a document: `h` fingerprint, `c` passages, `v` version, `e` epoch, `d` data; while somebody writes it, `w` owner and `til` |
//! | `L#<version>` | which documents a version changed, for a day: `ids` |
//!
//! Every change of documents and the head's next version are one transaction on condition that the head is as it was read,
//! so versions are counted without a gap and counts are exact. Emptying a namespace is its next epoch: documents of another
//! epoch are not there, whoever still has to delete them.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::keys::{EXPIRES, Key, PK, SK};
use super::pages::{Pages, Span};
use super::{Item, ROUNDS, Store, corrupt, failed, n, number, s, text};
use crate::clock::Timestamp;
use crate::search::document;
use crate::search::namespace::Namespace;
use crate::{Error, Result};

/// How long it can be told which documents a version changed.
const TOLD: Duration = Duration::from_secs(86_400);
/// The most documents of one transaction: it takes a hundred items, two of which are the head and the log.
pub const BATCH: usize = 90;
/// The most bytes of one transaction; DynamoDB takes 4 MB.
pub const BATCH_BYTES: usize = 3_000_000;
/// The largest data of a document; DynamoDB's items end at 400 KB.
pub const MOST: usize = 390_000;

/// Who writes a document.
pub type Owner = [u8; 16];

/// What a namespace is at one version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// Raised by every change.
    pub version: u64,
    /// Raised when the namespace is emptied.
    pub epoch: u64,
    /// Documents in it.
    pub documents: u64,
    /// Passages of these documents.
    pub passages: u64,
    /// What its vectors were made with and where they are; empty as long as there are none.
    pub model: String,
}

/// A document as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its fingerprint; `None` while it is written for the first time.
    pub fingerprint: Option<[u8; 16]>,
    /// Passages that may be in a store outside.
    pub passages: u32,
    /// The version that wrote it.
    pub version: u64,
    /// Until when somebody else is believed to write it.
    pub busy: Option<Timestamp>,
    /// What is stored, where it was asked for.
    pub data: Vec<u8>,
}

/// What becomes of a document in a transaction.
#[derive(Debug)]
pub struct Change {
    /// Which.
    pub key: document::Key,
    /// What it must be before.
    pub before: Before,
    /// What it is afterwards; `None` deletes it.
    pub after: Option<After>,
}

/// What a document must be before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Not there.
    Absent,
    /// Of this version.
    Version(u64),
    /// Claimed by this owner.
    Mine(Owner),
}

/// What a document is afterwards.
#[derive(Debug)]
pub struct After {
    /// Its fingerprint.
    pub fingerprint: [u8; 16],
    /// Its passages.
    pub passages: u32,
    /// What is stored.
    pub data: Vec<u8>,
}

/// How a transaction ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is the namespace's next version.
    Done,
    /// The head was another one: this one, if it was told.
    Moved(Option<Head>),
    /// These documents, by position, were not as they must be; nothing was changed.
    Taken(Vec<usize>),
}

pub(super) fn table(store: &Store) -> Result<&str> {
    store.vectors.as_deref().ok_or_else(|| Error::internal("VECTORS_TABLE is not set"))
}

/// A namespace's head: one strongly consistent read.
pub async fn head(store: &Store, place: &Namespace) -> Result<Head> {
    let request = store.client.get_item().table_name(table(store)?).consistent_read(true);
    let item = request.set_key(Some(Key::vectors(place).attributes())).send().await.map_err(failed)?.item;
    item.map_or_else(|| Ok(Head::default()), |item| read_head(&item))
}

fn read_head(item: &Item) -> Result<Head> {
    Ok(Head {
        version: number(item, "ver")?,
        epoch: number(item, "epoch")?,
        documents: number(item, "docs")?,
        passages: number(item, "passages")?,
        model: text(item, "model")?.to_owned(),
    })
}

/// The documents of `keys` that are there at this epoch, without or with their data: strongly consistent reads, a
/// hundred at a time.
pub async fn rows(
    store: &Store,
    place: &Namespace,
    epoch: u64,
    keys: &[document::Key],
    data: bool,
) -> Result<HashMap<document::Key, Row>> {
    let table = table(store)?;
    let mut found = HashMap::new();
    for keys in keys.chunks(100) {
        let keys = keys.iter().map(|key| Key::document(place, *key).attributes()).collect();
        let mut wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        if !data {
            wanted = wanted.projection_expression("pk, sk, h, c, v, e, w, til");
        }
        let mut wanted = Some(wanted.build().map_err(Error::internal)?);
        // What exceeds 16 MB is left unprocessed, and is no failure as long as each round brings something.
        let mut idle = 0;
        while let Some(rest) = wanted.take() {
            if idle == ROUNDS {
                return Err(Error::unavailable("DynamoDB left keys unprocessed"));
            }
            let output = store.client.batch_get_item().request_items(table, rest).send().await.map_err(failed)?;
            let items = output.responses.unwrap_or_default().remove(table).unwrap_or_default();
            idle = if items.is_empty() { idle + 1 } else { 0 };
            for item in items {
                let key = Key::document_key(text(&item, SK)?).ok_or_else(|| corrupt(SK))?;
                if let Some(row) = read_row(item, epoch)? {
                    found.insert(key, row);
                }
            }
            wanted = output.unprocessed_keys.unwrap_or_default().remove(table);
        }
    }
    Ok(found)
}

/// Every document at this epoch, with its data: strongly consistent Queries of a megabyte each.
pub async fn all(store: &Store, place: &Namespace, epoch: u64) -> Result<Vec<(document::Key, Row)>> {
    let mut rows = Vec::new();
    let mut pages = documents(store, place)?;
    while let Some(items) = pages.next().await? {
        for item in items {
            let key = Key::document_key(text(&item, SK)?).ok_or_else(|| corrupt(SK))?;
            rows.extend(read_row(item, epoch)?.map(|row| (key, row)));
        }
    }
    Ok(rows)
}

fn documents(store: &Store, place: &Namespace) -> Result<Pages> {
    let (partition, prefix) = Key::documents(place);
    Ok(store.pages(table(store)?, partition, Span::Prefix(prefix)))
}

/// A document of this epoch; one of another epoch counts as absent.
fn read_row(mut item: Item, epoch: u64) -> Result<Option<Row>> {
    if number::<u64>(&item, "e")? != epoch {
        return Ok(None);
    }
    let data = match item.remove("d") {
        Some(AttributeValue::B(blob)) => blob.into_inner(),
        _ => Vec::new(),
    };
    let fingerprint = match item.get("h") {
        Some(AttributeValue::B(blob)) => Some(blob.as_ref().try_into().map_err(|_| corrupt("h"))?),
        _ => None,
    };
    let busy = if item.contains_key("w") { Some(Timestamp::from_micros(number(&item, "til")?)) } else { None };
    Ok(Some(Row { fingerprint, passages: number(&item, "c")?, version: number(&item, "v")?, busy, data }))
}

/// The documents that versions after `from` up to `to` changed; `None` if that cannot be told any more.
pub async fn changed(store: &Store, place: &Namespace, from: u64, to: u64) -> Result<Option<Vec<document::Key>>> {
    let (partition, [low, high]) = Key::changes(place, from + 1, to);
    let output = store
        .client
        .query()
        .table_name(table(store)?)
        .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
        .expression_attribute_values(":pk", s(partition))
        .expression_attribute_values(":low", s(low))
        .expression_attribute_values(":high", s(high))
        .consistent_read(true)
        .send()
        .await
        .map_err(failed)?;
    let items = output.items.unwrap_or_default();
    if u64::try_from(items.len()).ok() != Some(to - from) {
        return Ok(None);
    }
    let mut keys = Vec::new();
    for item in items {
        let Some(AttributeValue::B(blob)) = item.get("ids") else { return Err(corrupt("ids")) };
        let ids = blob.as_ref().as_chunks::<16>().0;
        keys.extend(ids.iter().map(|bytes| document::Key::new(*bytes)));
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(Some(keys))
}

/// Claims a document until `until`: one conditional UpdateItem. It is claimed as it was read, or not at all. `most` is how
/// many passages may be in a store outside while it is written, for whoever comes after a writer that died.
///
/// # Errors
/// As any write; `Ok(false)` when somebody else writes it or has written it since.
pub async fn claim(
    store: &Store,
    place: &Namespace,
    epoch: u64,
    key: document::Key,
    row: Option<&Row>,
    (owner, now, until): (Owner, Timestamp, Timestamp),
    most: u32,
) -> Result<bool> {
    // One of another epoch is not there: its fingerprint goes, and is not taken for this epoch's.
    let (condition, update) = match row {
        Some(_) => (
            "e = :e AND v = :v AND (attribute_not_exists(w) OR til <= :now OR w = :me)",
            "SET w = :me, til = :til, c = :c",
        ),
        None => ("attribute_not_exists(pk) OR e <> :e", "SET w = :me, til = :til, c = :c, e = :e, v = :v REMOVE h, d"),
    };
    let version = row.map_or(0, |row| row.version);
    let mut request = store
        .client
        .update_item()
        .table_name(table(store)?)
        .set_key(Some(Key::document(place, key).attributes()))
        .condition_expression(condition)
        .update_expression(update)
        .expression_attribute_values(":e", n(epoch))
        .expression_attribute_values(":v", n(version))
        .expression_attribute_values(":me", blob(&owner))
        .expression_attribute_values(":til", n(until.micros()))
        .expression_attribute_values(":c", n(most));
    if row.is_some() {
        request = request.expression_attribute_values(":now", n(now.micros()));
    }
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => {
            Ok(false)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Gives a claim back, if it is still this owner's: the document stays as it was before, but for the passages that may be
/// outside.
pub async fn unclaim(store: &Store, place: &Namespace, key: document::Key, owner: Owner) -> Result<()> {
    let request = store
        .client
        .update_item()
        .table_name(table(store)?)
        .set_key(Some(Key::document(place, key).attributes()))
        .condition_expression("w = :me")
        .update_expression("REMOVE w, til")
        .expression_attribute_values(":me", blob(&owner));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes `after` of `before`, with these changes of documents: one transaction.
pub async fn commit(
    store: &Store,
    place: &Namespace,
    before: &Head,
    after: &Head,
    changes: &[Change],
    now: Timestamp,
) -> Result<Committed> {
    let table = table(store)?;
    let mut items = vec![TransactWriteItem::builder().update(next_head(table, place, before, after)?).build()];
    let ids: Vec<u8> = changes.iter().flat_map(|change| *change.key.bytes()).collect();
    let mut log = Key::change(place, after.version).attributes();
    log.insert("ids".to_owned(), blob(&ids));
    log.insert(EXPIRES.to_owned(), n((now + TOLD).secs()));
    let log = Put::builder().table_name(table).set_item(Some(log)).build().map_err(Error::internal)?;
    items.push(TransactWriteItem::builder().put(log).build());
    for change in changes {
        items.push(item_of(table, place, after, change, now)?);
    }
    let request = store.client.transact_write_items().set_transact_items(Some(items));
    let Err(error) = request.send().await else { return Ok(Committed::Done) };
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
        return Err(failed(error));
    };
    let reasons = canceled.cancellation_reasons();
    let is = |n: usize, code: &str| reasons.get(n).is_some_and(|reason| reason.code() == Some(code));
    if is(0, "ConditionalCheckFailed") {
        let head = reasons.first().and_then(|reason| reason.item()).map(read_head).transpose()?;
        return Ok(Committed::Moved(head));
    }
    let taken: Vec<_> = (0..changes.len()).filter(|n| is(n + 2, "ConditionalCheckFailed")).collect();
    if !taken.is_empty() {
        return Ok(Committed::Taken(taken));
    }
    if reasons.iter().all(|reason| reason.code().is_none_or(|code| matches!(code, "None" | "TransactionConflict"))) {
        return Ok(Committed::Moved(None));
    }
    Err(failed(error))
}

fn next_head(table: &str, place: &Namespace, before: &Head, after: &Head) -> Result<Update> {
    let condition =
        if before.version == 0 { format!("attribute_not_exists({PK})") } else { "ver = :before".to_owned() };
    let mut update = Update::builder()
        .table_name(table)
        .set_key(Some(Key::vectors(place).attributes()))
        .condition_expression(condition)
        .update_expression("SET ver = :ver, epoch = :epoch, docs = :docs, passages = :passages, model = :model")
        .expression_attribute_values(":ver", n(after.version))
        .expression_attribute_values(":epoch", n(after.epoch))
        .expression_attribute_values(":docs", n(after.documents))
        .expression_attribute_values(":passages", n(after.passages))
        .expression_attribute_values(":model", s(&after.model))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    if before.version > 0 {
        update = update.expression_attribute_values(":before", n(before.version));
    }
    update.build().map_err(Error::internal)
}

fn item_of(table: &str, place: &Namespace, after: &Head, change: &Change, now: Timestamp) -> Result<TransactWriteItem> {
    let key = Key::document(place, change.key).attributes();
    let mut values = HashMap::new();
    let condition = match change.before {
        Before::Absent => {
            values.insert(":e".to_owned(), n(after.epoch));
            format!("attribute_not_exists({PK}) OR e <> :e")
        }
        Before::Version(version) => {
            values.insert(":e".to_owned(), n(after.epoch));
            values.insert(":v".to_owned(), n(version));
            values.insert(":now".to_owned(), n(now.micros()));
            "e = :e AND v = :v AND (attribute_not_exists(w) OR til <= :now)".to_owned()
        }
        Before::Mine(owner) => {
            values.insert(":me".to_owned(), blob(&owner));
            "w = :me".to_owned()
        }
    };
    let Some(document) = &change.after else {
        let delete = Delete::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
        let delete = delete.set_expression_attribute_values(Some(values)).build().map_err(Error::internal)?;
        return Ok(TransactWriteItem::builder().delete(delete).build());
    };
    let mut item = key;
    item.extend(
        [
            ("h", blob(&document.fingerprint)),
            ("c", n(document.passages)),
            ("v", n(after.version)),
            ("e", n(after.epoch)),
            ("d", blob(&document.data)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let put = Put::builder().table_name(table).set_item(Some(item)).condition_expression(condition);
    let put = put.set_expression_attribute_values(Some(values)).build().map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The documents of other epochs than this one, which nobody sees any more.
pub async fn leftovers(store: &Store, place: &Namespace, epoch: u64) -> Result<Vec<document::Key>> {
    let mut keys = Vec::new();
    let mut pages = documents(store, place)?.only(format!("{SK}, e"));
    while let Some(items) = pages.next().await? {
        for item in items {
            if number::<u64>(&item, "e")? < epoch {
                keys.push(Key::document_key(text(&item, SK)?).ok_or_else(|| corrupt(SK))?);
            }
        }
    }
    Ok(keys)
}

/// Deletes a document of an epoch before this one, unless somebody has written it since.
pub async fn sweep(store: &Store, place: &Namespace, epoch: u64, key: document::Key) -> Result<()> {
    use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
    let request = store
        .client
        .delete_item()
        .table_name(table(store)?)
        .set_key(Some(Key::document(place, key).attributes()))
        .condition_expression("e < :e")
        .expression_attribute_values(":e", n(epoch));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.as_service_error(), Some(DeleteItemError::ConditionalCheckFailedException(_))) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

fn blob(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(bytes.to_vec().into())
}
