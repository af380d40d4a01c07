//! AWS::DynamoDB::Table, as the CreateTable request that the engine takes. Absent: streams,
//! replicas, provisioned throughput (every table behaves as PAY_PER_REQUEST), imports.

use super::fields::Fields;
use super::intrinsics::{ACCOUNT, REGION};
use super::yaml::{Node, Refusal};
use serde_json::json;

#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// The physical name, which is the logical id.
    pub(crate) name: String,
    pub(crate) create: serde_json::Value,
    /// The attribute whose time, once past, lets the item be deleted.
    pub(crate) ttl: Option<String>,
}

pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}")
}

pub(crate) fn read(id: &str, properties: &mut Fields<'_>) -> Result<Table, Refusal> {
    properties.ignore(&[
        "BillingMode",
        "DeletionProtectionEnabled",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
        "TableClass",
        "Tags",
    ]);
    let mut create = json!({
        "TableName": id,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": properties.need("AttributeDefinitions")?.json(),
        "KeySchema": properties.need("KeySchema")?.json(),
    });
    for index in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(node) = properties.take(index) {
            create[index] = node.json();
        }
    }
    let ttl = properties.take("TimeToLiveSpecification").map(time_to_live).transpose()?.flatten();
    Ok(Table { name: id.to_owned(), create, ttl })
}

fn time_to_live(node: &Node) -> Result<Option<String>, Refusal> {
    let mut fields = Fields::of(node, "property", "TimeToLiveSpecification")?;
    let attribute = fields.need("AttributeName")?.text()?.to_owned();
    let enabled = fields.need("Enabled")?.boolean()?;
    fields.finish()?;
    Ok(enabled.then_some(attribute))
}
