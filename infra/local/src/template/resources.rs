//! The resource types that the stack knows, and the order in which they are read. A type that is not
//! here is refused at its line.

use super::fields::Fields;
use super::function::{self, Globals};
use super::intrinsics::{ACCOUNT, REGION, Resource};
use super::yaml::{Node, Refusal};
use super::{Template, bucket, http_api, secret, table, websocket_api};
use std::collections::HashMap;

/// Name and ARN of every resource, before anything refers to them.
pub(crate) fn names(resources: &Node) -> Result<HashMap<String, Resource>, Refusal> {
    let mut names = HashMap::new();
    for (key, node) in resources.entries()? {
        let (id, mut fields) = (&key.name, Fields::of(node, "attribute", format!("the resource {}", key.name))?);
        let kind = fields.need("Type")?.text()?.to_owned();
        let (reference, arn) = match kind.as_str() {
            "AWS::Serverless::Function" => {
                let name = function::binary(node, id)?;
                let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
                (name, Some(arn))
            }
            "AWS::DynamoDB::Table" => (id.clone(), Some(table::arn(id))),
            "AWS::S3::Bucket" => (bucket::name(id), Some(bucket::arn(id))),
            "AWS::SecretsManager::Secret" => (secret::arn(id), None),
            "AWS::Logs::LogGroup" => (id.clone(), Some(format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{id}:*"))),
            "AWS::Serverless::HttpApi" => (id.to_ascii_lowercase(), None),
            "AWS::Serverless::WebSocketApi" => {
                for route in websocket_api::route_ids(id, fields.take("Properties"))? {
                    let kind = "AWS::ApiGatewayV2::Route".to_owned();
                    names.insert(route.clone(), Resource { kind, reference: route, arn: None });
                }
                (id.to_ascii_lowercase(), None)
            }
            _ => (id.clone(), None),
        };
        names.insert(id.clone(), Resource { kind, reference, arn });
    }
    Ok(names)
}

/// `resources` has no intrinsics left.
pub(crate) fn read(resources: &Node, globals: &Globals, template: &mut Template) -> Result<(), Refusal> {
    let mut permitted = Vec::new();
    let mut rotations = Vec::new();
    let mut responses = Vec::new();
    for (key, node) in resources.entries()? {
        let (id, mut fields) = (&key.name, Fields::of(node, "attribute", format!("the resource {}", key.name))?);
        let kind = fields.need("Type")?;
        let properties = fields.take("Properties");
        fields.ignore(&["Metadata", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy"]);
        fields.finish()?;
        let kind_text = kind.text()?;
        let empty = Node { line: key.line, value: super::yaml::Value::Mapping(Vec::new()) };
        let mut properties = Fields::of(properties.unwrap_or(&empty), "property", kind_text)?;
        match kind_text {
            "AWS::Serverless::Function" => {
                let function = function::read(id, key.line, function::binary(node, id)?, &mut properties, globals)?;
                unique(&function, template)?;
                template.functions.push(function);
            }
            "AWS::Serverless::HttpApi" => {
                template.cors = http_api::read(&mut properties)?;
                template.http_api = Some(id.to_ascii_lowercase());
            }
            "AWS::Serverless::WebSocketApi" => {
                let api = websocket_api::read(id, &mut properties)?;
                if let Some(first) = template.websocket_api.replace(api) {
                    return Refusal::at(key.line, format!("{} is a WebSocket API already", first.logical_id));
                }
            }
            "AWS::ApiGatewayV2::RouteResponse" => responses.push(websocket_api::response(key.line, &mut properties)?),
            "AWS::DynamoDB::Table" => template.tables.push(table::read(id, &mut properties)?),
            "AWS::S3::Bucket" => template.buckets.push(bucket::read(id, &mut properties)?),
            "AWS::SecretsManager::Secret" => template.secrets.push(secret::read(id, &mut properties)?),
            "AWS::SecretsManager::RotationSchedule" => rotations.push((key.line, secret::rotation(&mut properties)?)),
            "AWS::Lambda::Permission" => permitted.extend(permission(&mut properties)?),
            "AWS::Logs::LogGroup" => {
                properties.ignore(&["LogGroupName", "RetentionInDays", "KmsKeyId", "LogGroupClass", "Tags"]);
            }
            other => return Refusal::at(kind.line, format!("this stack does not emulate the resource type `{other}`")),
        }
        properties.finish()?;
    }
    for (line, rotation) in rotations {
        if !permitted.contains(&rotation.function) {
            return Refusal::at(
                line,
                format!("no AWS::Lambda::Permission lets secretsmanager.amazonaws.com invoke `{}`", rotation.function),
            );
        }
        template.rotations.push(rotation);
    }
    match (&mut template.websocket_api, responses.first()) {
        (Some(api), _) => websocket_api::connect(api, &responses, &template.functions),
        (None, Some(response)) => Refusal::at(response.line, "a route response without a WebSocket API"),
        (None, None) => Ok(()),
    }
}

fn unique(function: &super::Function, template: &Template) -> Result<(), Refusal> {
    for other in &template.functions {
        if other.name == function.name {
            return Refusal::at(function.line, format!("two functions have the binary `{}`", other.name));
        }
        if let Some(route) = other.events.iter().find(|event| function.events.contains(event)) {
            return Refusal::at(
                function.line,
                format!("`{}` and `{}` have the same route, {route}", other.name, function.name),
            );
        }
    }
    Ok(())
}

/// The function that Secrets Manager may invoke, if this is such a permission.
fn permission(properties: &mut Fields<'_>) -> Result<Option<String>, Refusal> {
    let function = properties.need("FunctionName")?.text()?;
    let principal = properties.need("Principal")?.text()?;
    properties.ignore(&["Action", "SourceAccount", "SourceArn"]);
    let name = function.rsplit(':').next().unwrap_or(function).to_owned();
    Ok((principal == "secretsmanager.amazonaws.com").then_some(name))
}
