//! The engine behind the front: dynoxide, in this process, in memory or on one SQLite file. Tables
//! come from the template; those that exist are kept. Absent: PartiQL, streams, tags, table updates.

use crate::error::{Error, Result};
use crate::template::Table;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt;
use std::path::Path;

type Answer = std::result::Result<Vec<u8>, DynoxideError>;

/// DynamoDB in this process, without a front.
#[derive(Clone)]
pub struct Engine(Database);

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl Engine {
    /// One without tables, which ends with the last copy of it.
    ///
    /// # Errors
    /// If SQLite does not start.
    pub fn memory() -> Result<Self> {
        Self::open(None, &[])
    }

    pub(crate) fn open(file: Option<&Path>, tables: &[Table]) -> Result<Self> {
        let failed = |error: DynoxideError| Error::new(format!("cannot open the tables: {error}"));
        let engine = Self(match file {
            Some(file) => Database::new(&file.to_string_lossy()).map_err(failed)?,
            None => Database::memory().map_err(failed)?,
        });
        for table in tables {
            engine
                .create(table)
                .map_err(|error| Error::new(format!("cannot create the table {}: {error}", table.name)))?;
        }
        Ok(engine)
    }

    fn create(&self, table: &Table) -> std::result::Result<(), DynoxideError> {
        let name = json!({ "TableName": table.name });
        if let Err(DynoxideError::ResourceNotFoundException(_)) = self.call("DescribeTable", &name) {
            self.call("CreateTable", &table.create)?;
        }
        let Some(attribute) = &table.ttl else { return Ok(()) };
        let now: Value = serde_json::from_slice(&self.call("DescribeTimeToLive", &name)?).unwrap_or_default();
        if now["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED" {
            let specification = json!({ "AttributeName": attribute, "Enabled": true });
            self.call(
                "UpdateTimeToLive",
                &json!({ "TableName": table.name, "TimeToLiveSpecification": specification }),
            )?;
        }
        Ok(())
    }

    pub(crate) fn sweep_ttl(&self) -> usize {
        self.0.sweep_ttl().unwrap_or(0)
    }

    /// Blocking: one operation of the DynamoDB API, JSON to JSON, with the status that goes with it.
    pub fn answer(&self, operation: &str, request: &Value) -> (u16, Vec<u8>) {
        match self.call(operation, request) {
            Ok(payload) => (200, payload),
            Err(error) => (error.status_code(), error.to_json().into_bytes()),
        }
    }

    fn call(&self, operation: &str, request: &Value) -> Answer {
        let db = &self.0;
        match operation {
            "GetItem" => write(&db.get_item(read(request)?)?),
            "PutItem" => write(&db.put_item(read(request)?)?),
            "UpdateItem" => write(&db.update_item(read(request)?)?),
            "DeleteItem" => write(&db.delete_item(read(request)?)?),
            "Query" => write(&db.query(read(request)?)?),
            "Scan" => write(&db.scan(read(request)?)?),
            "BatchGetItem" => write(&db.batch_get_item(read(request)?)?),
            "BatchWriteItem" => write(&db.batch_write_item(read(request)?)?),
            "TransactGetItems" => write(&db.transact_get_items(read(request)?)?),
            "TransactWriteItems" => write(&db.transact_write_items(read(request)?)?),
            "CreateTable" => write(&db.create_table(read(request)?)?),
            "DeleteTable" => write(&db.delete_table(read(request)?)?),
            "DescribeTable" => write(&db.describe_table(read(request)?)?),
            "ListTables" => write(&db.list_tables(read(request)?)?),
            "DescribeTimeToLive" => write(&db.describe_time_to_live(read(request)?)?),
            "UpdateTimeToLive" => write(&db.update_time_to_live(read(request)?)?),
            _ => Err(DynoxideError::UnsupportedCapability(format!(
                "this stack does not emulate the operation `{operation}`"
            ))),
        }
    }
}

/// The engine's own reading marks refusals of DynamoDB's with this word.
fn read<T: DeserializeOwned>(request: &Value) -> std::result::Result<T, DynoxideError> {
    // By way of text: the engine's types are written for a text parser.
    serde_json::from_str(&request.to_string()).map_err(|error| {
        let message = error.to_string();
        match message.split_once("VALIDATION:") {
            Some((_, marked)) => {
                DynoxideError::ValidationException(marked.split(" at line ").next().unwrap_or(marked).to_owned())
            }
            None => DynoxideError::ValidationException(message),
        }
    })
}

fn write<T: Serialize>(response: &T) -> Answer {
    serde_json::to_vec(response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}
