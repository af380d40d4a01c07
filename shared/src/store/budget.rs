//! Ledgers and rows of usage: one conditional write per step of [`Ledger`], see [`crate::budget`] for the invariant.
//!
//! | attribute of a ledger | value |
//! |---|---|
//! | `t` | the tenant's total, in nano-dollars, as all money here |
//! | `m#<uid>` | a user's total of the month |
//! | `d#<day>#<uid>` | a user's total of a day; days that are over are removed along with settlements |
//! | `l#<lease>` | a live lease: `u` user, `d` day, `o` operation, `m` model, `w` worst case, `x` expiry in seconds |
//!
//! All of them are on the top level, because there an update makes what is absent: no step needs to know whether it is
//! the first of its month, user or day.

use std::time::Duration;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::keys::{EXPIRES, Key, SK};
use super::pages::Span;
use super::{Item, Store, corrupt, failed, n, number, parsed, s, text};
use crate::budget::{Caps, Held, Ledger, Row, Scope, Tally, Tokens};
use crate::calendar::Month;
use crate::clock::Timestamp;
use crate::money::Money;
use crate::{Error, LeaseId, Result, TenantId, UserId};

/// How often a write that met another one's transaction is tried.
const TRIES: u32 = 7;
/// Before the second try; doubled for each further one.
const BACKOFF: Duration = Duration::from_millis(16);
/// How long after its first day a month is kept: the twelve that usage tells, and one more.
const KEPT: Duration = Duration::from_secs(400 * 86_400);

/// The answer to a reservation, with the ledger as it is now.
#[derive(Debug)]
pub enum Reserved {
    /// The money is put aside.
    Admitted(Ledger),
    /// There is no room for it.
    Refused(Ledger),
}

/// Leases that end together, and what is booked for them.
#[derive(Debug)]
pub struct Closing<'a> {
    /// Which; all of them must be there.
    pub leases: Vec<LeaseId>,
    /// What was put aside for the only one of them, and what it cost. `None` books worst cases: no total changes.
    pub paid: Option<(&'a Held, Money)>,
    /// Totals of days that nobody needs any more.
    pub stale: &'a [(u8, UserId)],
    /// What is added to the rows of usage; at most 99, each once.
    pub rows: Vec<(Row, Tally)>,
}

/// The answer to a [`Closing`].
#[derive(Debug)]
pub enum Closed {
    /// All of it is booked.
    Done,
    /// One of the leases has ended before: nothing changed.
    Gone(Ledger),
}

/// Tries to put money aside: one UpdateItem.
pub async fn reserve(
    store: &Store,
    tenant: TenantId,
    month: Month,
    id: LeaseId,
    held: &Held,
    caps: &Caps,
) -> Result<Reserved> {
    let names = Names::of(&held.row);
    // A cap below the worst case has room for nothing, not even for the first call.
    let fits = |scope: Scope, name: &str| match caps.of(scope).minus(held.worst) {
        Some(_) => format!("(attribute_not_exists({name}) OR {name} <= {})", bound(scope)),
        None => format!("{name} < {}", bound(scope)),
    };
    let room = |scope: Scope| n(caps.of(scope).minus(held.worst).map_or(0, Money::nanos));
    let condition = format!(
        "attribute_not_exists(#l) AND {} AND {} AND {}",
        fits(Scope::TenantMonth, "t"),
        fits(Scope::UserMonth, "#m"),
        fits(Scope::UserDay, "#d")
    );
    for attempt in 0..TRIES {
        pause(attempt, id).await;
        let result = store
            .client
            .update_item()
            .table_name(store.ephemeral()?)
            .set_key(Some(Key::ledger(tenant, month).attributes()))
            .update_expression(format!(
                "SET t = if_not_exists(t, :zero) + :worst, #m = if_not_exists(#m, :zero) + :worst, \
                 #d = if_not_exists(#d, :zero) + :worst, #l = :lease, {EXPIRES} = :ex"
            ))
            .condition_expression(&condition)
            .expression_attribute_names("#m", &names.month)
            .expression_attribute_names("#d", &names.day)
            .expression_attribute_names("#l", lease_name(id))
            .expression_attribute_values(":zero", n(0))
            .expression_attribute_values(":worst", money(held.worst))
            .expression_attribute_values(":lease", lease(held))
            .expression_attribute_values(":ex", expiry(month))
            .expression_attribute_values(bound(Scope::TenantMonth), room(Scope::TenantMonth))
            .expression_attribute_values(bound(Scope::UserMonth), room(Scope::UserMonth))
            .expression_attribute_values(bound(Scope::UserDay), room(Scope::UserDay))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match result {
            Ok(output) => return Ok(Reserved::Admitted(parse(&output.attributes.unwrap_or_default())?)),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                let ledger = refused.item().map_or_else(|| Ok(Ledger::default()), parse)?;
                // Our own write, whose answer the SDK did not see before it tried again.
                let admitted = ledger.leases.contains_key(&id);
                return Ok(if admitted { Reserved::Admitted(ledger) } else { Reserved::Refused(ledger) });
            }
            _ if in_conflict(&error) => {}
            _ => return Err(failed(error)),
        }
    }
    Err(Error::unavailable("a ledger is too busy"))
}

