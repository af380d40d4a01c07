//! Requests become [`Call`]s, results become responses: the only file with status codes.
//!
//! Errors are `application/problem+json` (RFC 9457) with the extensions `error` (the sentence again, for clients that
//! show it), `code` (stable) and `requestId`.

use std::any::Any;
use std::collections::HashMap;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use aura::ai::Ask;
use aura::auth::authority::Authorized;
use aura::cache::{Peeked, Reader};
use aura::error::{Conflict, Denial, Invalid};
use aura::idempotency::{self, Claim, Keyed};
use aura::limits::ClientIp;
use aura::{App, Error, Result};
use lambda_http::http::StatusCode;
use lambda_http::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use lambda_http::{Request, RequestExt as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tracing::Instrument as _;

use crate::announced::{Announced, ceil_secs};
use crate::route::{Body, Limit, Route, Success};
use crate::{gate, request};

/// What a handler gets.
#[derive(Debug)]
pub struct Call<B> {
    /// The body, parsed and thereby validated.
    pub body: B,
    /// Who calls.
    pub caller: Caller,
    /// The request's path, as it was sent.
    pub path: String,
    /// What was found in the cache while the caller was checked.
    pub peeked: Option<Peeked>,
    /// What stood for `{name}` in the route's path.
    params: HashMap<String, String>,
    query: HashMap<String, String>,
}

impl<B> Call<B> {
    /// A parameter of the query, if it is there; of several, the first.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The identifier that stood for `{name}`.
    ///
    /// # Errors
    /// NOT_FOUND for a text that cannot be one: there is nothing by that name.
    pub fn id<T: FromStr>(&self, name: &str, what: &'static str) -> Result<T> {
        self.params.get(name).and_then(|text| text.parse().ok()).ok_or(Error::NotFound { what })
    }
}

/// Who calls.
#[derive(Debug)]
pub struct Caller {
    /// From where, as the gateway saw it; no header can change it.
    pub ip: ClientIp,
    user: Option<Authorized>,
}

impl Caller {
    /// The signed-in user.
    ///
    /// # Errors
    /// TOKEN_REQUIRED on a route that is public.
    pub fn user(&self) -> Result<&Authorized> {
        self.user.as_ref().ok_or(Error::Unauthenticated(Denial::TokenMissing))
    }
}

type Answer = Result<Vec<u8>>;
type Handler = Box<dyn Fn(&'static App, Call<Parsed>) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// Makes what a handler takes of a body, or says why it cannot: its sender hears of that from the handler.
type Parse = fn(&[u8]) -> Parsed;
type Parsed = Result<Box<dyn Any + Send>>;

/// Looks in the cache for the answer to a body; what it finds goes to the handler alone.
type Peek = Box<dyn Fn(&'static App, Reader, &[u8]) -> Peeking + Send + Sync>;
type Peeking = Pin<Box<dyn Future<Output = Option<Peeked>> + Send>>;

/// A route and what serves it.
pub struct Endpoint {
    route: Route,
    parse: Parse,
    handler: Handler,
    peek: Option<Peek>,
}

impl Endpoint {
    /// Wraps a handler: its body is parsed from JSON, its answer written as JSON.
    pub fn new<B, T, F, Fut>(route: Route, handler: F) -> Self
    where
        B: DeserializeOwned + Send + 'static,
        T: Serialize + 'static,
        F: Fn(&'static App, Call<B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let handler: Handler = Box::new(move |app, Call { body, caller, path, peeked, params, query }| {
            let body = body.and_then(|body| body.downcast().map_err(|_| Error::internal("another route's body")));
            let answer = body.map(|body| handler(app, Call { body: *body, caller, path, peeked, params, query }));
            Box::pin(async move { serde_json::to_vec(&answer?.await?).map_err(Error::internal) })
        });
        let parse: Parse = |body| Ok(Box::new(request::parse::<B>(body)?));
        Self { route, parse, handler, peek: None }
    }

    /// The same for a request whose answer may be known. A body that cannot be parsed has none; its sender hears of it
    /// from the handler, once it is known who that is.
    pub fn asking<B, T, F, Fut>(route: Route, handler: F) -> Self
    where
        B: DeserializeOwned + Ask + Send + Sync + 'static,
        T: Serialize + 'static,
        F: Fn(&'static App, Call<B>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T>> + Send + 'static,
    {
        let peek: Peek = Box::new(|app, reader, body| {
            let body = request::parse::<B>(body);
            Box::pin(async move { body.ok()?.peek(app, &*app.providers.ai().await.ok()?, &reader).await })
        });
        Self { peek: Some(peek), ..Self::new(route, handler) }
    }

    /// The route.
    pub fn route(&self) -> &Route {
        &self.route
    }
}

/// Answers one request; never fails.
pub async fn answer(app: &'static App, endpoint: &Endpoint, request: Request) -> Response<lambda_http::Body> {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let started = app.clock.now();
    let span = tracing::info_span!("request", id, route = endpoint.route.name);
    async {
        let (outcome, limit) = outcome(app, endpoint, request).await;
        let response = match outcome {
            Ok(body) => success(&endpoint.route, body),
            Err(error) => problem(&error, &id),
        };
        let response = with_headers(response, limit.as_ref(), &id);
        let (status, ms) = (response.status().as_u16(), app.clock.now().since(started).as_millis());
        tracing::info!(status, ms, "answered");
        response
    }
    .instrument(span)
    .await
}

async fn outcome(app: &'static App, endpoint: &Endpoint, mut request: Request) -> (Answer, Option<Announced>) {
    let route = &endpoint.route;
    let mut announced = match route.limit {
        Limit::Failures => Some(Announced::policy_only(aura::limits::Action::SignIn.quota(&app.config))),
        Limit::None | Limit::Requests(_) => None,
    };
    let result = async {
        request::check_url(&request)?;
        request::check_body(route, &request)?;
        let body = Arc::new(request::take_body(route, &mut request));
        let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let mut parsed = None;
        let (sent, early) = (&body, &mut parsed);
        let ahead = move |reader| async move {
            if let Body::Image(_) = route.body {
                *early = Some(aside(endpoint.parse, Arc::clone(sent)).await);
            }
            endpoint.peek.as_ref()?(app, reader, sent).await
        };
        let passed = gate::pass(app, route, authorization, ahead).await?;
        if let Some(admission) = &passed.admission {
            announced = Some(Announced::admitted(admission));
        }
        let caller = Caller { ip: request::source_ip(&request), user: passed.user };
        let key =
            request.headers().get("idempotency-key").map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned());
        let left = request::time_left(app, &request);
        let path = request.raw_http_path().to_owned();
        let params = request.path_parameters_ref();
        let params = params.into_iter().flat_map(|params| params.iter());
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let query = request.query_string_parameters_ref();
        let query = query.into_iter().flat_map(|query| query.iter());
        let query = query.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let parsed = parsed.unwrap_or_else(|| (endpoint.parse)(&body));
        let call = Call { body: parsed, caller, path, peeked: passed.peeked, params, query };
        match key.filter(|_| route.repeatable) {
            Some(key) => once(app, endpoint, call, &key, body, left).await,
            None => {
                // An image is not held twice while somebody works on it.
                drop(body);
                (endpoint.handler)(app, call).await
            }
        }
    }
    .await;
    if let Err(error) = &result {
        log(error);
        if let Error::TooMany(too_many) = error {
            announced = Some(Announced::denied(too_many));
        }
    }
    (result, announced)
}

/// Parses a body in another thread: what the gate asks for is on its way meanwhile, and a large image takes longer.
async fn aside(parse: Parse, body: Arc<Vec<u8>>) -> Parsed {
    tokio::task::spawn_blocking(move || parse(&body)).await.unwrap_or_else(|error| Err(Error::internal(error)))
}

/// Does what is asked under an idempotency key once, and repeats the answer.
async fn once(
    app: &'static App,
    endpoint: &Endpoint,
    call: Call<Parsed>,
    key: &str,
    body: Arc<Vec<u8>>,
    left: Duration,
) -> Answer {
    let user = call.caller.user()?.user.id;
    let claim = idempotency::claim(app, Keyed { user, route: endpoint.route.name, key, body: &body }, left).await?;
    drop(body);
    match claim {
        Claim::Repeat(answer) => Ok(answer),
        Claim::Fresh(ticket) => {
            let answer = (endpoint.handler)(app, call).await;
            match &answer {
                Ok(answer) => idempotency::complete(app, ticket, answer).await,
                Err(_) => idempotency::abandon(app, ticket).await,
            }
            answer
        }
    }
}

fn success(route: &Route, body: Vec<u8>) -> Response<lambda_http::Body> {
    let (status, cache) = match route.success {
        Success::Ok => (StatusCode::OK, HeaderValue::from_static("no-store")),
        Success::Created => (StatusCode::CREATED, HeaderValue::from_static("no-store")),
        // As it was stored under an idempotency key, it is still the same answer.
        Success::OkOrAccepted if body.starts_with(b"{\"jobId\":") => {
            (StatusCode::ACCEPTED, HeaderValue::from_static("no-store"))
        }
        Success::OkOrAccepted => (StatusCode::OK, HeaderValue::from_static("no-store")),
        Success::Cacheable(seconds) => (StatusCode::OK, value(format!("public, max-age={seconds}"))),
    };
    let mut response = Response::new(text(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, cache);
    response
}

fn status(error: &Error) -> StatusCode {
    match error {
        Error::Invalid { code, .. } => match code {
            Invalid::Json | Invalid::Request | Invalid::WeakPassword => StatusCode::BAD_REQUEST,
            Invalid::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Invalid::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Invalid::UnsupportedImage | Invalid::BrokenImage | Invalid::ImageTooLarge | Invalid::ImageType => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
        },
        Error::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound { .. } => StatusCode::NOT_FOUND,
        Error::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        Error::Conflict(Conflict::OtherBody) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Conflict(_) => StatusCode::CONFLICT,
        Error::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::OverBudget(_) => StatusCode::PAYMENT_REQUIRED,
        Error::Unpriced { .. } | Error::Unconfigured { .. } | Error::Upstream { .. } | Error::Unavailable { .. } => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn problem(error: &Error, request_id: &str) -> Response<lambda_http::Body> {
    let status = status(error);
    let sentence = error.to_string();
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": sentence,
        "error": sentence,
        "code": error.code(),
        "requestId": request_id,
    });
    let mut response = Response::new(text(body.to_string().into_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match error {
        Error::Unauthenticated(Denial::TokenMissing) => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        Error::Unauthenticated(_) => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        }
        Error::Method { allowed } => {
            headers.insert(header::ALLOW, value(allowed.clone()));
        }
        Error::TooMany(too_many) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(ceil_secs(too_many.retry_after).max(1)));
        }
        Error::Unavailable { .. }
        | Error::Upstream { retryable: true, .. }
        | Error::Conflict(Conflict::InProgress | Conflict::DocumentBusy) => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(1));
        }
        _ => {}
    }
    response
}

