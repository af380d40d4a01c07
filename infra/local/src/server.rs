//! The one HTTP/1.1 server that every emulated service stands on.
//!
//! A handler may answer with nothing: the connection is then closed without a response, which is how
//! "the service went dark" and "the answer was lost" are shown to a function. A body above the limit
//! is read to its end (so that the client gets to see the answer) and refused with 413.
//! Absent: TLS, HTTP/2, addresses other than 127.0.0.1.

use crate::error::{Error, Result};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

pub(crate) type Response = hyper::Response<Full<Bytes>>;

pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: IpAddr,
    /// The connection below, for a handler that answers with 101 and speaks another protocol from there on.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// How far a refused body is read on before the connection is given up.
const DRAIN: usize = 256 * 1024 * 1024;

pub(crate) async fn bind(port: u16) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error| Error::new(format!("cannot listen on 127.0.0.1:{port}: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serve until the handle is aborted, which drops the open connections too.
pub(crate) fn serve<H, F>(listener: TcpListener, body_limit: usize, handler: H) -> JoinHandle<()>
where
    H: Fn(Request) -> F + Send + Sync + 'static,
    F: Future<Output = Option<Response>> + Send + 'static,
{
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            let Ok((stream, peer)) = accepted else {
                // Out of file descriptors: let some go.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let handler = Arc::clone(&handler);
            connections.spawn(async move {
                let service = service_fn(move |request| answer(Arc::clone(&handler), request, peer.ip(), body_limit));
                // An error here is the client's: it went away, or it was cut off on purpose.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades()
                    .await;
            });
        }
    })
}

async fn answer<H, F>(
    handler: Arc<H>,
    mut request: hyper::Request<Incoming>,
    peer: IpAddr,
    limit: usize,
) -> Result<Response>
where
    H: Fn(Request) -> F,
    F: Future<Output = Option<Response>>,
{
    let upgrade = request.headers().contains_key(UPGRADE).then(|| hyper::upgrade::on(&mut request));
    let (parts, body) = request.into_parts();
    let Some(body) = read(body, limit).await? else {
        return Ok(message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"));
    };
    let request = Request { method: parts.method, uri: parts.uri, headers: parts.headers, body, peer, upgrade };
    handler(request).await.ok_or_else(|| Error::new("cut off"))
}

/// `None` when the body is larger than the limit.
async fn read(mut body: Incoming, limit: usize) -> Result<Option<Bytes>> {
    let (mut kept, mut seen) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Error::new(format!("unreadable body: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        seen += data.len();
        if seen > DRAIN {
            return Err(Error::new("endless body"));
        }
        if seen <= limit {
            kept.extend_from_slice(&data);
        }
    }
    Ok((seen <= limit).then(|| kept.into()))
}

pub(crate) fn respond(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    respond(status, "application/json", body.to_string())
}

/// `{"message": ...}`, the form of API Gateway's own answers.
pub(crate) fn message(status: StatusCode, text: &str) -> Response {
    json(status, &serde_json::json!({ "message": text }))
}

/// Set a header whose value may not be sendable; one that is not is left out.
pub(crate) fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}