/// Frees what was put aside: one UpdateItem. A lease that has ended stays as it ended.
pub async fn release(store: &Store, tenant: TenantId, month: Month, id: LeaseId, held: &Held) -> Result<()> {
    let names = Names::of(&held.row);
    for attempt in 0..TRIES {
        pause(attempt, id).await;
        let result = store
            .client
            .update_item()
            .table_name(store.ephemeral()?)
            .set_key(Some(Key::ledger(tenant, month).attributes()))
            .update_expression(format!("{LOWER} REMOVE #l"))
            .condition_expression("attribute_exists(#l)")
            .expression_attribute_names("#m", &names.month)
            .expression_attribute_names("#d", &names.day)
            .expression_attribute_names("#l", lease_name(id))
            .expression_attribute_values(":worst", money(held.worst))
            .expression_attribute_values(":lower", money(held.worst))
            .send()
            .await;
        match result {
            Ok(_) => return Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => return Ok(()),
                _ if in_conflict(&error) => {}
                _ => return Err(failed(error)),
            },
        }
    }
    Err(Error::unavailable("a ledger is too busy"))
}

/// A day's total is removed only without leases, so it is there; should clocks have disagreed by more than a day, it
/// starts again from what this lease held.
const LOWER: &str = "SET t = t - :lower, #m = #m - :lower, #d = if_not_exists(#d, :worst) - :lower";

/// Ends leases and books what they cost, all or nothing: one TransactWriteItems.
pub async fn close(store: &Store, tenant: TenantId, month: Month, closing: &Closing<'_>) -> Result<Closed> {
    let Some(&first) = closing.leases.first() else { return Ok(Closed::Done) };
    let mut items = vec![TransactWriteItem::builder().update(ledger_update(store, tenant, month, closing)?).build()];
    for (row, tally) in &closing.rows {
        let update =
            add(store.ephemeral()?, Key::usage(tenant, month, row), *tally, month).build().map_err(Error::internal)?;
        items.push(TransactWriteItem::builder().update(update).build());
    }
    for attempt in 0..TRIES {
        pause(attempt, first).await;
        let mut request = store.client.transact_write_items().set_transact_items(Some(items.clone()));
        // A settlement whose answer was lost is the same one when it is tried again. Of a sweep others may have a
        // different view, so each is its own.
        if closing.paid.is_some() {
            request = request.client_request_token(first.to_string());
        }
        let Err(error) = request.send().await else { return Ok(Closed::Done) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                let reasons = canceled.cancellation_reasons();
                let gone = reasons.first().filter(|reason| reason.code() == Some("ConditionalCheckFailed"));
                if let Some(reason) = gone {
                    return Ok(Closed::Gone(reason.item().map_or_else(|| Ok(Ledger::default()), parse)?));
                }
                let conflict = |code| matches!(code, "None" | "TransactionConflict");
                if !reasons.iter().all(|reason| reason.code().is_none_or(conflict)) {
                    return Err(failed(error));
                }
            }
            _ if in_conflict(&error) => {}
            _ => return Err(failed(error)),
        }
    }
    Err(Error::unavailable("a ledger is too busy"))
}

