//! The port of the WebSocket API. The template has none yet, so that is what it says.

use crate::server::{self, Request, Response};
use hyper::StatusCode;

pub(crate) async fn answer(request: Request) -> Option<Response> {
    let upgrade = request.header("upgrade").is_some();
    let status = if upgrade { StatusCode::UPGRADE_REQUIRED } else { StatusCode::NOT_FOUND };
    Some(server::message(status, "template.yaml has no WebSocket API"))
}
