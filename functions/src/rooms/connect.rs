//! `$connect`, and the authoriser before it. One function is both: what the authoriser says of a client comes with every
//! later event, and `$connect` itself only has to choose the subprotocol.
//!
//! A browser sends a ticket as a subprotocol, behind `aura.v1`, and its page's origin must be one of ours: no other page
//! connects on a user's behalf. A program sends `Authorization` and names the room in the query; it has no origin.

use aura::auth::Permission;
use aura::auth::authority::{Authorized, Credential};
use aura::error::{Denial, Refusal};
use aura::ticket::{self, Guest};
use aura::{App, Error, Result, RoomId, members};
use serde_json::{Value, json};

use crate::{gate, socket};

/// What clients and we speak.
const PROTOCOL: &str = "aura.v1";

/// Answers both events.
pub async fn connect(app: &App, event: Value) -> Result<Value> {
    if event["type"] != "REQUEST" {
        let spoken = protocols(&event).any(|protocol| protocol == PROTOCOL);
        let headers = if spoken { json!({ "Sec-WebSocket-Protocol": PROTOCOL }) } else { json!({}) };
        return Ok(json!({ "statusCode": 200, "headers": headers }));
    }
    match authorise(app, &event).await {
        Ok(guest) => Ok(policy("Allow", &event, &guest.standing.user.to_string(), socket::context(&guest))),
        Err(error @ (Error::Forbidden(_) | Error::NotFound { .. } | Error::Invalid { .. })) => {
            tracing::info!(code = error.code(), "refused");
            Ok(policy("Deny", &event, "nobody", json!({})))
        }
        Err(error) => Err(error),
    }
}

async fn authorise(app: &App, event: &Value) -> Result<Guest> {
    let origin = header(event, "origin");
    if !origin.is_none_or(|origin| is_ours(app, origin)) {
        return Err(Error::Forbidden(Refusal::Origin));
    }
    if let Some(authorization) = header(event, "authorization") {
        let room = event["queryStringParameters"]["room"].as_str().and_then(|id| id.parse::<RoomId>().ok());
        let room = room.ok_or_else(|| Error::invalid("Name the room in the query, as `room`."))?;
        let caller = match app.authority.recognise(gate::bearer(Some(authorization))?).await? {
            Credential::Token(claims) => app.authority.confirm(&claims).await?,
            Credential::Key(key) => app.authority.admit(&key).await?,
        };
        permitted(&caller)?;
        members::of(app, room, caller.user.id).await?;
        return Ok(Guest::new(room, &caller));
    }
    let ticket = protocols(event).find(|protocol| ticket::is_ticket(protocol));
    let ticket = ticket.ok_or(Error::Unauthenticated(Denial::TokenMissing))?;
    if origin.is_none() {
        return Err(Error::Forbidden(Refusal::Origin));
    }
    let guest = ticket::redeem(app, ticket).await?;
    permitted(&app.authority.still(&guest.standing).await?)?;
    Ok(guest)
}

fn permitted(caller: &Authorized) -> Result<()> {
    let needed = Permission::JoinRoom;
    if caller.may(needed) { Ok(()) } else { Err(Error::Forbidden(Refusal::Permission(needed.name()))) }
}

/// Whether pages of this origin may connect: those of the settings, and our own HTTP API's.
fn is_ours(app: &App, origin: &str) -> bool {
    app.config.http_url.as_deref() == Some(origin) || app.config.cors_origins.iter().any(|allowed| allowed == origin)
}

fn header<'a>(event: &'a Value, name: &str) -> Option<&'a str> {
    let headers = event["headers"].as_object()?;
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_str())
}

fn protocols(event: &Value) -> impl Iterator<Item = &str> {
    header(event, "sec-websocket-protocol").unwrap_or_default().split(',').map(str::trim)
}

fn policy(effect: &str, event: &Value, principal: &str, context: Value) -> Value {
    let statement = json!({ "Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"].clone() });
    json!({
        "principalId": principal,
        "policyDocument": { "Version": "2012-10-17", "Statement": [statement] },
        "context": context,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aura::clock::Clock;
    use aura::config::Config;

    #[test]
    fn row_52_origins_are_compared_whole() {
        let config = Config::from_lookup(|name| match name {
            "CORS_ORIGINS" => Some("https://app.example.com, http://localhost:3000/".to_owned()),
            "HTTP_URL" => Some("https://api.example.com".to_owned()),
            _ => None,
        });
        let app = App::new(config.unwrap(), Clock::system(), &[]).unwrap();
        for origin in ["https://app.example.com", "http://localhost:3000", "https://api.example.com"] {
            assert!(is_ours(&app, origin), "{origin}");
        }
        for origin in [
            "",
            "null",
            "http://app.example.com",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "https://app.example.com:444",
            "https://app.example.com/",
            "https://APP.example.com",
            "http://localhost",
        ] {
            assert!(!is_ours(&app, origin), "{origin}");
        }
    }
}
