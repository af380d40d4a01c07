//! Jobs that index in the background: one item that tells how far each is, and its documents in parts.
//!
//! A part goes in the same transaction that counts it, so that it is counted once, however often it was worked on.

use std::time::Duration;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem, Update};

use super::keys::{EXPIRES, Key, PK, SK};
use super::vectors::table;
use super::{Item, Store, committed, corrupt, failed, n, number, parsed, s, text};
use crate::clock::Timestamp;
use crate::search::report::Failed;
use crate::{Error, JobId, Result, TenantId, UserId};

/// How long a job can be asked for.
const KEPT: Duration = Duration::from_secs(7 * 86_400);

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Who pays.
    pub user: UserId,
    /// The namespace's name within the tenant.
    pub namespace: String,
    /// Documents to index.
    pub total: u64,
    /// New or changed ones so far.
    pub indexed: u64,
    /// Unchanged ones so far.
    pub skipped: u64,
    /// Failed ones so far.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Failed>,
    /// Whether there is nothing left to do.
    pub done: bool,
    /// When it last moved.
    pub moved: Timestamp,
}

/// What came of one part.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// New or changed documents.
    pub indexed: u64,
    /// Unchanged ones.
    pub skipped: u64,
    /// Failed ones.
    pub failed: u64,
    /// Those of them that are told.
    pub failures: Vec<Failed>,
}

/// Stores a part of a job's documents, before the job itself.
pub async fn add(
    store: &Store,
    tenant: TenantId,
    job: JobId,
    part: usize,
    documents: Vec<u8>,
    now: Timestamp,
) -> Result<()> {
    let mut item = Key::job_part(tenant, job, part).attributes();
    item.insert("d".to_owned(), AttributeValue::B(documents.into()));
    item.insert(EXPIRES.to_owned(), n((now + KEPT).secs()));
    let request = store.client.put_item().table_name(table(store)?).set_item(Some(item));
    request.send().await.map(drop).map_err(failed)
}

