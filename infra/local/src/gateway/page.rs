//! The page at `/`: one file, compiled in. Its policy lets it talk to this stack and to nothing else.

use crate::server::{self, Response};
use hyper::StatusCode;

const POLICY: &str = "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; connect-src 'self'; \
                      img-src data: 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn response() -> Response {
    let mut response =
        server::respond(StatusCode::OK, "text/html; charset=utf-8", include_str!("../../page/index.html"));
    server::set(&mut response, "content-security-policy", POLICY);
    server::set(&mut response, "x-content-type-options", "nosniff");
    server::set(&mut response, "referrer-policy", "no-referrer");
    server::set(&mut response, "cache-control", "no-store");
    response
}
