//! Events of the HTTP API become requests, and responses what it takes for an answer.
//!
//! The library's own way keeps the event as text, reads that text, and copies the body three times: for an image of 4 MB
//! that takes longer than decoding and hashing it. Here the event is read once and the body copied once, into the text
//! that it is; everything else is the library's type. Deliberately absent: events of other gateways, which no route has.

use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::request::LambdaRequest;
use lambda_http::{Body, Context, Request, RequestExt as _, Response};
use memchr::memchr;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IntoDeserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An event of payload format 2.0.
pub struct Event {
    /// All of it but the body.
    head: ApiGatewayV2httpRequest,
    body: Option<String>,
}

impl Event {
    /// The request that the event tells of.
    pub fn into_request(self, context: Context) -> Request {
        let Self { mut head, mut body } = self;
        if head.is_base64_encoded {
            // What the gateway took for binary is rare, and no body that any route reads.
            head.body = body.take();
        }
        let mut request: Request = LambdaRequest::ApiGatewayV2(head).into();
        if let Some(text) = body {
            *request.body_mut() = Body::Text(text);
        }
        request.with_lambda_context(context)
    }
}

/// A response as the gateway reads it.
pub fn response(response: Response<Body>) -> ApiGatewayV2httpResponse {
    let (parts, body) = response.into_parts();
    let mut answer = ApiGatewayV2httpResponse::default();
    answer.status_code = parts.status.as_u16().into();
    answer.headers = parts.headers;
    answer.is_base64_encoded = matches!(body, Body::Binary(_));
    answer.body = Some(body);
    answer
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Event;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an event of the HTTP API")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Event, A::Error> {
        let mut body = None;
        let head = Head { members, body: &mut body };
        Ok(Event { head: Deserialize::deserialize(MapAccessDeserializer::new(head))?, body })
    }
}

/// The members of an event without its body, which is put aside when it comes.
struct Head<'a, A> {
    members: A,
    body: &'a mut Option<String>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Head<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        while let Some(name) = self.members.next_key::<String>()? {
            if name != "body" {
                return seed.deserialize(name.into_deserializer()).map(Some);
            }
            let body = self.members.next_value::<Option<&RawValue>>()?;
            *self.body = body.map(text).transpose().map_err(A::Error::custom)?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.members.next_value_seed(seed)
    }
}

/// The text that a JSON string means. What stands between two escapes is copied at once, to where it stays; serde_json
/// takes seven times as long for 5 MB, by way of a buffer that grows.
fn text(json: &RawValue) -> serde_json::Result<String> {
    let json = json.get();
    let Some(mut rest) = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) else {
        return serde_json::from_str(json);
    };
    let mut text = String::with_capacity(rest.len());
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        let (plain, escaped) = rest.split_at(at);
        text.push_str(plain);
        text.push(match escaped.as_bytes() {
            [_, b'"', ..] => '"',
            [_, b'\\', ..] => '\\',
            [_, b'n', ..] => '\n',
            [_, b'r', ..] => '\r',
            [_, b't', ..] => '\t',
            // The others are rare, and some of them come in pairs.
            _ => return serde_json::from_str(json),
        });
        rest = &escaped[2..];
    }
    text.push_str(rest);
    Ok(text)
}

#[cfg(test)]
mod tests {
    use lambda_http::http::StatusCode;
    use lambda_http::http::header::{CONTENT_TYPE, HeaderValue};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn event(body: &Value) -> Value {
        let http =
            json!({"method": "POST", "path": "/p", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "u"});
        json!({
            "version": "2.0", "routeKey": "POST /p", "rawPath": "/p", "rawQueryString": "a=1&a=2", "body": body,
            "headers": {"content-type": "application/json"}, "isBase64Encoded": false,
            "requestContext": {"http": http, "stage": "$default", "requestId": "r", "timeEpoch": 0},
        })
    }

    fn request(event: &Value) -> Request {
        serde_json::from_str::<Event>(&event.to_string()).unwrap().into_request(Context::default())
    }

    #[test]
    fn an_event_is_what_the_library_makes_of_it() {
        let event = event(&json!("{\"image\": \"AA==\"}"));
        let (ours, theirs) = (request(&event), serde_json::from_value::<LambdaRequest>(event).unwrap());
        let theirs: Request = theirs.into();
        assert_eq!((ours.method(), ours.uri(), ours.headers()), (theirs.method(), theirs.uri(), theirs.headers()));
        assert_eq!((ours.body(), ours.raw_http_path()), (theirs.body(), theirs.raw_http_path()));
        assert_eq!(ours.query_string_parameters(), theirs.query_string_parameters());
        assert_eq!(crate::request::source_ip(&ours), crate::request::source_ip(&theirs));
    }

    #[test]
    fn bodies_may_be_absent_null_or_binary() {
        let mut sent = event(&json!(null));
        assert_eq!(request(&sent).body(), &Body::Empty);
        sent.as_object_mut().unwrap().remove("body");
        assert_eq!(request(&sent).body(), &Body::Empty);
        sent["body"] = "AAEC".into();
        sent["isBase64Encoded"] = true.into();
        assert_eq!(request(&sent).body(), &Body::Binary(vec![0, 1, 2]));
        sent["body"] = 1.into();
        assert!(serde_json::from_value::<Event>(sent).is_err());
        assert!(serde_json::from_str::<Event>("[]").is_err());
    }

    #[test]
    fn a_response_keeps_status_headers_and_text() {
        let mut made = Response::new(Body::Text("{}".to_owned()));
        *made.status_mut() = StatusCode::CREATED;
        made.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let written = serde_json::to_value(response(made)).unwrap();
        assert_eq!((&written["statusCode"], &written["body"]), (&json!(201), &json!("{}")));
        assert_eq!(written["headers"], json!({"content-type": "application/json"}));
        assert_eq!(written["isBase64Encoded"], false);
    }

    proptest! {
        #[test]
        fn a_text_is_what_its_json_means(text in "(\\PC|[\"\\\\\\n\\r\\t\\x00\\x08/])*") {
            let json = serde_json::to_string(&text).unwrap();
            let raw: &RawValue = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(super::text(raw).unwrap(), text);
        }
    }
}
