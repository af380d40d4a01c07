//! The page at `/`: one file, compiled in. Its policy lets it talk to this stack's two APIs and to
//! nothing else.

use crate::server::{self, Response};
use hyper::StatusCode;

pub(crate) struct Page {
    policy: String,
}

impl Page {
    /// `ws` is the origin of the WebSocket API, which no browser takes for `'self'`: its port is another.
    pub(crate) fn new(ws: &str) -> Self {
        let policy = format!(
            "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; \
             connect-src 'self' {ws}; img-src data: 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { policy }
    }

    pub(crate) fn response(&self) -> Response {
        let mut response =
            server::respond(StatusCode::OK, "text/html; charset=utf-8", include_str!("../../page/index.html"));
        server::set(&mut response, "content-security-policy", &self.policy);
        server::set(&mut response, "x-content-type-options", "nosniff");
        server::set(&mut response, "referrer-policy", "no-referrer");
        server::set(&mut response, "cache-control", "no-store");
        response
    }
}
