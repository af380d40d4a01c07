//! An HTTP request as a function gets it: payload format 2.0. `rawPath` and path parameters are
//! decoded, `rawQueryString` is as sent, duplicates are joined with commas, cookies leave the headers,
//! a body that is not text is base64. Absent: authorisers' and certificates' contexts.

use super::routes::{Match, percent_decode};
use crate::clock;
use crate::server::Request;
use crate::template::ACCOUNT;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

pub(crate) fn build(request: &Request, route: &Match<'_>, request_id: &str, now_ms: u64) -> Value {
    let path = percent_decode(request.uri.path());
    let query = request.uri.query().unwrap_or_default();
    let mut headers = headers(request);
    let cookies = headers.remove("cookie");
    let source = request.peer.to_string();
    let forwarded = headers.get("x-forwarded-for").map_or(source.clone(), |before| format!("{before}, {source}"));
    headers.insert("x-forwarded-for".to_owned(), forwarded);
    let host = headers.get("host").cloned().unwrap_or_default();
    let domain = host.split(':').next().unwrap_or_default();
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    headers.insert("x-forwarded-port".to_owned(), host.rsplit_once(':').map_or("80", |(_, port)| port).to_owned());

    let mut event = json!({
        "version": "2.0",
        "routeKey": route.key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": domain.split('.').next(),
            "http": {
                "method": request.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": source,
                "userAgent": request.header("user-agent").unwrap_or_default(),
            },
            "requestId": request_id,
            "routeKey": route.key,
            "stage": "$default",
            "time": clock::common_log_time(now_ms),
            "timeEpoch": now_ms,
        },
        "isBase64Encoded": false,
    });
    if let Some(cookies) = cookies {
        event["cookies"] = cookies.split([';', ',']).map(str::trim).filter(|cookie| !cookie.is_empty()).collect();
    }
    if !query.is_empty() {
        event["queryStringParameters"] = Value::Object(query_parameters(query));
    }
    if !route.parameters.is_empty() {
        event["pathParameters"] = json!(route.parameters);
    }
    if !request.body.is_empty() {
        let text = if is_text(request) { std::str::from_utf8(&request.body).ok() } else { None };
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| STANDARD.encode(&request.body), str::to_owned).into();
    }
    event
}

fn headers(request: &Request) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &request.headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|before| {
                before.push(if name == "cookie" { ';' } else { ',' });
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    headers
}

fn query_parameters(query: &str) -> Map<String, Value> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|part| percent_decode(&part.replace('+', " ")));
        parameters
            .entry(name)
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert(value);
    }
    parameters.into_iter().map(|(name, value)| (name, value.into())).collect()
}

/// API Gateway passes text on as text; everything else, and anything compressed, is base64.
fn is_text(request: &Request) -> bool {
    if request.header("content-encoding").is_some_and(|encoding| encoding != "identity") {
        return false;
    }
    let Some(kind) = request.header("content-type") else { return true };
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};
    use hyper::{HeaderMap, Method};

    fn request(uri: &str, headers: &[(&'static str, &'static str)], body: &'static [u8]) -> Request {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Request {
            method: Method::POST,
            uri: uri.parse().unwrap(),
            headers: map,
            body: body.into(),
            peer: [192, 0, 2, 1].into(),
            upgrade: None,
        }
    }

    /// The example of AWS's documentation, without authorisers and certificates.
    #[test]
    fn the_event_has_the_documented_shape() {
        let headers = [
            ("host", "id.execute-api.us-east-1.amazonaws.com"),
            ("header1", "value1"),
            ("header2", "value1"),
            ("header2", "value2"),
            ("cookie", "cookie1=a; cookie2=b"),
            ("user-agent", "agent"),
            ("content-type", "application/json"),
        ];
        let request = request("/my/path?parameter1=value1&parameter1=value2&parameter2=a%20b", &headers, b"{\"a\": 1}");
        let route = Match {
            function: "f",
            key: "POST /my/{name}",
            parameters: BTreeMap::from([("name".into(), "path".into())]),
        };
        let expected = json!({
            "version": "2.0",
            "routeKey": "POST /my/{name}",
            "rawPath": "/my/path",
            "rawQueryString": "parameter1=value1&parameter1=value2&parameter2=a%20b",
            "cookies": ["cookie1=a", "cookie2=b"],
            "headers": {
                "host": "id.execute-api.us-east-1.amazonaws.com",
                "header1": "value1",
                "header2": "value1,value2",
                "user-agent": "agent",
                "content-type": "application/json",
                "x-forwarded-for": "192.0.2.1",
                "x-forwarded-port": "80",
                "x-forwarded-proto": "http",
            },
            "queryStringParameters": {"parameter1": "value1,value2", "parameter2": "a b"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "local",
                "domainName": "id.execute-api.us-east-1.amazonaws.com",
                "domainPrefix": "id",
                "http": {"method": "POST", "path": "/my/path", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "agent"},
                "requestId": "id",
                "routeKey": "POST /my/{name}",
                "stage": "$default",
                "time": "04/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_583_348_638_390_u64,
            },
            "body": "{\"a\": 1}",
            "pathParameters": {"name": "path"},
            "isBase64Encoded": false,
        });
        assert_eq!(build(&request, &route, "id", 1_583_348_638_390), expected);
    }

    #[test]
    fn only_text_stays_text() {
        let route = Match { function: "f", key: "$default", parameters: BTreeMap::new() };
        let body = |headers: &[(&'static str, &'static str)], body| {
            let event = build(&request("/", headers, body), &route, "id", 0);
            (event["isBase64Encoded"].as_bool().unwrap(), event["body"].as_str().map(str::to_owned))
        };
        assert_eq!(body(&[("content-type", "text/plain; charset=utf-8")], b"a"), (false, Some("a".into())));
        assert_eq!(body(&[("content-type", "image/png")], b"a"), (true, Some("YQ==".into())));
        assert_eq!(
            body(&[("content-type", "application/json"), ("content-encoding", "gzip")], b"a"),
            (true, Some("YQ==".into()))
        );
        assert_eq!(body(&[("content-type", "application/json")], b"\xff"), (true, Some("/w==".into())));
        assert_eq!(body(&[], b""), (false, None));
    }

    #[test]
    fn forwarded_for_is_passed_on_and_never_the_source() {
        let route = Match { function: "f", key: "$default", parameters: BTreeMap::new() };
        let event = build(&request("/a%20b", &[("x-forwarded-for", "203.0.113.9")], b""), &route, "id", 0);
        assert_eq!(event["headers"]["x-forwarded-for"], "203.0.113.9, 192.0.2.1");
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "192.0.2.1");
        assert_eq!(event["rawPath"], "/a b");
    }
}