fn ledger_update(store: &Store, tenant: TenantId, month: Month, closing: &Closing<'_>) -> Result<Update> {
    let mut update = Update::builder()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::ledger(tenant, month).attributes()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    let (mut there, mut removed) = (Vec::new(), Vec::new());
    for (i, &id) in closing.leases.iter().enumerate() {
        there.push(format!("attribute_exists(#l{i})"));
        removed.push(format!("#l{i}"));
        update = update.expression_attribute_names(format!("#l{i}"), lease_name(id));
    }
    for (i, &(day, user)) in closing.stale.iter().enumerate() {
        removed.push(format!("#s{i}"));
        update = update.expression_attribute_names(format!("#s{i}"), day_name(day, user));
    }
    let mut expression = format!("REMOVE {}", removed.join(", "));
    if let Some((held, spent)) = closing.paid {
        let names = Names::of(&held.row);
        let lower = i128::from(held.worst.nanos()) - i128::from(spent.nanos());
        expression = format!("{LOWER} {expression}");
        update = update
            .expression_attribute_names("#m", names.month)
            .expression_attribute_names("#d", names.day)
            .expression_attribute_values(":worst", money(held.worst))
            .expression_attribute_values(":lower", n(lower));
    }
    update.update_expression(expression).condition_expression(there.join(" AND ")).build().map_err(Error::internal)
}

