//! The functions of these tests, on the real Lambda runtime.

use crate::client::{aws, dynamodb, send};
use crate::sockets_functions::{doorkeeper, socket, task};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::env::var;

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run() -> Result<(), Error> {
    match var("AWS_LAMBDA_FUNCTION_NAME")?.as_str() {
        "rotate" => lambda_runtime::run(service_fn(rotate)).await,
        "socket" | "stranger" => lambda_runtime::run(service_fn(socket)).await,
        "doorkeeper" => lambda_runtime::run(service_fn(doorkeeper)).await,
        "task" => lambda_runtime::run(service_fn(task)).await,
        "broken" => std::process::exit(7),
        _ => lambda_runtime::run(service_fn(probe)).await,
    }
}

async fn probe(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    let field = |name: &str| event["queryStringParameters"][name].as_str().unwrap_or_default().to_owned();
    match event["rawPath"].as_str().unwrap_or_default() {
        "/crash" => std::process::exit(3),
        "/hang" => std::future::pending().await,
        "/error" => Err("on purpose".into()),
        "/env" => Ok(std::env::vars()
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .map(|(name, value)| (name, Value::from(value)))
            .collect()),
        "/event" => Ok(event),
        "/context" => {
            Ok(json!({ "deadline": context.deadline, "arn": context.invoked_function_arn, "id": context.request_id }))
        }
        "/print" => {
            println!("printed {}", field("what"));
            Ok(json!({ "pid": std::process::id() }))
        }
        // Answers once the test has answered: so the test decides what overlaps.
        "/meet" => {
            send(&field("at"), [127, 0, 0, 1].into(), "GET / HTTP/1.1\r\n", b"").await?;
            Ok(json!({ "pid": std::process::id() }))
        }
        "/put" => {
            let item = json!({ "TableName": field("table"), "Item": { "pk": { "S": field("pk") } } });
            let reply =
                aws(&var("AWS_ENDPOINT_URL_DYNAMODB")?, &dynamodb("PutItem"), &var("AWS_ACCESS_KEY_ID")?, &item)
                    .await?;
            Ok(json!({ "status": reply.status, "body": reply.body }))
        }
        _ => Ok(json!({ "pid": std::process::id() })),
    }
}

/// The shape of a Secrets Manager rotation: the new value is the version's id.
async fn rotate(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (secret, token) = (&event.payload["SecretId"], &event.payload["ClientRequestToken"]);
    let call = async |operation: &str, body: Value| -> Result<Value, Error> {
        let target = format!("secretsmanager.{operation}");
        let reply = aws(&var("AWS_ENDPOINT_URL_SECRETS_MANAGER")?, &target, &var("AWS_ACCESS_KEY_ID")?, &body).await?;
        if reply.status == 200 { Ok(reply.json()) } else { Err(reply.body.into()) }
    };
    println!("step {}", event.payload["Step"]);
    match event.payload["Step"].as_str() {
        Some("createSecret") => {
            let stages = call("DescribeSecret", json!({ "SecretId": secret })).await?;
            assert_eq!(stages["VersionIdsToStages"][token.as_str().unwrap_or_default()], json!(["AWSPENDING"]));
            call("PutSecretValue", json!({ "SecretId": secret, "ClientRequestToken": token, "SecretString": token, "VersionStages": ["AWSPENDING"] })).await
        }
        Some("testSecret") => {
            call("GetSecretValue", json!({ "SecretId": secret, "VersionId": token, "VersionStage": "AWSPENDING" }))
                .await
        }
        Some("finishSecret") => {
            let current = call("GetSecretValue", json!({ "SecretId": secret })).await?;
            let body = json!({ "SecretId": secret, "VersionStage": "AWSCURRENT", "MoveToVersionId": token, "RemoveFromVersionId": current["VersionId"] });
            call("UpdateSecretVersionStage", body).await
        }
        _ => Ok(Value::Null),
    }
}