fn with_headers(
    mut response: Response<lambda_http::Body>,
    limit: Option<&Announced>,
    request_id: &str,
) -> Response<lambda_http::Body> {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("x-request-id"), value(request_id.to_owned()));
    if let Some(limit) = limit {
        limit.write(headers);
    }
    response
}

/// JSON is UTF-8: as text, the gateway need not decode base64.
fn text(json: Vec<u8>) -> lambda_http::Body {
    match String::from_utf8(json) {
        Ok(text) => lambda_http::Body::Text(text),
        Err(bytes) => lambda_http::Body::Binary(bytes.into_bytes()),
    }
}

pub(crate) fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Logs an error once, here at the edge; what a caller did wrong is no error of ours.
fn log(error: &Error) {
    let code = error.code();
    match error {
        Error::Internal { source } => tracing::error!(code, error = %source, "failed"),
        Error::Unavailable { source } | Error::Upstream { source, .. } => {
            tracing::warn!(code, error = %source, "failed");
        }
        _ => tracing::info!(code, "refused"),
    }
}

/// The methods of a path, for the handler of what no route takes.
pub fn unrouted(path: &str) -> Error {
    match crate::route::methods(path) {
        none if none.is_empty() => Error::NotFound { what: "path" },
        allowed => Error::Method { allowed },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unrouted_path_and_a_wrong_method_differ() {
        assert_eq!(unrouted("/api/auth/login").code(), "METHOD_NOT_ALLOWED");
        assert_eq!(unrouted("/nowhere").code(), "NOT_FOUND");
    }
}
