//! API Gateway's WebSocket API: upgrades and `$connect` (`opening`), connections (`connection`),
//! messages and their routes (here), `@connections` (`management`), and faults on demand (`faults`).
//!
//! As on AWS, a connection exists for `@connections` from the moment `$connect` has answered; each
//! message is an invocation of its own, so those of one connection run at the same time and may
//! overtake each other; `$disconnect` comes after the connection is gone, if it comes.
//! Absent: TLS, compression, throttling of routes, mapping templates, access logs.

mod authorizer;
mod connection;
mod event;
mod faults;
mod management;
mod opening;

pub use faults::{Chaos, Fault, Rule};

use crate::iam::Policies;
use crate::lambda::{self, Lambda};
use crate::random;
use crate::server::{self, Request, Response};
use crate::template::{WebSocketApi, WebSocketRoute};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use connection::{Connection, Ending, MAX_MESSAGE, Unsent};
use faults::{Delivery, Faults};
use hyper::StatusCode;
use hyper::body::Bytes;
use opening::Pace;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Above what `@connections` takes, so that it gets to refuse by itself.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

/// AWS's, unless a test cannot wait for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) idle: Duration,
    pub(crate) life: Duration,
    pub(crate) connections_per_second: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { idle: Duration::from_secs(10 * 60), life: Duration::from_secs(2 * 60 * 60), connections_per_second: 500 }
    }
}

pub(crate) struct Sockets {
    api: WebSocketApi,
    lambda: Arc<Lambda>,
    policies: Arc<Policies>,
    limits: Limits,
    pace: Pace,
    pub(crate) faults: Faults,
    connections: Mutex<HashMap<String, Arc<Connection>>>,
    /// Since the last seed.
    opened: AtomicU64,
}

impl Sockets {
    pub(crate) fn new(api: WebSocketApi, lambda: Arc<Lambda>, policies: Arc<Policies>, limits: Limits) -> Self {
        Self {
            api,
            lambda,
            policies,
            limits,
            pace: Pace::new(limits.connections_per_second),
            faults: Faults::default(),
            connections: Mutex::default(),
            opened: AtomicU64::new(0),
        }
    }

    pub(crate) async fn answer(self: Arc<Self>, request: Request) -> Response {
        match self.managed(request.uri.path()) {
            Some(id) => self.manage(&request, &id),
            None => self.open(request).await,
        }
    }

    /// Every connection from now on draws its faults from this seed.
    pub(crate) fn seed(&self, seed: u64, chaos: Chaos) {
        self.opened.store(0, Ordering::Relaxed);
        self.faults.seed(seed, chaos);
    }

    /// The ids of the open connections, in the order in which they were opened.
    pub(crate) fn open_connections(&self) -> Vec<String> {
        let mut open: Vec<_> = self.lock().values().map(|c| (c.connected_ms, c.number, c.id.clone())).collect();
        open.sort();
        open.into_iter().map(|(_, _, id)| id).collect()
    }

    /// Cut a connection as a lost network does: no close frame in either direction.
    pub(crate) fn cut(&self, id: &str) -> bool {
        let found = self.find(id);
        if let Some(connection) = &found {
            self.forget(connection);
            connection.end(Ending::cut());
        }
        found.is_some()
    }

    fn find(&self, id: &str) -> Option<Arc<Connection>> {
        self.lock().get(id).cloned()
    }

    fn forget(&self, connection: &Connection) {
        self.lock().remove(&connection.id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A client's message: to its function, or back as an error.
    fn message(self: &Arc<Self>, connection: &Arc<Connection>, text: Utf8Bytes) {
        let key = self.route_key(&text);
        let Some((key, route)) = self.api.routes.get_key_value(key.as_deref().unwrap_or("$default")) else {
            refuse(connection, "Forbidden", &identifier());
            return;
        };
        for delivery in self.faults.message(connection, key) {
            let (sockets, connection) = (Arc::clone(self), Arc::clone(connection));
            let (key, route, text) = (key.clone(), route.clone(), text.clone());
            let underway = self.lambda.activity.begin();
            tokio::spawn(async move {
                sockets.deliver(&connection, &key, &route, &text, delivery).await;
                drop(underway);
            });
        }
    }

    /// The key that a message names, if such a route exists; the API's own routes cannot be named.
    fn route_key(&self, text: &str) -> Option<String> {
        let message: Value = serde_json::from_str(text).ok()?;
        let named = self.api.selection.iter().try_fold(&message, |value, name| value.get(name))?.as_str()?;
        (!named.starts_with('$') && self.api.routes.contains_key(named)).then(|| named.to_owned())
    }

    async fn deliver(
        &self,
        connection: &Arc<Connection>,
        key: &str,
        route: &WebSocketRoute,
        text: &str,
        delivery: Delivery,
    ) {
        tokio::time::sleep(delivery.delay).await;
        let request_id = identifier();
        let event = event::message(&self.api, connection, key, text, &request_id);
        let body = match self.invoke(route, event, delivery.fault).await {
            Ok(payload) => match body(&payload) {
                Some(body) if route.answers => body,
                Some(_) => return,
                None => return refuse(connection, "Internal server error", &request_id),
            },
            Err(why) => return refuse(connection, why, &request_id),
        };
        if let Some(body) = body
            && !delivery.lose_answer
        {
            // A client that does not read loses its answers; one that is gone needs none.
            let _ = self.send(connection, body.into(), delivery.answer_delay);
        }
    }

    /// Into the connection's buffer, now or after a delay that a fault asks for; room is taken now.
    fn send(&self, connection: &Arc<Connection>, text: Utf8Bytes, delay: Duration) -> Result<(), Unsent> {
        if delay.is_zero() {
            return connection.send(text);
        }
        connection.reserve(&text)?;
        let (connection, underway) = (Arc::clone(connection), self.lambda.activity.begin());
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            let _ = connection.enqueue(text);
            drop(underway);
        });
        Ok(())
    }