/// Adds to a row of usage: one UpdateItem. `id` tells a retried write from a new one, as long as no other came between.
pub async fn note(store: &Store, tenant: TenantId, month: Month, row: &Row, tally: Tally, id: LeaseId) -> Result<()> {
    let update =
        add(store.ephemeral()?, Key::usage(tenant, month, row), tally, month).build().map_err(Error::internal)?;
    let result = store
        .client
        .update_item()
        .table_name(update.table_name)
        .set_key(Some(update.key))
        .update_expression(format!("{}, note = :note", update.update_expression))
        .condition_expression("attribute_not_exists(note) OR note <> :note")
        .set_expression_attribute_values(update.expression_attribute_values)
        .expression_attribute_values(":note", s(id.to_string()))
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

/// What a [`Tally`] is called in a row.
const COUNTS: [&str; 9] = ["calls", "usd", "unc_calls", "unc", "hits", "saved", "t_in", "t_cached", "t_out"];

fn counts(tally: Tally) -> [u64; 9] {
    let Tally { calls, spent, unconfirmed_calls, unconfirmed, hits, saved, tokens } = tally;
    let Tokens { prompt, cached, completion } = tokens;
    let [spent, unconfirmed, saved] = [spent, unconfirmed, saved].map(Money::nanos);
    [calls, spent, unconfirmed_calls, unconfirmed, hits, saved, prompt, cached, completion]
}

fn add(table: &str, key: Key, tally: Tally, month: Month) -> aws_sdk_dynamodb::types::builders::UpdateBuilder {
    let mut update = Update::builder()
        .table_name(table)
        .set_key(Some(key.attributes()))
        .expression_attribute_values(":ex", expiry(month));
    let mut added = Vec::new();
    for (name, count) in COUNTS.into_iter().zip(counts(tally)).filter(|&(_, count)| count > 0) {
        added.push(format!("{name} :{name}"));
        update = update.expression_attribute_values(format!(":{name}"), n(count));
    }
    update.update_expression(format!("ADD {} SET {EXPIRES} = :ex", added.join(", ")))
}

/// A month's ledger: one strongly consistent read.
pub async fn ledger(store: &Store, tenant: TenantId, month: Month) -> Result<Ledger> {
    let request = store.client.get_item().table_name(store.ephemeral()?);
    let request = request.set_key(Some(Key::ledger(tenant, month).attributes())).consistent_read(true);
    let item = request.send().await.map_err(failed)?.item;
    item.map_or_else(|| Ok(Ledger::default()), |item| parse(&item))
}

/// A month's rows of usage, of all users or of one: one strongly consistent Query per megabyte.
pub async fn rows(store: &Store, tenant: TenantId, month: Month, user: Option<UserId>) -> Result<Vec<(Row, Tally)>> {
    let (partition, prefix) = Key::usage_of(tenant, month, user);
    let mut pages = store.pages(store.ephemeral()?, partition, Span::Prefix(&prefix));
    let mut rows = Vec::new();
    while let Some(items) = pages.next().await? {
        for item in items {
            let row = Key::usage_row(text(&item, SK)?).ok_or_else(|| corrupt(SK))?;
            rows.push((row, tally(&item)?));
        }
    }
    Ok(rows)
}

fn tally(item: &Item) -> Result<Tally> {
    let mut counts = [0; COUNTS.len()];
    for (count, name) in counts.iter_mut().zip(COUNTS) {
        *count = if item.contains_key(name) { number(item, name)? } else { 0 };
    }
    let [calls, spent, unconfirmed_calls, unconfirmed, hits, saved, prompt, cached, completion] = counts;
    let [spent, unconfirmed, saved] = [spent, unconfirmed, saved].map(Money::from_nanos);
    let tokens = Tokens { prompt, cached, completion };
    Ok(Tally { calls, spent, unconfirmed_calls, unconfirmed, hits, saved, tokens })
}

fn parse(item: &Item) -> Result<Ledger> {
    let wrong = || corrupt("of a ledger");
    let mut ledger = Ledger::default();
    for (name, value) in item {
        let nanos = || match value {
            AttributeValue::N(digits) => digits.parse().map(Money::from_nanos).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        match name.split_once('#') {
            Some(("m", user)) => drop(ledger.users.insert(user.parse()?, nanos()?)),
            Some(("d", rest)) => {
                let (day, user) = rest.split_once('#').ok_or_else(wrong)?;
                ledger.days.insert((day.parse().map_err(|_| wrong())?, user.parse()?), nanos()?);
            }
            Some(("l", id)) => {
                let fields = value.as_m().map_err(|_| wrong())?;
                drop(ledger.leases.insert(id.parse()?, held(fields)?));
            }
            _ if name == "t" => ledger.total = nanos()?,
            _ => {}
        }
    }
    Ok(ledger)
}

fn held(fields: &Item) -> Result<Held> {
    let row = Row {
        user: parsed(fields, "u")?,
        day: number(fields, "d")?,
        operation: text(fields, "o")?.to_owned(),
        model: text(fields, "m")?.to_owned(),
    };
    let expires = Timestamp::from_secs(number(fields, "x")?);
    Ok(Held { row, worst: Money::from_nanos(number(fields, "w")?), expires })
}

fn lease(held: &Held) -> AttributeValue {
    let Held { row: Row { user, day, operation, model }, worst, expires } = held;
    let fields = [
        ("u", s(user.to_string())),
        ("d", n(day)),
        ("o", s(operation)),
        ("m", s(model)),
        ("w", money(*worst)),
        ("x", n(expires.secs())),
    ];
    AttributeValue::M(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// The names of a user's totals.
struct Names {
    month: String,
    day: String,
}

impl Names {
    fn of(row: &Row) -> Self {
        Self { month: format!("m#{}", row.user), day: day_name(row.day, row.user) }
    }
}

fn day_name(day: u8, user: UserId) -> String {
    format!("d#{day:02}#{user}")
}

fn lease_name(id: LeaseId) -> String {
    format!("l#{id}")
}

/// The largest total that leaves room.
const fn bound(scope: Scope) -> &'static str {
    match scope {
        Scope::UserDay => ":day_room",
        Scope::UserMonth => ":month_room",
        Scope::TenantMonth => ":tenant_room",
    }
}

fn money(amount: Money) -> AttributeValue {
    n(amount.nanos())
}

fn expiry(month: Month) -> AttributeValue {
    n((month.start() + KEPT).secs())
}

/// A write met a transaction of somebody else on the same item: nothing happened, and trying again will do. The SDK
/// does not do it by itself.
fn in_conflict<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    matches!(code, Some("TransactionConflictException" | "TransactionInProgressException"))
}

/// Waits before a further try, for a time that others do not wait too: a share of the backoff that depends on the lease.
async fn pause(attempt: u32, id: LeaseId) {
    let Some(exponent) = attempt.checked_sub(1) else { return };
    let share = id.bytes().get(attempt as usize).copied().unwrap_or(u8::MAX);
    tokio::time::sleep(BACKOFF * 2_u32.pow(exponent) * u32::from(share) / u32::from(u8::MAX)).await;
}

#[cfg(test)]
mod tests;
