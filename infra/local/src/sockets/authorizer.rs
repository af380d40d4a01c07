//! The REQUEST authoriser of `$connect`: a function that answers with a policy and, for every event of
//! the connection, a context. Absent: its cache (every connection asks), and Deny beside Allow for
//! parts of the API: the policy must cover `$connect`.

use super::connection::Connection;
use super::event::{self, Opening};
use super::opening::Refusal;
use crate::lambda::Lambda;
use crate::template::{Authorizer, IdentitySource, WebSocketApi, covers, identity_source};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(29);

pub(super) async fn ask(
    api: &WebSocketApi,
    lambda: &Arc<Lambda>,
    authorizer: &Authorizer,
    connection: &Connection,
    opening: &Opening,
    request_id: &str,
) -> Result<Value, Refusal> {
    let present = |source: &String| match identity_source(source) {
        Some(IdentitySource::Header(name)) => opening.header(name).is_some_and(|value| !value.is_empty()),
        Some(IdentitySource::Query(name)) => opening.query.contains_key(name),
        None => false,
    };
    if !authorizer.sources.iter().all(present) {
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
    }
    let failed = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
    let event = event::authorize(api, connection, opening, request_id).to_string();
    let (lambda, function) = (Arc::clone(lambda), authorizer.function.clone());
    let invocation = tokio::spawn(async move { lambda.invoke(&function, event.into()).await });
    let answer = match tokio::time::timeout(PATIENCE, invocation).await {
        Ok(Ok(Ok(payload))) => serde_json::from_slice::<Value>(&payload).map_err(|_| failed())?,
        // An authoriser that fails with exactly this word means it.
        Ok(Ok(Err(error))) if error.payload()["errorMessage"] == "Unauthorized" => {
            return Err(Refusal::new(StatusCode::UNAUTHORIZED, "Unauthorized"));
        }
        _ => return Err(failed()),
    };
    let principal = answer["principalId"].as_str().ok_or_else(failed)?;
    let statements = answer["policyDocument"]["Statement"].as_array().ok_or_else(failed)?;
    if !allowed(statements, &event::method_arn(api, "$connect")) {
        return Err(Refusal::new(StatusCode::FORBIDDEN, "Forbidden"));
    }
    let mut context = json!({});
    for (name, value) in answer["context"].as_object().into_iter().flatten() {
        context[name.as_str()] = match value {
            Value::Object(_) | Value::Array(_) => return Err(failed()),
            Value::String(text) => text.clone().into(),
            other => other.to_string().into(),
        };
    }
    context["principalId"] = principal.into();
    Ok(context)
}

fn allowed(statements: &[Value], arn: &str) -> bool {
    let effects = statements.iter().filter(|statement| {
        words(&statement["Action"]).any(|action| covers(action, "execute-api:Invoke"))
            && words(&statement["Resource"]).any(|resource| covers(resource, arn))
    });
    let effects: Vec<_> = effects.filter_map(|statement| statement["Effect"].as_str()).collect();
    effects.contains(&"Allow") && !effects.contains(&"Deny")
}

/// One word, or a list of them.
fn words(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().chain([value]).filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_allows_what_it_covers_and_does_not_deny() {
        let arn = "arn:aws:execute-api:us-east-1:123456789012:api/prod/$connect";
        let statement = |effect: &str, action: &str, resource: Value| json!({ "Effect": effect, "Action": action, "Resource": resource });
        let invoke = "execute-api:Invoke";
        assert!(allowed(&[statement("Allow", invoke, json!(arn))], arn));
        assert!(allowed(&[statement("Allow", "*", json!(["x", "arn:aws:execute-api:*/prod/*"]))], arn));
        assert!(!allowed(&[statement("Allow", invoke, json!("arn:aws:execute-api:*/dev/*"))], arn));
        assert!(!allowed(&[statement("Allow", "*", json!("*")), statement("Deny", invoke, json!(arn))], arn));
        assert!(!allowed(&[], arn));
    }
}
