//! DynamoDB as the functions see it: the engine, behind a front that knows who calls, enforces the
//! template's policies, counts, and can fail on demand. Absent: DynamoDB Streams, signatures,
//! throttling by capacity.

mod access;
mod calls;
mod engine;
mod faults;

pub use calls::Call;
pub(crate) use calls::Calls;
pub use engine::Engine;
pub(crate) use faults::Faults;
pub use faults::{Fault, Rule};

use crate::iam::{self, Caller, Policies};
use crate::lambda::Lambda;
use crate::server::{self, Request, Response};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};

pub(crate) const BODY_LIMIT: usize = 16 * 1024 * 1024;
/// Where the stack says what its functions asked for since it started; AWS has no such path.
const TALLIES: &str = "/calls";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

pub(crate) struct Front {
    pub(crate) engine: Engine,
    pub(crate) policies: Arc<Policies>,
    pub(crate) calls: Calls,
    pub(crate) faults: Faults,
    /// Set once Lambda exists, which needs this service's address first.
    pub(crate) lambda: OnceLock<Arc<Lambda>>,
}

impl Front {
    pub(crate) fn new(engine: Engine, policies: Arc<Policies>) -> Self {
        Self { engine, policies, calls: Calls::default(), faults: Faults::default(), lambda: OnceLock::new() }
    }

    pub(crate) async fn answer(&self, request: Request) -> Option<Response> {
        if request.method == Method::GET {
            if request.uri.path() == TALLIES {
                let tallies = json!(self.calls.tallies());
                return Some(server::respond(StatusCode::OK, "application/json", tallies.to_string()));
            }
            return Some(server::respond(StatusCode::OK, "text/plain", "healthy: dynamodb.us-east-1.amazonaws.com "));
        }
        let operation = request.header("x-amz-target").and_then(|target| target.strip_prefix("DynamoDB_20120810."));
        let Some(operation) = operation.map(str::to_owned) else {
            return Some(error(
                "com.amazon.coral.service#UnknownOperationException",
                "this stack emulates DynamoDB_20120810 only",
            ));
        };
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
            return Some(error("com.amazon.coral.service#SerializationException", "the body is not JSON"));
        };
        match iam::caller(request.header("authorization")) {
            None => Some(self.apply(operation, body).await),
            Some(caller) => self.function_calls(caller, operation, body).await,
        }
    }

    async fn function_calls(&self, caller: Caller, operation: String, mut body: Value) -> Option<Response> {
        let accesses = access::of(&operation, &body);
        for access in &accesses {
            if let Err(denial) =
                self.policies.check(&caller.function, &format!("dynamodb:{}", access.action), &access.arn())
            {
                return Some(error("com.amazon.coral.service#AccessDeniedException", &denial));
            }
        }
        let mut tables: Vec<_> = accesses.into_iter().map(|access| access.table).collect();
        tables.dedup();
        // Capacity is always measured, and shown to the function only if it asked.
        let asked = body.get("ReturnConsumedCapacity").is_some_and(|asked| asked != "NONE");
        if !asked && let Some(body) = body.as_object_mut() {
            body.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        }
        let fault = self.faults.next(&caller.function, &operation);
        match fault {
            Some(Fault::Delay(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Meet) => self.faults.meet(&operation).await,
            Some(Fault::KillBefore) => return self.kill(&caller).await,
            Some(Fault::Dark) => return None,
            Some(fault) => {
                if let Some(refusal) = faults::refusal(fault) {
                    self.calls.add(
                        &caller.function,
                        Call {
                            operation,
                            tables,
                            conditional_failed: false,
                            status: refusal.status().as_u16(),
                            capacity: None,
                        },
                    );
                    return Some(refusal);
                }
            }
            None => {}
        }
        let (status, payload) = self.run(operation.clone(), body).await;
        let (capacity, payload) = measure(payload, asked);
        let conditional_failed =
            status != StatusCode::OK && String::from_utf8_lossy(&payload).contains("ConditionalCheckFailed");
        self.calls
            .add(&caller.function, Call { operation, tables, conditional_failed, status: status.as_u16(), capacity });
        match fault {
            Some(Fault::KillAfter) => self.kill(&caller).await,
            Some(Fault::LoseAnswer) => None,
            _ => Some(reply(status, payload)),
        }
    }

    async fn apply(&self, operation: String, body: Value) -> Response {
        let (status, payload) = self.run(operation, body).await;
        reply(status, payload)
    }

    async fn run(&self, operation: String, body: Value) -> (StatusCode, Vec<u8>) {
        let engine = self.engine.clone();
        // The engine blocks; a thread of its own keeps the servers answering.
        match tokio::task::spawn_blocking(move || engine.answer(&operation, &body)).await {
            Ok((status, payload)) => {
                (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), payload)
            }
            Err(error) => {
                (StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": error.to_string() }).to_string().into_bytes())
            }
        }
    }

    /// End the caller's process, and answer it with nothing.
    async fn kill(&self, caller: &Caller) -> Option<Response> {
        if let (Some(lambda), Some(serial)) = (self.lambda.get(), caller.serial) {
            lambda.kill(&caller.function, serial).await;
        }
        None
    }
}

/// The capacity units that a response states.
pub fn units(response: &Value) -> Option<f64> {
    match &response["ConsumedCapacity"] {
        Value::Array(tables) => Some(tables.iter().filter_map(|table| table["CapacityUnits"].as_f64()).sum()),
        table => table["CapacityUnits"].as_f64(),
    }
}

/// The capacity that the response states, and the response without it unless it was asked for.
fn measure(payload: Vec<u8>, asked: bool) -> (Option<f64>, Vec<u8>) {
    let Ok(mut response) = serde_json::from_slice::<Value>(&payload) else { return (None, payload) };
    let units = units(&response);
    let removed =
        !asked && response.as_object_mut().is_some_and(|response| response.remove("ConsumedCapacity").is_some());
    if removed { (units, response.to_string().into_bytes()) } else { (units, payload) }
}

fn reply(status: StatusCode, payload: Vec<u8>) -> Response {
    let mut response = server::respond(status, CONTENT_TYPE, payload);
    server::set(&mut response, "x-amzn-requestid", &crate::random::uuid().unwrap_or_default());
    response
}

fn error(kind: &str, text: &str) -> Response {
    reply(StatusCode::BAD_REQUEST, json!({ "__type": kind, "Message": text, "message": text }).to_string().into_bytes())
}
