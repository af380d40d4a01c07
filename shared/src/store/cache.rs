//! Cached answers, and the claims of those who ask for them: one item for both, so that one call tells which it is.
//!
//! | attribute | value |
//! |---|---|
//! | `v` | the sealed answer |
//! | `owner`, `until` | who asks for it, and until when that is believed, in microseconds |
//! | `why` | why the owner got no answer, for those who waited for it |
//!
//! A claim that is over, and an answer whose time is over, count as absent: time to live deletes late.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, PutRequest, ReturnValuesOnConditionCheckFailure, WriteRequest,
};

use super::keys::{EXPIRES, Key, PK};
use super::{Item, ROUNDS, Store, corrupt, failed, n, number};
use crate::cache;
use crate::clock::Timestamp;
use crate::{Error, Result};

/// Who asks for an answer: random, made anew for each attempt.
pub type Owner = [u8; 16];

/// How long a claim's item stays after the claim is over, for those who waited to read how it ended.
const AFTERWARDS: Duration = Duration::from_secs(60);

/// What is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// An answer, still sealed, and until when it is kept.
    Answer(Vec<u8>, Timestamp),
    /// A claim that holds.
    Claim(Owner),
    /// A claim that ended without an answer.
    Failure(Owner, Vec<u8>),
}

/// What is there: one eventually consistent read, half the price of a consistent one. What it misses, [`claim`] tells.
pub async fn read(store: &Store, key: &cache::Key, now: Timestamp) -> Result<Found> {
    let request = store.client.get_item().table_name(store.ephemeral()?);
    let item = request.set_key(Some(Key::cached(key).attributes())).send().await.map_err(failed)?.item;
    item.map_or(Ok(Found::Nothing), |item| parse(&item, now))
}

/// The same of up to a hundred keys, in their order: one BatchGetItem.
pub async fn read_all(store: &Store, keys: &[&cache::Key], now: Timestamp) -> Result<Vec<Found>> {
    let table = store.ephemeral()?;
    let keys: Vec<Item> = keys.iter().map(|key| Key::cached(key).attributes()).collect();
    let mut found = vec![Found::Nothing; keys.len()];
    let wanted = KeysAndAttributes::builder().set_keys(Some(keys.clone())).build();
    let mut wanted = wanted.map_err(Error::internal)?;
    for _ in 0..ROUNDS {
        let output = store.client.batch_get_item().request_items(table, wanted).send().await.map_err(failed)?;
        for item in output.responses.unwrap_or_default().remove(table).unwrap_or_default() {
            let is_of = |key: &Item| key.iter().all(|(name, value)| item.get(name) == Some(value));
            if let Some(position) = keys.iter().position(is_of) {
                found[position] = parse(&item, now)?;
            }
        }
        match output.unprocessed_keys.unwrap_or_default().remove(table) {
            Some(rest) => wanted = rest,
            None => return Ok(found),
        }
    }
    Err(Error::unavailable("DynamoDB left keys unprocessed"))
}

