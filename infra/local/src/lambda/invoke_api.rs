//! Lambda's Invoke API, for functions without a route (`aws lambda invoke --endpoint-url ...`) and for
//! functions that invoke others, if their policies let them.
//! Absent: every other Lambda API, log tails, qualifiers.

use super::{InvokeError, Lambda, MAX_EVENT};
use crate::iam::{self, Policies};
use crate::server::{self, Request, Response};
use crate::template::{ACCOUNT, REGION};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) async fn answer(lambda: Arc<Lambda>, policies: &Policies, request: Request) -> Option<Response> {
    let name =
        request.uri.path().strip_prefix("/2015-03-31/functions/").and_then(|rest| rest.strip_suffix("/invocations"));
    let (&Method::POST, Some(name)) = (&request.method, name) else {
        return Some(refuse(
            StatusCode::NOT_FOUND,
            "UnknownOperationException",
            "this stack emulates Lambda's Invoke API only",
        ));
    };
    // A name, or an ARN (whose colons the CLI sends encoded).
    let name = name.replace("%3A", ":").rsplit(':').next().unwrap_or_default().to_owned();
    if let Some(caller) = iam::caller(request.header("authorization")) {
        let arn = format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}");
        if let Err(denial) = policies.check(&caller.function, "lambda:InvokeFunction", &arn) {
            return Some(refuse(StatusCode::FORBIDDEN, "AccessDeniedException", &denial));
        }
    }
    let event = if request.body.is_empty() { "{}".into() } else { request.body.clone() };
    if serde_json::from_slice::<Value>(&event).is_err() {
        return Some(refuse(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContentException",
            "Could not parse request body into json",
        ));
    }
    if lambda.logs(&name).is_none() {
        return Some(failure(&InvokeError::NoSuchFunction(name)));
    }
    let asynchronous = match request.header("x-amz-invocation-type").unwrap_or("RequestResponse") {
        "RequestResponse" => false,
        "Event" => true,
        "DryRun" => return Some(server::respond(StatusCode::NO_CONTENT, "application/json", "")),
        other => {
            return Some(refuse(
                StatusCode::BAD_REQUEST,
                "InvalidParameterValueException",
                &format!("no invocation type `{other}`"),
            ));
        }
    };
    if asynchronous && event.len() > MAX_EVENT {
        let why = format!(
            "{} byte payload is too large for the Event invocation type (limit {MAX_EVENT} bytes)",
            event.len()
        );
        return Some(refuse(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", &why));
    }
    if asynchronous {
        lambda.invoke_in_background(&name, event);
        return Some(server::respond(StatusCode::ACCEPTED, "application/json", ""));
    }
    // Spawned, so that a caller that goes away does not take the invocation with it.
    let task = tokio::spawn(async move { lambda.invoke(&name, event).await });
    Some(match task.await {
        Ok(Ok(payload)) => {
            let mut response = server::respond(StatusCode::OK, "application/json", payload);
            server::set(&mut response, "x-amz-executed-version", "$LATEST");
            response
        }
        Ok(Err(error)) => failure(&error),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", "the stack is shutting down"),
    })
}

fn failure(error: &InvokeError) -> Response {
    let status = match error {
        InvokeError::NoSuchFunction(_) => StatusCode::NOT_FOUND,
        InvokeError::RequestTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        InvokeError::Throttled | InvokeError::Dropped => StatusCode::TOO_MANY_REQUESTS,
        _ => {
            let mut response = server::json(StatusCode::OK, &error.payload());
            server::set(&mut response, "x-amz-function-error", "Unhandled");
            return response;
        }
    };
    let kind = error.payload()["errorType"].as_str().unwrap_or_default().to_owned();
    refuse(status, &kind, &error.to_string())
}

fn refuse(status: StatusCode, kind: &str, why: &str) -> Response {
    let mut response = server::json(status, &json!({ "Type": "User", "Message": why }));
    server::set(&mut response, "x-amzn-errortype", kind);
    response
}
