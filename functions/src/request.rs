//! What a request must be before anyone works on it, and what the gateway knows about it.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aura::auth::api_key::PREFIX;
use aura::clock::Timestamp;
use aura::error::Invalid;
use aura::limits::ClientIp;
use aura::{App, Error, Result};
use lambda_http::http::header::{self, HeaderName};
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt as _};
use serde::de::DeserializeOwned;

use crate::route::{Body, Route};

/// Refuses a credential in the URL, where logs and histories keep it.
pub fn check_url(request: &Request) -> Result<()> {
    let uri = request.uri();
    let credential = |text: &str| text.contains(PREFIX) || text.contains("aurart_") || text.contains("eyJ");
    if credential(uri.path()) || uri.query().is_some_and(credential) {
        return Err(Error::invalid("Send credentials in the `Authorization` header, never in the URL; end this one."));
    }
    Ok(())
}

/// Refuses, before any other work, a body that the route would not read.
pub fn check_body(route: &Route, request: &Request) -> Result<()> {
    let invalid = |code, message: String| Err(Error::Invalid { code, message });
    let (Body::Json(limit) | Body::Image(limit)) = route.body else { return Ok(()) };
    if request.body().len() > limit {
        if let Body::Image(_) = route.body {
            let most = limit / 4 * 3 / 100_000;
            let most = format!("{}.{} MB", most / 10, most % 10);
            let sentence = "is as much as a request holds: send a larger one with create-upload (POST /api/uploads), and then its imageKey.";
            return invalid(Invalid::TooLarge, format!("An image of {most} {sentence}"));
        }
        return invalid(Invalid::TooLarge, format!("The body has more than {limit} bytes, which is the limit here."));
    }
    let header =
        |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !matches!(header(header::CONTENT_ENCODING), "" | "identity") {
        return invalid(Invalid::MediaType, "Send the body without a content encoding.".to_owned());
    }
    let media_type = header(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return invalid(Invalid::MediaType, "Send JSON with `Content-Type: application/json`.".to_owned());
    }
    Ok(())
}

/// The bytes that the route reads, which are moved and not copied.
pub fn take_body(route: &Route, request: &mut Request) -> Vec<u8> {
    match (route.body, std::mem::take(request.body_mut())) {
        (Body::None, _) => b"null".to_vec(),
        (Body::Json(_) | Body::Image(_), lambda_http::Body::Text(text)) => text.into_bytes(),
        (Body::Json(_) | Body::Image(_), body) => body.to_vec(),
    }
}

/// Parsing is validation: the type's own rules become the sentence that the caller reads.
pub fn parse<B: DeserializeOwned>(bytes: &[u8]) -> Result<B> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Error::invalid(without_values(&error.to_string())),
        _ => {
            let (line, column) = (error.line(), error.column());
            let message = format!("The body is not JSON, or is nested too deeply: line {line}, column {column}.");
            Error::Invalid { code: Invalid::Json, message }
        }
    })
}

/// serde's messages quote a text that stands where another type belongs: it might be a password.
fn without_values(message: &str) -> String {
    for kind in ["string", "character"] {
        let quoted = format!("{kind} \"");
        if let (Some(start), Some(end)) = (message.find(&quoted), message.rfind("\", expected"))
            && start + quoted.len() <= end
        {
            return format!("{}a {kind}{}", &message[..start], &message[end + 1..]);
        }
    }
    // `unknown field` names the caller's own field; serde never quotes its value.
    message.to_owned()
}

/// The client's address from the gateway's own record. Headers such as X-Forwarded-For are the client's to choose.
pub fn source_ip(request: &Request) -> ClientIp {
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
        _ => None,
    };
    // Without a gateway in front, as under cargo-lambda, everybody shares one address.
    ClientIp::new(address.and_then(|text| text.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// What is left of this invocation's time; then nobody works on it any more.
pub fn time_left(app: &App, request: &Request) -> Duration {
    let deadline_ms = request.lambda_context_ref().map_or(0, |context| context.deadline);
    Timestamp::from_micros(deadline_ms.saturating_mul(1_000)).since(app.clock.now())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pair {
        #[expect(dead_code, reason = "only parsing is tested")]
        number: u8,
        #[expect(dead_code, reason = "only parsing is tested")]
        list: Vec<u8>,
    }

    fn refusal(body: &str) -> (&'static str, String) {
        let error = parse::<Pair>(body.as_bytes()).unwrap_err();
        (error.code(), error.to_string())
    }

    #[test]
    fn row_50_no_value_is_quoted_back() {
        for body in [
            r#"{"number": "canary"}"#,
            r#"{"number": 1, "list": "canary"}"#,
            r#"{"number": 1, "list": "can\", expected ary"}"#,
            r#""canary""#,
        ] {
            let (code, message) = refusal(body);
            assert_eq!(code, "INVALID_REQUEST");
            assert!(!message.contains("can"), "{message}");
            assert!(message.contains("expected"), "{message}");
        }
    }

    #[test]
    fn row_38_deep_nesting_is_refused() {
        // A value of the wrong type is refused where it starts; where any value may stand, depth is.
        assert_eq!(refusal(&"[".repeat(200_000)).0, "INVALID_REQUEST");
        let error = parse::<serde_json::Value>("[".repeat(200_000).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "INVALID_JSON");
    }

    #[test]
    fn malformed_json_and_wrong_shapes_differ() {
        assert_eq!(refusal("{").0, "INVALID_JSON");
        assert_eq!(refusal("").0, "INVALID_JSON");
        assert_eq!(refusal(r#"{"number": "\ud800"}"#).0, "INVALID_JSON");
        assert_eq!(refusal(r#"{"number": 1, "list": [], "role": "admin"}"#).0, "INVALID_REQUEST");
        assert_eq!(refusal(r#"{"number": 1, "number": 1, "list": []}"#).0, "INVALID_REQUEST");
    }
}
