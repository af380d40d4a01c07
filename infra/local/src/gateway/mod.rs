//! API Gateway's HTTP API: the template's routes, payload format 2.0, CORS and quotas; and, at `/`,
//! the page to try it. Absent: authorisers, throttling, stages, custom domains, access logs.
//!
//! A client's address is that of its socket. All of 127.0.0.0/8 reaches this machine, so a test that
//! plays several clients binds its sockets to 127.0.0.2 and so on; no header can pretend.

mod cors;
mod event;
mod page;
mod reply;
mod routes;

pub(crate) use page::Page;
pub(crate) use routes::{Routes, percent_decode};

use crate::lambda::{InvokeError, Lambda};
use crate::server::{self, Request, Response};
use crate::template::Cors;
use crate::{clock, random};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::{Method, StatusCode};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const BODY_LIMIT: usize = 10 * 1024 * 1024;
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Gateway {
    pub(crate) routes: Routes,
    pub(crate) cors: Option<Cors>,
    pub(crate) page: Page,
    pub(crate) lambda: Arc<Lambda>,
}

impl Gateway {
    pub(crate) async fn answer(&self, request: Request) -> Option<Response> {
        let request_id = random::bytes::<11>().map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
        let mut response = self.route(&request, &request_id).await;
        if let Some(cors) = &self.cors
            && request.method != Method::OPTIONS
        {
            cors.apply(request.header("origin"), &mut response);
        }
        server::set(&mut response, "apigw-requestid", &request_id);
        Some(response)
    }

    async fn route(&self, request: &Request, request_id: &str) -> Response {
        let (method, path) = (request.method.as_str(), request.uri.path());
        if let Some(cors) = &self.cors
            && request.method == Method::OPTIONS
        {
            return cors.preflight(request);
        }
        if request.method == Method::GET
            && self.routes.find_named(method, path).is_none()
            && let Some(response) = self.page.response(path)
        {
            return response;
        }
        let Some(route) = self.routes.find(method, path) else {
            return server::message(StatusCode::NOT_FOUND, "Not Found");
        };
        let event = event::build(request, &route, request_id, clock::epoch_ms()).to_string();
        let (lambda, function) = (Arc::clone(&self.lambda), route.function.to_owned());
        // Spawned: neither the client's leaving nor the gateway's timeout ends an invocation.
        let invocation = tokio::spawn(async move { lambda.invoke(&function, event.into()).await });
        match tokio::time::timeout(INTEGRATION_TIMEOUT, invocation).await {
            Ok(Ok(Ok(payload))) => reply::response(&payload).unwrap_or_else(failed),
            Ok(Ok(Err(InvokeError::RequestTooLarge(_)))) => {
                server::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Ok(Err(InvokeError::Throttled | InvokeError::Dropped))) | Err(_) => {
                server::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Ok(_) => failed(),
        }
    }
}

/// The function crashed, timed out or answered nonsense. (API Gateway says 500 for some of these.)
fn failed() -> Response {
    server::message(StatusCode::BAD_GATEWAY, "Internal Server Error")
}