/// Claims the right to ask until `until`: one conditional PutItem. `None` if it was free, else what is there.
pub async fn claim(
    store: &Store,
    key: &cache::Key,
    owner: Owner,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Found>> {
    let mut item = Key::cached(key).attributes();
    item.extend(
        [("owner", blob(&owner)), ("until", n(until.micros())), (EXPIRES, n((until + AFTERWARDS).secs()))]
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let free = format!(
        "attribute_not_exists({PK}) OR {EXPIRES} <= :secs \
         OR (attribute_not_exists(v) AND (attribute_exists(why) OR #until <= :now))"
    );
    let request = store
        .client
        .put_item()
        .table_name(store.ephemeral()?)
        .set_item(Some(item))
        .condition_expression(free)
        .expression_attribute_names("#until", "until")
        .expression_attribute_values(":secs", n(now.secs()))
        .expression_attribute_values(":now", n(now.micros()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let Err(error) = request.send().await else { return Ok(None) };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(held)) => {
            match parse(held.item().ok_or_else(|| corrupt("owner"))?, now)? {
                // Our own write, whose answer the SDK did not see before it tried again.
                Found::Claim(holder) if holder == owner => Ok(None),
                found => Ok(Some(found)),
            }
        }
        _ => Err(failed(error)),
    }
}

/// Believes the owner for longer: one conditional UpdateItem, without effect when the claim is over.
pub async fn renew(store: &Store, key: &cache::Key, owner: Owner, until: Timestamp) -> Result<()> {
    let sets = [("until", n(until.micros())), (EXPIRES, n((until + AFTERWARDS).secs()))];
    update(store, key, owner, sets).await
}

/// Keeps an answer until `expires`: one conditional UpdateItem. With an `owner` only for its claim; without one, unless
/// there is an answer. Whichever of two answers comes first stays.
pub async fn keep(
    store: &Store,
    key: &cache::Key,
    owner: Option<Owner>,
    answer: Vec<u8>,
    now: Timestamp,
    expires: Timestamp,
) -> Result<()> {
    let sets = [("v", AttributeValue::B(answer.into())), (EXPIRES, n(expires.secs()))];
    match owner {
        Some(owner) => update(store, key, owner, sets).await,
        None => {
            let mut item = Key::cached(key).attributes();
            item.extend(sets.map(|(name, value)| (name.to_owned(), value)));
            let request = store.client.put_item().table_name(store.ephemeral()?).set_item(Some(item));
            let request = request.condition_expression(format!("attribute_not_exists(v) OR {EXPIRES} <= :secs"));
            let result = request.expression_attribute_values(":secs", n(now.secs())).send().await;
            lost(result, |error| matches!(error, PutItemError::ConditionalCheckFailedException(_)))
        }
    }
}

/// Keeps up to 25 answers until `expires`: one BatchWriteItem, which knows no conditions. It is for keys that nobody
/// claims, where of two answers either is good: the last one stays.
pub async fn keep_all(store: &Store, answers: Vec<(cache::Key, Vec<u8>)>, expires: Timestamp) -> Result<()> {
    let table = store.ephemeral()?;
    let put = |(key, answer): (cache::Key, Vec<u8>)| {
        let mut item = Key::cached(&key).attributes();
        let sets = [("v", AttributeValue::B(answer.into())), (EXPIRES, n(expires.secs()))];
        item.extend(sets.map(|(name, value)| (name.to_owned(), value)));
        let put = PutRequest::builder().set_item(Some(item)).build().map_err(Error::internal)?;
        Ok(WriteRequest::builder().put_request(put).build())
    };
    let mut puts = answers.into_iter().map(put).collect::<Result<Vec<_>>>()?;
    for _ in 0..ROUNDS {
        let output = store.client.batch_write_item().request_items(table, puts).send().await.map_err(failed)?;
        match output.unprocessed_items.unwrap_or_default().remove(table) {
            Some(rest) => puts = rest,
            None => return Ok(()),
        }
    }
    Err(Error::unavailable("DynamoDB left items unprocessed"))
}

/// Tells those who wait for `owner` why there is no answer: one conditional UpdateItem. Others may claim at once.
pub async fn fail(store: &Store, key: &cache::Key, owner: Owner, why: Vec<u8>, now: Timestamp) -> Result<()> {
    let sets = [("why", AttributeValue::B(why.into())), (EXPIRES, n((now + AFTERWARDS).secs()))];
    update(store, key, owner, sets).await
}

/// Gives a claim back: one conditional DeleteItem.
pub async fn give_up(store: &Store, key: &cache::Key, owner: Owner) -> Result<()> {
    let request = store.client.delete_item().table_name(store.ephemeral()?);
    let request = request
        .set_key(Some(Key::cached(key).attributes()))
        .condition_expression("#owner = :me AND attribute_not_exists(v)")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":me", blob(&owner));
    lost(request.send().await, |error| matches!(error, DeleteItemError::ConditionalCheckFailedException(_)))
}

/// Sets attributes of a claim that is still `owner`'s and has not ended; another one is left as it is.
async fn update<const N: usize>(
    store: &Store,
    key: &cache::Key,
    owner: Owner,
    sets: [(&str, AttributeValue); N],
) -> Result<()> {
    let mut request = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::cached(key).attributes()))
        .condition_expression("#owner = :me AND attribute_not_exists(v) AND attribute_not_exists(why)")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":me", blob(&owner));
    let mut assignments = Vec::new();
    for (i, (name, value)) in sets.into_iter().enumerate() {
        assignments.push(format!("#n{i} = :v{i}"));
        request = request
            .expression_attribute_names(format!("#n{i}"), name)
            .expression_attribute_values(format!(":v{i}"), value);
    }
    let result = request.update_expression(format!("SET {}", assignments.join(", "))).send().await;
    lost(result, |error| matches!(error, UpdateItemError::ConditionalCheckFailedException(_)))
}

/// Losing a race is no error: somebody else's claim or answer stands.
fn lost<T, E>(result: Result<T, SdkError<E>>, is_lost: impl Fn(&E) -> bool) -> Result<(), Error>
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    match result {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(is_lost) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn blob(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(bytes.to_vec().into())
}

fn parse(item: &Item, now: Timestamp) -> Result<Found> {
    let bytes = |name: &'static str| match item.get(name) {
        None => Ok(None),
        Some(AttributeValue::B(bytes)) => Ok(Some(bytes.as_ref().to_vec())),
        Some(_) => Err(corrupt(name)),
    };
    let expires = Timestamp::from_secs(number(item, EXPIRES)?);
    if expires.secs() <= now.secs() {
        return Ok(Found::Nothing);
    }
    if let Some(answer) = bytes("v")? {
        return Ok(Found::Answer(answer, expires));
    }
    let owner = bytes("owner")?.and_then(|owner| owner.try_into().ok()).ok_or_else(|| corrupt("owner"))?;
    if let Some(why) = bytes("why")? {
        return Ok(Found::Failure(owner, why));
    }
    let until = Timestamp::from_micros(number(item, "until")?);
    Ok(if until <= now { Found::Nothing } else { Found::Claim(owner) })
}
