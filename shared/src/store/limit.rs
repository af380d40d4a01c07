//! Rate-limit logs: one conditional write per admission, see [`Log`] for the invariant.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::keys::{EXPIRES, Key, PK};
use super::{Item, Store, corrupt, failed, n};
use crate::limits::{Attempt, Entry, GUARD, Log, Quota, Subject};
use crate::{Error, Result};

/// How often an attempt meets another caller's first write before it gives up.
const RACES: usize = 3;

/// Tries to admit `entry`: one UpdateItem, two for a subject's first.
pub async fn attempt(store: &Store, quota: &Quota, subject: &Subject, entry: Entry) -> Result<Attempt> {
    for _ in 0..RACES {
        match shift(store, quota, subject, entry).await? {
            Shift::Admitted(log) => return Ok(Attempt::Admitted(log)),
            // Our own write, whose answer the SDK did not see before it tried again.
            Shift::Refused(log) if log.0.contains(&entry.0) => return Ok(Attempt::Admitted(log)),
            Shift::Refused(log) => return Ok(Attempt::Denied(log)),
            Shift::Absent => {
                if let Some(log) = create(store, quota, subject, entry).await? {
                    return Ok(Attempt::Admitted(log));
                }
            }
        }
    }
    Err(Error::unavailable("a rate-limit log came and went"))
}

enum Shift {
    Admitted(Log),
    Refused(Log),
    Absent,
}

async fn shift(store: &Store, quota: &Quota, subject: &Subject, entry: Entry) -> Result<Shift> {
    let result = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::limit(quota, subject).attributes()))
        .update_expression(format!("SET l[{}] = :now, {EXPIRES} = :ex REMOVE l[0]", quota.limit))
        .condition_expression("l[0] <= :horizon AND NOT contains(l, :now)")
        .expression_attribute_values(":now", n(entry.0))
        .expression_attribute_values(":horizon", n(Entry::horizon(quota, entry.time())))
        .expression_attribute_values(":ex", expiry(quota, entry))
        .return_values(ReturnValue::AllNew)
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    match result {
        Ok(output) => Ok(Shift::Admitted(log(&output.attributes.unwrap_or_default())?)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                refused.item().map_or(Ok(Shift::Absent), |item| Ok(Shift::Refused(log(item)?)))
            }
            _ => Err(failed(error)),
        },
    }
}

/// Makes the log of a first admission; `None` if another caller was faster.
async fn create(store: &Store, quota: &Quota, subject: &Subject, entry: Entry) -> Result<Option<Log>> {
    let log = Log::first(quota, entry);
    let result = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::limit(quota, subject).attributes()))
        .update_expression(format!("SET l = :log, {EXPIRES} = :ex"))
        .condition_expression(format!("attribute_not_exists({PK})"))
        .expression_attribute_values(":log", attribute(&log))
        .expression_attribute_values(":ex", expiry(quota, entry))
        .send()
        .await;
    match result {
        Ok(_) => Ok(Some(log)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(failed(error)),
        },
    }
}

/// Takes `entry` out of the log again; gives up silently after three lost races.
pub async fn refund(store: &Store, quota: &Quota, subject: &Subject, entry: Entry, mut seen: Log) -> Result<()> {
    for _ in 0..RACES {
        let Some(without) = seen.without(entry) else { return Ok(()) };
        let result = store
            .client
            .update_item()
            .table_name(store.ephemeral()?)
            .set_key(Some(Key::limit(quota, subject).attributes()))
            .update_expression("SET l = :new")
            .condition_expression("l = :old")
            .expression_attribute_values(":new", attribute(&without))
            .expression_attribute_values(":old", attribute(&seen))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = result else { return Ok(()) };
        seen = match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => match refused.item() {
                Some(item) => log(item)?,
                None => return Ok(()),
            },
            _ => return Err(failed(error)),
        };
    }
    Ok(())
}

fn expiry(quota: &Quota, entry: Entry) -> AttributeValue {
    n((entry.time() + quota.window + GUARD).secs() + 1)
}

fn attribute(log: &Log) -> AttributeValue {
    AttributeValue::L(log.0.iter().map(n).collect())
}

fn log(item: &Item) -> Result<Log> {
    let Some(AttributeValue::L(entries)) = item.get("l") else { return Err(corrupt("l")) };
    let parse = |entry: &AttributeValue| match entry {
        AttributeValue::N(digits) => digits.parse().map_err(|_| corrupt("l")),
        _ => Err(corrupt("l")),
    };
    entries.iter().map(parse).collect::<Result<_>>().map(Log)
}
