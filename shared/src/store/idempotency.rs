//! Claims on requests: who works on what, and the sealed answers of those that are done.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::keys::{EXPIRES, Key, PK};
use super::{Item, Store, corrupt, failed, n};
use crate::Result;
use crate::clock::Timestamp;
use crate::idempotency::{Name, Stored, expiry};

/// Claims a request until `until`: one conditional PutItem. `None` if it was free, else what holds it.
pub async fn claim(
    store: &Store,
    name: &Name,
    claim: &Stored,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Stored>> {
    let mut item = Key::idempotency(name).attributes();
    item.extend(
        [
            ("body", blob(&claim.body)),
            ("owner", blob(&claim.owner)),
            ("until", n(until.micros())),
            (EXPIRES, n(expiry(now).secs())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    // Free: never claimed, answered a day ago, or claimed by a function whose time is over. Time to live deletes late.
    let free =
        format!("attribute_not_exists({PK}) OR {EXPIRES} <= :day OR (attribute_not_exists(answer) AND #until < :now)");
    let request = store
        .client
        .put_item()
        .table_name(store.ephemeral()?)
        .set_item(Some(item))
        .condition_expression(free)
        .expression_attribute_names("#until", "until")
        .expression_attribute_values(":day", n(now.secs()))
        .expression_attribute_values(":now", n(now.micros()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match request.send().await {
        Ok(_) => Ok(None),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(held)) => {
                held.item().ok_or_else(|| corrupt("owner")).and_then(parse).map(Some)
            }
            _ => Err(failed(error)),
        },
    }
}

/// Keeps the answer, if the claim is still this owner's.
pub async fn complete(store: &Store, name: &Name, owner: [u8; 16], answer: Vec<u8>, now: Timestamp) -> Result<()> {
    let request = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::idempotency(name).attributes()))
        .update_expression(format!("SET answer = :answer, {EXPIRES} = :ex"))
        .condition_expression("#owner = :me AND attribute_not_exists(answer)")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":answer", AttributeValue::B(answer.into()))
        .expression_attribute_values(":ex", n(expiry(now).secs()))
        .expression_attribute_values(":me", blob(&owner));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(failed(error)),
        },
    }
}

/// Gives the claim back, if it is still this owner's and nothing was answered.
pub async fn abandon(store: &Store, name: &Name, owner: [u8; 16]) -> Result<()> {
    let request = store
        .client
        .delete_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::idempotency(name).attributes()))
        .condition_expression("#owner = :me AND attribute_not_exists(answer)")
        .expression_attribute_names("#owner", "owner")
        .expression_attribute_values(":me", blob(&owner));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(failed(error)),
        },
    }
}

fn blob(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(bytes.to_vec().into())
}

fn parse(item: &Item) -> Result<Stored> {
    let bytes = |name: &'static str| item.get(name).and_then(|value| value.as_b().ok()).ok_or_else(|| corrupt(name));
    Ok(Stored {
        body: bytes("body")?.as_ref().try_into().map_err(|_| corrupt("body"))?,
        owner: bytes("owner")?.as_ref().try_into().map_err(|_| corrupt("owner"))?,
        answer: item.get("answer").and_then(|value| value.as_b().ok()).map(|blob| blob.as_ref().to_vec()),
    })
}
