//! A function's answer as an HTTP response, by the rules of payload format 2.0: with a `statusCode`
//! it is taken literally, without one it is the JSON body of a 200.

use crate::server::{self, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use serde_json::Value;

/// `None` when API Gateway could not make a response of it.
pub(crate) fn response(payload: &[u8]) -> Option<Response> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let Some(status) = answer.get("statusCode") else {
        let body = answer.as_str().map_or_else(|| payload.to_vec(), |text| text.as_bytes().to_vec());
        return Some(server::respond(StatusCode::OK, "application/json", body));
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true { STANDARD.decode(text).ok()? } else { text.as_bytes().to_vec() };
    let mut response = server::respond(status, "text/plain;charset=UTF-8", body);

    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        put(&mut response, name, std::slice::from_ref(value));
    }
    for (name, values) in answer["multiValueHeaders"].as_object().into_iter().flatten() {
        put(&mut response, name, values.as_array().map_or(&[], Vec::as_slice));
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_str(cookie).ok()?);
    }
    if !response.headers().contains_key(CONTENT_TYPE) {
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain;charset=UTF-8"));
    }
    Some(response)
}

/// Headers of the connection are the gateway's own.
const CONNECTION: [&str; 4] = ["connection", "content-length", "keep-alive", "transfer-encoding"];

fn put(response: &mut Response, name: &str, values: &[Value]) {
    let Ok(name) = name.parse::<HeaderName>() else { return };
    if CONNECTION.contains(&name.as_str()) {
        return;
    }
    response.headers_mut().remove(&name);
    for value in values {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().append(name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use serde_json::json;

    async fn parts(answer: Value) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let response = response(answer.to_string().as_bytes()).unwrap();
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect();
        (response.status().as_u16(), headers, response.into_body().collect().await.unwrap().to_bytes().to_vec())
    }

    fn header(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[tokio::test]
    async fn bare_json_is_a_200() {
        assert_eq!(
            parts(json!({"a": 1})).await,
            (200, vec![header("content-type", "application/json")], b"{\"a\":1}".to_vec())
        );
        assert_eq!(parts(json!("hello")).await.2, b"hello");
    }

    #[tokio::test]
    async fn a_full_response_is_taken_literally() {
        let answer = json!({
            "statusCode": 201, "headers": {"Content-Type": "image/png", "x-a": 1, "content-length": "7"},
            "multiValueHeaders": {"x-b": ["1", "2"]}, "cookies": ["a=1", "b=2"], "body": "YQ==", "isBase64Encoded": true,
        });
        let (status, headers, body) = parts(answer).await;
        assert_eq!((status, body.as_slice()), (201, &b"a"[..]));
        let expected = [
            header("content-type", "image/png"),
            header("x-a", "1"),
            header("x-b", "1"),
            header("x-b", "2"),
            header("set-cookie", "a=1"),
            header("set-cookie", "b=2"),
        ];
        assert_eq!(headers.len(), expected.len());
        assert!(expected.iter().all(|header| headers.contains(header)), "{headers:?}");
    }

    #[test]
    fn what_is_no_response_is_none() {
        for payload in
            ["", "{\"statusCode\": 99999}", "{\"statusCode\": 200, \"body\": \"*\", \"isBase64Encoded\": true}"]
        {
            assert!(response(payload.as_bytes()).is_none(), "{payload}");
        }
    }
}
