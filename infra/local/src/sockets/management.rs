//! `/{stage}/@connections/{id}`: what functions do to connections. POST puts a text into a client's
//! buffer, GET tells about it, DELETE closes it; errors are named as the AWS SDKs look for them.

use super::Sockets;
use super::connection::{Ending, MAX_MESSAGE, Unsent};
use super::event::method_arn;
use super::faults::Post;
use crate::clock;
use crate::gateway::percent_decode;
use crate::iam;
use crate::server::{self, Request, Response};
use hyper::{Method, StatusCode};
use serde_json::json;

impl Sockets {
    /// The connection that a path is about.
    pub(super) fn managed(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix('/')?.strip_prefix(&self.api.stage)?;
        Some(percent_decode(rest.strip_prefix("/@connections/")?))
    }

    pub(super) fn manage(&self, request: &Request, id: &str) -> Response {
        let mut response = self.managed_response(request, id);
        server::set(&mut response, "x-amzn-requestid", &crate::random::uuid().unwrap_or_default());
        response
    }

    fn managed_response(&self, request: &Request, id: &str) -> Response {
        if let Some(caller) = iam::caller(request.header("authorization")) {
            let arn = method_arn(&self.api, &format!("{}/@connections/{id}", request.method));
            if let Err(denial) = self.policies.check(&caller.function, "execute-api:ManageConnections", &arn) {
                return refuse(StatusCode::FORBIDDEN, "ForbiddenException", &denial);
            }
        }
        if request.method == Method::POST && request.body.len() > MAX_MESSAGE {
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Payload Too Large");
        }
        let gone = || refuse(StatusCode::GONE, "GoneException", "410");
        let Some(connection) = self.find(id) else { return gone() };
        match request.method {
            Method::POST => {
                let Ok(text) = std::str::from_utf8(&request.body) else {
                    return refuse(StatusCode::BAD_REQUEST, "BadRequestException", "a text frame holds UTF-8");
                };
                let sent = match self.faults.post(&connection) {
                    Post::Lost => Ok(()),
                    Post::Refused => Err(Unsent::Full),
                    Post::Arrives(delay) => self.send(&connection, text.into(), delay),
                };
                match sent {
                    Ok(()) => server::respond(StatusCode::OK, "application/json", ""),
                    Err(Unsent::Gone) => gone(),
                    Err(Unsent::Full) => {
                        let why = "The client is sending more than the allowed number of requests per unit of time.";
                        refuse(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", why)
                    }
                }
            }
            Method::GET => server::json(
                StatusCode::OK,
                &json!({
                    "connectedAt": clock::iso8601(connection.connected_ms),
                    "identity": connection.identity(),
                    "lastActiveAt": clock::iso8601(connection.last_active_ms()),
                }),
            ),
            Method::DELETE => {
                // At once, not when its task gets to it: a post that comes after this answer is a 410.
                self.forget(&connection);
                connection.end(Ending::deleted());
                server::respond(StatusCode::NO_CONTENT, "application/json", "")
            }
            _ => refuse(StatusCode::FORBIDDEN, "MissingAuthenticationTokenException", "Missing Authentication Token"),
        }
    }
}

fn refuse(status: StatusCode, kind: &str, why: &str) -> Response {
    let mut response = server::json(status, &json!({ "message": why }));
    server::set(&mut response, "x-amzn-errortype", kind);
    response
}
