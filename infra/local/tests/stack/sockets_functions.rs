//! The functions behind the WebSocket API of these tests.

use crate::client::{invoke, send};
use aws_sdk_apigatewaymanagement::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_apigatewaymanagement::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_apigatewaymanagement::primitives::{Blob, DateTime};
use aws_sdk_apigatewaymanagement::{Client, Config};
use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use std::env::var;

pub(crate) async fn socket(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    let context = &event["requestContext"];
    let message: Value = serde_json::from_str(event["body"].as_str().unwrap_or_default()).unwrap_or_default();
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    let answer = |body: Value| {
        Ok(json!({ "statusCode": 200, "body": body.as_str().map_or_else(|| body.to_string(), str::to_owned) }))
    };
    match context["routeKey"].as_str().unwrap_or_default() {
        "$connect" => connect(&event).await,
        "$disconnect" => {
            println!("disconnected {} {event}", context["connectionId"].as_str().unwrap_or_default());
            Ok(json!({ "statusCode": 200 }))
        }
        "event" => answer(event),
        "echo" | "silent" | "slow" => {
            println!("told {}", text("text"));
            if context["routeKey"] == "slow" {
                std::future::pending::<()>().await;
            }
            answer(text("text").into())
        }
        "manage" | "stranger" => answer(manage(text("call"), text("id"), text("text")).await.into()),
        "invoke" => {
            let status = invoke(&var("AWS_ENDPOINT_URL_LAMBDA")?, text("function"), "Event", &message["event"]).await?;
            answer(json!({ "status": status }))
        }
        // Answers once the test has answered: so the test decides what overlaps.
        "meet" => {
            send(text("at"), [127, 0, 0, 1].into(), "GET / HTTP/1.1\r\n", b"").await?;
            answer(text("text").into())
        }
        "fail" => Err("on purpose".into()),
        "bare" => Ok(Value::Null),
        _ => answer(json!({ "default": event["body"] })),
    }
}

async fn connect(event: &Value) -> Result<Value, Error> {
    let query = |name: &str| event["queryStringParameters"][name].as_str();
    println!("connected {event}");
    if let Some(at) = query("meet") {
        send(at, [127, 0, 0, 1].into(), "GET / HTTP/1.1\r\n", b"").await?;
    }
    if let Some(status) = query("status") {
        return Ok(json!({ "statusCode": status.parse::<u16>()? }));
    }
    if query("fail").is_some() {
        return Err("on purpose".into());
    }
    let asked = event["headers"]["Sec-WebSocket-Protocol"].as_str().and_then(|asked| asked.split(',').next());
    Ok(json!({ "statusCode": 200, "headers": asked.map(|asked| json!({ "Sec-WebSocket-Protocol": asked })) }))
}

/// A call of the AWS SDK, and what it made of the answer.
async fn manage(call: &str, id: &str, text: &str) -> String {
    let variable = |name: &str| var(name).unwrap_or_default();
    let credentials = Credentials::new(variable("AWS_ACCESS_KEY_ID"), "local", None, None, "test");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(variable("CONNECTIONS_URL"))
        .retry_config(aws_sdk_apigatewaymanagement::config::retry::RetryConfig::disabled())
        .credentials_provider(credentials)
        .build();
    let client = Client::from_conf(config);
    match call {
        "post" => {
            let data = Blob::new(text);
            outcome(client.post_to_connection().connection_id(id).data(data).send().await, |_| "posted".to_owned())
        }
        // As many as one connection's buffer takes.
        "flood" => {
            let data = Blob::new("x".repeat(128 * 1024));
            for _ in 0..2_000 {
                let posted = client.post_to_connection().connection_id(id).data(data.clone()).send().await;
                if posted.is_err() {
                    return outcome(posted, |_| String::new());
                }
            }
            "never full".to_owned()
        }
        "large" => {
            let data = Blob::new("x".repeat(128 * 1024 + 1));
            outcome(client.post_to_connection().connection_id(id).data(data).send().await, |_| "posted".to_owned())
        }
        "get" => outcome(client.get_connection().connection_id(id).send().await, |got| {
            let source = got.identity().and_then(|identity| Some(identity.source_ip()?.to_owned()));
            let times = (got.connected_at().map(DateTime::secs), got.last_active_at().map(DateTime::secs));
            json!({ "sourceIp": source, "connectedAt": times.0, "lastActiveAt": times.1 }).to_string()
        }),
        "delete" => outcome(client.delete_connection().connection_id(id).send().await, |_| "deleted".to_owned()),
        _ => "no such call".to_owned(),
    }
}

fn outcome<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>, describe: impl Fn(T) -> String) -> String {
    match result {
        Ok(done) => describe(done),
        Err(error) => match error.as_service_error() {
            Some(service) => format!("{}: {}", service.code().unwrap_or("?"), service.message().unwrap_or("?")),
            None => "no service error".to_owned(),
        },
    }
}

/// Background work: prints, and fails as often as it is told to.
pub(crate) async fn task(event: LambdaEvent<Value>) -> Result<Value, Error> {
    println!("task {} {}", event.payload["text"].as_str().unwrap_or_default(), event.context.request_id);
    if let Some(at) = event.payload["at"].as_str() {
        send(at, [127, 0, 0, 1].into(), "GET / HTTP/1.1\r\n", b"").await?;
    }
    if event.payload["fail"] == true { Err("on purpose".into()) } else { Ok(Value::Null) }
}

/// An authoriser that believes what it is told.
pub(crate) async fn doorkeeper(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let event = event.payload;
    assert_eq!((&event["type"], event.get("isBase64Encoded")), (&json!("REQUEST"), None));
    let policy = |effect: &str| {
        let statement = json!({ "Effect": effect, "Action": "execute-api:Invoke", "Resource": event["methodArn"] });
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    match event["queryStringParameters"]["token"].as_str().unwrap_or_default() {
        "ann" => Ok(
            json!({ "principalId": "ann", "policyDocument": policy("Allow"), "context": { "level": 5, "tenant": "t1" } }),
        ),
        "bob" => Ok(json!({ "principalId": "bob", "policyDocument": policy("Deny") })),
        "nobody" => Err("Unauthorized".into()),
        _ => Err("on purpose".into()),
    }
}