/// Opens a job whose parts are stored.
pub async fn open(store: &Store, tenant: TenantId, id: JobId, job: &Job) -> Result<()> {
    let mut item = Key::job(tenant, id).attributes();
    item.extend(
        [
            ("u", s(job.user.to_string())),
            ("ns", s(&job.namespace)),
            ("total", n(job.total)),
            ("n_ok", n(job.indexed)),
            ("n_same", n(job.skipped)),
            ("n_bad", n(job.failed)),
            ("why", AttributeValue::L(job.failures.iter().map(failure).collect())),
            ("moved", n(job.moved.micros())),
            (EXPIRES, n((job.moved + KEPT).secs())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let put = Put::builder().table_name(table(store)?).set_item(Some(item));
    let put = put.condition_expression(format!("attribute_not_exists({PK})")).build().map_err(Error::internal)?;
    let items = vec![TransactWriteItem::builder().put(put).build()];
    // As a transaction, so that a retried write recognises itself.
    let opened = store.client.transact_write_items().set_transact_items(Some(items)).send().await;
    if committed(opened)? { Ok(()) } else { Err(Error::internal("a job's id was taken")) }
}

/// A job, if the tenant has it: one strongly consistent read.
pub async fn read(store: &Store, tenant: TenantId, id: JobId) -> Result<Option<Job>> {
    let request = store.client.get_item().table_name(table(store)?).consistent_read(true);
    let item = request.set_key(Some(Key::job(tenant, id).attributes())).send().await.map_err(failed)?.item;
    item.map(|item| parse(&item)).transpose()
}

/// The next part, if there is one: its number and documents.
pub async fn next(store: &Store, tenant: TenantId, id: JobId) -> Result<Option<(usize, Vec<u8>)>> {
    let (partition, prefix) = Key::job_parts(tenant, id);
    let output = store
        .client
        .query()
        .table_name(table(store)?)
        .key_condition_expression("pk = :pk AND begins_with(sk, :sk)")
        .expression_attribute_values(":pk", s(partition))
        .expression_attribute_values(":sk", s(prefix))
        .consistent_read(true)
        .limit(1)
        .send()
        .await
        .map_err(failed)?;
    let Some(mut item) = output.items.unwrap_or_default().pop() else { return Ok(None) };
    let part = Key::part_number(text(&item, SK)?).ok_or_else(|| corrupt(SK))?;
    match item.remove("d") {
        Some(AttributeValue::B(documents)) => Ok(Some((part, documents.into_inner()))),
        _ => Err(corrupt("d")),
    }
}

/// Counts a part and takes it away, in one transaction; false if somebody else did.
pub async fn step(
    store: &Store,
    tenant: TenantId,
    id: JobId,
    part: usize,
    step: &Step,
    now: Timestamp,
) -> Result<bool> {
    let table = table(store)?;
    let delete = Delete::builder()
        .table_name(table)
        .set_key(Some(Key::job_part(tenant, id, part).attributes()))
        .condition_expression(format!("attribute_exists({PK})"))
        .build()
        .map_err(Error::internal)?;
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(Key::job(tenant, id).attributes()))
        .condition_expression(format!("attribute_exists({PK})"))
        .update_expression("SET moved = :now, why = list_append(why, :why) ADD n_ok :i, n_same :s, n_bad :f")
        .expression_attribute_values(":now", n(now.micros()))
        .expression_attribute_values(":why", AttributeValue::L(step.failures.iter().map(failure).collect()))
        .expression_attribute_values(":i", n(step.indexed))
        .expression_attribute_values(":s", n(step.skipped))
        .expression_attribute_values(":f", n(step.failed))
        .build()
        .map_err(Error::internal)?;
    let items =
        vec![TransactWriteItem::builder().delete(delete).build(), TransactWriteItem::builder().update(update).build()];
    let result = store.client.transact_write_items().set_transact_items(Some(items)).send().await;
    if let Err(error) = &result
        && let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error()
        && canceled.cancellation_reasons().iter().any(|reason| reason.code() == Some("TransactionConflict"))
    {
        return Err(Error::unavailable("a job is counted by two at once"));
    }
    committed(result)
}

/// Marks a job whose parts are all gone.
pub async fn finish(store: &Store, tenant: TenantId, id: JobId, now: Timestamp) -> Result<()> {
    let request = store.client.update_item().table_name(table(store)?);
    let request = request.set_key(Some(Key::job(tenant, id).attributes()));
    let request = request.condition_expression(format!("attribute_exists({PK})"));
    let request = request.update_expression("SET fin = :true, moved = :now");
    let request = request.expression_attribute_values(":true", AttributeValue::Bool(true));
    request.expression_attribute_values(":now", n(now.micros())).send().await.map(drop).map_err(failed)
}

fn failure(failed: &Failed) -> AttributeValue {
    let Failed { id, code, message: _ } = failed;
    AttributeValue::M([("id", s(id)), ("code", s(code.code()))].map(|(name, value)| (name.to_owned(), value)).into())
}

fn parse(item: &Item) -> Result<Job> {
    let Some(AttributeValue::L(failures)) = item.get("why") else { return Err(corrupt("why")) };
    let failure = |value: &AttributeValue| {
        let fields = value.as_m().map_err(|_| corrupt("why"))?;
        let code = serde_json::from_value(text(fields, "code")?.into()).map_err(|_| corrupt("why"))?;
        Ok(Failed::new(text(fields, "id")?, code))
    };
    Ok(Job {
        user: parsed(item, "u")?,
        namespace: text(item, "ns")?.to_owned(),
        total: number(item, "total")?,
        indexed: number(item, "n_ok")?,
        skipped: number(item, "n_same")?,
        failed: number(item, "n_bad")?,
        failures: failures.iter().map(failure).collect::<Result<_>>()?,
        done: item.contains_key("fin"),
        moved: Timestamp::from_micros(number(item, "moved")?),
    })
}
