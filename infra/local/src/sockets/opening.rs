//! How a connection opens: quota, stage and headers, the authoriser, `$connect`, and only then the
//! upgrade. Whatever refuses, the client sees a status in place of the 101.

use super::connection::{self, Connection};
use super::event::{self, Opening};
use super::{Sockets, authorizer, identifier, status};
use crate::server::{self, Request, Response};
use hyper::header::{CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// New connections: never more than the quota within any second.
pub(super) struct Pace {
    quota: usize,
    latest: Mutex<VecDeque<Instant>>,
}

impl Pace {
    pub(super) fn new(per_second: u32) -> Self {
        Self { quota: usize::try_from(per_second).unwrap_or(usize::MAX), latest: Mutex::default() }
    }

    fn admits(&self, now: Instant) -> bool {
        let mut latest = self.latest.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while latest.front().is_some_and(|then| now.duration_since(*then) >= Duration::from_secs(1)) {
            latest.pop_front();
        }
        let admitted = latest.len() < self.quota;
        if admitted {
            latest.push_back(now);
        }
        admitted
    }
}

/// What a client is told in place of an upgrade.
pub(super) struct Refusal {
    status: StatusCode,
    message: &'static str,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: &'static str) -> Self {
        Self { status, message }
    }
}

impl Sockets {
    pub(super) async fn open(self: Arc<Self>, mut request: Request) -> Response {
        let request_id = identifier();
        let refused = |refusal: Refusal, connection_id: &str| {
            let body = json!({ "message": refusal.message, "connectionId": connection_id, "requestId": request_id });
            server::json(refusal.status, &body)
        };
        let (key, upgrade) = match self.upgradable(&mut request) {
            Ok(upgradable) => upgradable,
            Err(refusal) => return refused(refusal, &identifier()),
        };
        let id = identifier();
        // Spawned: a client that leaves during `$connect` does not take the invocation with it.
        let opening = {
            let (sockets, id, request_id) = (Arc::clone(&self), id.clone(), request_id.clone());
            tokio::spawn(async move { sockets.connect(&request, id, &request_id, upgrade).await })
        };
        let protocol = match opening.await {
            Ok(Ok(protocol)) => protocol,
            Ok(Err(refusal)) => return refused(refusal, &id),
            Err(_) => return refused(Refusal::new(StatusCode::BAD_GATEWAY, "Internal server error"), &id),
        };
        let mut response = server::respond(StatusCode::SWITCHING_PROTOCOLS, "text/plain", "");
        let headers = response.headers_mut();
        headers.clear();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.extend(HeaderValue::from_str(&derive_accept_key(&key)).ok().map(|key| (SEC_WEBSOCKET_ACCEPT, key)));
        headers.extend(protocol.map(|protocol| (SEC_WEBSOCKET_PROTOCOL, protocol)));
        response
    }

    /// The key of a proper handshake for this API, and the connection under the request.
    fn upgradable(&self, request: &mut Request) -> Result<(Vec<u8>, OnUpgrade), Refusal> {
        let path = request.uri.path().trim_matches('/');
        if path != self.api.stage {
            return Err(Refusal::new(StatusCode::FORBIDDEN, "Forbidden"));
        }
        let says = |name: &str, word: &str| {
            let words = request.header(name).unwrap_or_default().split(',');
            words.map(str::trim).any(|said| said.eq_ignore_ascii_case(word))
        };
        if request.method != Method::GET || !says("upgrade", "websocket") || !says("connection", "upgrade") {
            return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, "Upgrade Required"));
        }
        let bad = || Refusal::new(StatusCode::BAD_REQUEST, "Bad Request");
        let key = request.header("sec-websocket-key").filter(|_| says("sec-websocket-version", "13"));
        let key = key.map(|key| key.as_bytes().to_vec()).ok_or_else(bad)?;
        let upgrade = request.upgrade.take().ok_or_else(bad)?;
        if !self.pace.admits(Instant::now()) {
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"));
        }
        Ok((key, upgrade))
    }

    /// Ask the authoriser and `$connect`; the connection lives from here on. The subprotocol that
    /// `$connect` chose is what the client is told.
    async fn connect(
        self: Arc<Self>,
        request: &Request,
        id: String,
        request_id: &str,
        upgrade: OnUpgrade,
    ) -> Result<Option<HeaderValue>, Refusal> {
        let host = request.header("host").unwrap_or_default();
        let (connection, queue) = Connection::new(
            id,
            self.opened.fetch_add(1, Ordering::Relaxed),
            request.peer,
            request.header("user-agent").map(str::to_owned),
            host.split(':').next().unwrap_or_default().to_owned(),
        );
        let opening = Opening::of(request);
        if let Some(authorizer) = &self.api.authorizer {
            let context = authorizer::ask(&self.api, &self.lambda, authorizer, &connection, &opening, request_id);
            let _ = connection.authorizer.set(context.await?);
        }
        let mut protocol = None;
        if let Some(route) = self.api.routes.get("$connect") {
            let event = event::connect(&self.api, &connection, &opening, request_id);
            let failed = || Refusal::new(StatusCode::BAD_GATEWAY, "Internal server error");
            let payload = self.invoke(route, event, None).await.map_err(|_| failed())?;
            let answer: Value = serde_json::from_slice(&payload).map_err(|_| failed())?;
            let status = answer.get("statusCode").and_then(status).ok_or_else(failed)?;
            if !status.is_success() {
                let message = status.canonical_reason().unwrap_or("Forbidden");
                return Err(Refusal::new(status, message));
            }
            protocol = chosen_protocol(&answer);
        }
        let connection = Arc::new(connection);
        self.lock().insert(connection.id.clone(), Arc::clone(&connection));
        tokio::spawn(connection::serve(Arc::clone(&self), connection, queue, upgrade));
        Ok(protocol)
    }
}

fn chosen_protocol(answer: &Value) -> Option<HeaderValue> {
    let named = |headers: &Value| {
        let headers = headers.as_object()?;
        headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol")).map(|(_, v)| v.clone())
    };
    let value = named(&answer["headers"]).or_else(|| named(&answer["multiValueHeaders"])?.get(0).cloned())?;
    HeaderValue::from_str(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_holds_more_than_the_quota() {
        let (pace, start) = (Pace::new(3), Instant::now());
        let admitted = |at: u64| pace.admits(start + Duration::from_millis(at));
        let times = [0, 400, 900, 999, 1000, 1399, 1400, 1401, 1900, 1901];
        assert_eq!(times.map(admitted), [true, true, true, false, true, false, true, false, true, false]);
    }

    #[test]
    fn the_subprotocol_is_found_in_any_case() {
        for answer in [
            json!({ "headers": { "Sec-WebSocket-Protocol": "aura.v1" } }),
            json!({ "headers": { "sec-websocket-protocol": "aura.v1" } }),
            json!({ "multiValueHeaders": { "sec-websocket-protocol": ["aura.v1"] } }),
        ] {
            assert_eq!(chosen_protocol(&answer).unwrap(), "aura.v1");
        }
        assert_eq!(chosen_protocol(&json!({ "statusCode": 200 })), None);
    }
}
