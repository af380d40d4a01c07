//! What a DynamoDB request touches: the IAM actions and the tables, as AWS authorises them. A
//! transaction is authorised item by item.

use serde_json::Value;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Access {
    pub(crate) action: String,
    pub(crate) table: String,
    pub(crate) index: Option<String>,
}

impl Access {
    fn new(action: &str, request: &Value) -> Self {
        let name = request["TableName"].as_str().unwrap_or("*");
        let table = name.rsplit('/').next().unwrap_or(name).to_owned();
        Self { action: action.to_owned(), table, index: request["IndexName"].as_str().map(str::to_owned) }
    }

    pub(crate) fn arn(&self) -> String {
        let table = crate::template::table_arn(&self.table);
        self.index.as_ref().map_or(table.clone(), |index| format!("{table}/index/{index}"))
    }
}

pub(crate) fn of(operation: &str, request: &Value) -> Vec<Access> {
    match operation {
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = request["RequestItems"].as_object().into_iter().flat_map(|items| items.keys());
            tables.map(|table| Access::new(operation, &serde_json::json!({ "TableName": table }))).collect()
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let items =
                request["TransactItems"].as_array().into_iter().flatten().filter_map(Value::as_object).flatten();
            items
                .map(|(kind, item)| {
                    let action = match kind.as_str() {
                        "Put" => "PutItem",
                        "Update" => "UpdateItem",
                        "Delete" => "DeleteItem",
                        "ConditionCheck" => "ConditionCheckItem",
                        "Get" => "GetItem",
                        other => other,
                    };
                    Access::new(action, item)
                })
                .collect()
        }
        _ => vec![Access::new(operation, request)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(operation: &str, request: &Value) -> Vec<String> {
        of(operation, request)
            .iter()
            .map(|access| format!("{} {}", access.action, access.arn().rsplit_once(":table/").unwrap().1))
            .collect()
    }

    #[test]
    fn transactions_are_authorised_item_by_item() {
        let request = json!({"TransactItems": [{"Put": {"TableName": "A"}}, {"ConditionCheck": {"TableName": "B"}}, {"Delete": {"TableName": "A"}}]});
        assert_eq!(summary("TransactWriteItems", &request), ["PutItem A", "ConditionCheckItem B", "DeleteItem A"]);
    }

    #[test]
    fn batches_name_their_tables_and_queries_their_index() {
        assert_eq!(
            summary("BatchGetItem", &json!({"RequestItems": {"A": {}, "B": {}}})),
            ["BatchGetItem A", "BatchGetItem B"]
        );
        assert_eq!(summary("Query", &json!({"TableName": "A", "IndexName": "i"})), ["Query A/index/i"]);
        assert_eq!(summary("GetItem", &json!({"TableName": "arn:aws:dynamodb:us-east-1:1:table/A"})), ["GetItem A"]);
    }
}
