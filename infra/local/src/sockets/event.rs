//! What a function gets: the events of a WebSocket API's Lambda proxy integration, and that of a
//! REQUEST authoriser. Headers come with `$connect` only, in the capitals that HTTP/1.1 clients use;
//! single-valued maps hold the last of several values. Absent: API keys, certificates, stage variables.

use super::connection::Connection;
use crate::clock;
use crate::gateway::percent_decode;
use crate::server::Request;
use crate::template::{ACCOUNT, REGION, WebSocketApi};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What the client said when it connected.
pub(crate) struct Opening {
    pub(crate) headers: BTreeMap<String, Vec<String>>,
    pub(crate) query: BTreeMap<String, Vec<String>>,
}

impl Opening {
    pub(crate) fn of(request: &Request) -> Self {
        let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in &request.headers {
            if !["connection", "upgrade"].contains(&name.as_str()) {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                headers.entry(capitals(name.as_str())).or_default().push(value);
            }
        }
        let source = request.peer.to_string();
        let before = headers.remove("X-Forwarded-For").map(|before| format!("{}, ", before.join(", ")));
        let host = request.header("host").unwrap_or_default();
        let port = host.rsplit_once(':').map_or("80", |(_, port)| port);
        headers.insert("X-Forwarded-For".to_owned(), vec![before.unwrap_or_default() + &source]);
        headers.insert("X-Forwarded-Port".to_owned(), vec![port.to_owned()]);
        headers.insert("X-Forwarded-Proto".to_owned(), vec!["http".to_owned()]);

        let mut query: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for pair in request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let [name, value] = [name, value].map(|part| percent_decode(&part.replace('+', " ")));
            query.entry(name).or_default().push(value);
        }
        Self { headers, query }
    }

    /// By its name in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.and_then(|(_, values)| values.last()).map(String::as_str)
    }

    fn describe(&self, event: &mut Value) {
        event["headers"] = last(&self.headers);
        event["multiValueHeaders"] = json!(self.headers);
        if !self.query.is_empty() {
            event["queryStringParameters"] = last(&self.query);
            event["multiValueQueryStringParameters"] = json!(self.query);
        }
    }
}

fn last(values: &BTreeMap<String, Vec<String>>) -> Value {
    let single = |(name, values): (&String, &Vec<String>)| (name.clone(), json!(values.last()));
    Value::Object(values.iter().map(single).collect::<Map<_, _>>())
}

/// `sec-websocket-key` as browsers write it.
fn capitals(name: &str) -> String {
    let word = |word: &str| match word {
        "websocket" => "WebSocket".to_owned(),
        _ => word.get(..1).map_or(String::new(), |first| first.to_ascii_uppercase() + &word[1..]),
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

pub(crate) fn connect(api: &WebSocketApi, connection: &Connection, opening: &Opening, request_id: &str) -> Value {
    let mut event = event(api, connection, "$connect", "CONNECT", request_id);
    opening.describe(&mut event);
    event
}

pub(crate) fn authorize(api: &WebSocketApi, connection: &Connection, opening: &Opening, request_id: &str) -> Value {
    let mut event = connect(api, connection, opening, request_id);
    if let Some(event) = event.as_object_mut() {
        event.remove("isBase64Encoded");
    }
    event["type"] = "REQUEST".into();
    event["methodArn"] = method_arn(api, "$connect").into();
    event
}

/// What a policy of an authoriser and of a function's role speak about.
pub(crate) fn method_arn(api: &WebSocketApi, rest: &str) -> String {
    format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{}/{}/{rest}", api.id, api.stage)
}

pub(crate) fn message(api: &WebSocketApi, connection: &Connection, route: &str, body: &str, request_id: &str) -> Value {
    let mut event = event(api, connection, route, "MESSAGE", request_id);
    event["requestContext"]["messageId"] = super::identifier().into();
    event["body"] = body.into();
    event
}

pub(crate) fn disconnect(
    api: &WebSocketApi,
    connection: &Connection,
    status: u16,
    reason: &str,
    request_id: &str,
) -> Value {
    let mut event = event(api, connection, "$disconnect", "DISCONNECT", request_id);
    let headers = [("Host", connection.domain.as_str()), ("X-Forwarded-For", ""), ("x-api-key", ""), ("x-restapi", "")];
    event["headers"] = headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    event["multiValueHeaders"] = headers.iter().map(|(name, value)| ((*name).to_owned(), json!([value]))).collect();
    event["requestContext"]["disconnectStatusCode"] = status.into();
    event["requestContext"]["disconnectReason"] = reason.into();
    event
}

fn event(api: &WebSocketApi, connection: &Connection, route: &str, kind: &str, request_id: &str) -> Value {
    let now = clock::epoch_ms();
    let mut event = json!({
        "requestContext": {
            "apiId": api.id,
            "connectedAt": connection.connected_ms,
            "connectionId": connection.id,
            "domainName": connection.domain,
            "eventType": kind,
            "extendedRequestId": request_id,
            "identity": connection.identity(),
            "messageDirection": "IN",
            "requestId": request_id,
            "requestTime": clock::common_log_time(now),
            "requestTimeEpoch": now,
            "routeKey": route,
            "stage": api.stage,
        },
        "isBase64Encoded": false,
    });
    if let Some(authorizer) = connection.authorizer.get() {
        event["requestContext"]["authorizer"] = authorizer.clone();
    }
    event
}
