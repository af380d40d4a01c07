//! The Lambda Runtime API of one process: each process has its own port, because the protocol does
//! not say who is asking. `/next` blocks until there is an invocation and never answers 204.
//! Absent: the extensions and telemetry APIs, response streaming, X-Ray.

use super::MAX_PAYLOAD;
use super::error::InvokeError;
use crate::server::{self, Request, Response};
use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

pub(crate) struct Invocation {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) deadline_ms: u64,
    pub(crate) event: Bytes,
    pub(crate) reply: Reply,
    /// Set when the process has fetched it: from then on it may have had effects.
    pub(crate) delivered: Arc<AtomicBool>,
}

pub(crate) struct RuntimeApi {
    queue: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    current: Mutex<Option<(String, Reply)>>,
    pub(crate) init_error: Mutex<Option<String>>,
    ready: watch::Sender<bool>,
}

impl RuntimeApi {
    pub(crate) fn new(queue: mpsc::UnboundedReceiver<Invocation>, ready: watch::Sender<bool>) -> Self {
        Self { queue: queue.into(), current: Mutex::new(None), init_error: Mutex::new(None), ready }
    }

    pub(crate) async fn answer(&self, request: Request) -> Option<Response> {
        let path = request.uri.path().strip_prefix("/2018-06-01/runtime/").unwrap_or_default();
        match (&request.method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => Some(self.finish(id, response(request.body))),
            (&Method::POST, ["invocation", id, "error"]) => {
                Some(self.finish(id, Err(InvokeError::Function(diagnostic(&request.body)))))
            }
            (&Method::POST, ["init", "error"]) => {
                if let Ok(mut init_error) = self.init_error.lock() {
                    *init_error = Some(diagnostic(&request.body).to_string());
                }
                Some(accepted())
            }
            _ => Some(refuse(StatusCode::NOT_FOUND, "InvalidPath", "this is not a path of the Lambda Runtime API")),
        }
    }

    async fn next(&self) -> Option<Response> {
        self.ready.send_replace(true);
        let invocation = self.queue.lock().await.recv().await?;
        invocation.delivered.store(true, Ordering::SeqCst);
        let mut response = server::respond(StatusCode::OK, "application/json", invocation.event);
        server::set(&mut response, "lambda-runtime-aws-request-id", &invocation.id);
        server::set(&mut response, "lambda-runtime-deadline-ms", &invocation.deadline_ms.to_string());
        server::set(&mut response, "lambda-runtime-invoked-function-arn", &invocation.arn);
        server::set(&mut response, "lambda-runtime-trace-id", &trace_id(&invocation.id, invocation.deadline_ms));
        if let Ok(mut current) = self.current.lock() {
            *current = Some((invocation.id, invocation.reply));
        }
        Some(response)
    }

    fn finish(&self, id: &str, outcome: Result<Bytes, InvokeError>) -> Response {
        let reply = match self.current.lock() {
            Ok(mut current) => current.take_if(|(current, _)| current == id),
            Err(_) => None,
        };
        let Some((_, reply)) = reply else {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "no such invocation is under way");
        };
        let too_large = matches!(outcome, Err(InvokeError::ResponseTooLarge(_)));
        let _ = reply.send(outcome); // nobody waits any more once an invocation has timed out
        if too_large {
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "Function.ResponseSizeTooLarge",
                "Exceeded maximum allowed payload size",
            );
        }
        accepted()
    }
}

fn response(body: Bytes) -> Result<Bytes, InvokeError> {
    if body.len() > MAX_PAYLOAD { Err(InvokeError::ResponseTooLarge(body.len())) } else { Ok(body) }
}

fn diagnostic(body: &Bytes) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| json!({ "errorType": "Unknown", "errorMessage": String::from_utf8_lossy(body) }))
}

fn accepted() -> Response {
    server::json(StatusCode::ACCEPTED, &json!({ "status": "OK" }))
}

fn refuse(status: StatusCode, kind: &str, why: &str) -> Response {
    server::json(status, &json!({ "errorType": kind, "errorMessage": why }))
}

fn trace_id(id: &str, epoch_ms: u64) -> String {
    let hex: String = id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    format!("Root=1-{:08x}-{hex:0>24};Parent={:0>16};Sampled=0", epoch_ms / 1000, &hex[..hex.len().min(16)])
}