    /// The function's answer, or what a client is told in its place.
    async fn invoke(
        &self,
        route: &WebSocketRoute,
        event: Value,
        fault: Option<lambda::Fault>,
    ) -> Result<Bytes, &'static str> {
        let (lambda, function) = (Arc::clone(&self.lambda), route.function.clone());
        // Spawned: the gateway's timeout does not end an invocation.
        let invocation =
            tokio::spawn(async move { lambda.invoke_under(&function, event.to_string().into(), fault).await });
        match tokio::time::timeout(route.timeout, invocation).await {
            Ok(Ok(Ok(payload))) => Ok(payload),
            Ok(_) => Err("Internal server error"),
            Err(_) => Err("Endpoint request timed out"),
        }
    }

    /// The connection is over: nobody can post to it any more, and then `$disconnect` is invoked.
    fn ended(self: &Arc<Self>, connection: &Arc<Connection>, ending: &Ending) {
        self.forget(connection);
        let Some(route) = self.api.routes.get("$disconnect") else { return };
        if self.faults.skips_disconnect(connection) {
            return;
        }
        let Ok(request_id) = random::uuid() else { return };
        let event = event::disconnect(&self.api, connection, ending.status, &ending.reason, &identifier());
        let (lambda, function) = (Arc::clone(&self.lambda), route.function.clone());
        let underway = self.lambda.activity.begin();
        tokio::spawn(async move {
            let _underway = underway;
            // Best effort on AWS; here it comes, unless a fault leaves it out.
            let _ = lambda.invoke_patiently(&request_id, &function, event.to_string().into(), None).await;
        });
    }
}

/// API Gateway's own frames.
fn refuse(connection: &Arc<Connection>, why: &str, request_id: &str) {
    let frame = json!({ "message": why, "connectionId": connection.id, "requestId": request_id });
    let _ = connection.send(frame.to_string().into());
}

/// What an answer of a Lambda proxy integration says to the caller, which may be nothing; `None` when
/// it is no such answer, or says more than a message may hold.
fn body(payload: &[u8]) -> Option<Option<String>> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    answer.get("statusCode").and_then(status)?;
    let text = match answer["body"].as_str() {
        Some(text) if answer["isBase64Encoded"] == true => String::from_utf8(STANDARD.decode(text).ok()?).ok()?,
        Some(text) => text.to_owned(),
        None => return Some(None),
    };
    (text.len() <= MAX_MESSAGE).then_some((!text.is_empty()).then_some(text))
}

fn status(value: &Value) -> Option<StatusCode> {
    let status = value.as_u64().or_else(|| value.as_str()?.parse().ok())?;
    StatusCode::from_u16(u16::try_from(status).ok()?).ok()
}

/// An id as API Gateway forms those of connections, messages and requests: `L0SM9cOFvHcCIhw=`.
fn identifier() -> String {
    random::bytes::<11>().map(|bytes| URL_SAFE.encode(bytes)).unwrap_or_default()
}

/// The port of the WebSocket API when the template has none.
pub(crate) async fn absent(request: Request) -> Option<Response> {
    let upgrade = request.header("upgrade").is_some();
    let status = if upgrade { StatusCode::UPGRADE_REQUIRED } else { StatusCode::NOT_FOUND };
    Some(server::message(status, "template.yaml has no WebSocket API"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_like_api_gateways() {
        let id = identifier();
        assert_eq!((id.len(), id.ends_with('=')), (16, true), "{id}");
        assert_ne!(id, identifier());
    }

    #[test]
    fn an_answer_without_a_status_is_none() {
        for payload in ["null", "\"a\"", "{}", "{\"body\": \"a\"}", "not JSON", "{\"statusCode\": \"x\"}"] {
            assert_eq!(body(payload.as_bytes()), None, "{payload}");
        }
        assert_eq!(body(b"{\"statusCode\": 200}"), Some(None));
        assert_eq!(body(b"{\"statusCode\": 200, \"body\": \"\"}"), Some(None));
        assert_eq!(body(b"{\"statusCode\": \"500\", \"body\": \"a\"}"), Some(Some("a".to_owned())));
        let encoded = b"{\"statusCode\": 200, \"body\": \"YQ==\", \"isBase64Encoded\": true}";
        assert_eq!(body(encoded), Some(Some("a".to_owned())));
        let long = json!({ "statusCode": 200, "body": "a".repeat(MAX_MESSAGE + 1) }).to_string();
        assert_eq!(body(long.as_bytes()), None);
    }
}
