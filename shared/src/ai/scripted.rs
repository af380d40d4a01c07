//! A provider on loopback that answers from a script, for tests.
//!
//! One connection per request; each takes the next line of the script. Deliberately absent: any judgement of the
//! requests, which are kept for the test to look at.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::openai::Account;
use super::{Ai, Settings};
use crate::clock::Clock;
use crate::secret::Secret;
use crate::test_data;

/// One answer of the script.
pub(crate) enum Line {
    /// Status, extra headers (each ends in CR LF) and body.
    Answer(u16, &'static str, String),
    /// The same with a body that is no text.
    Bytes(u16, &'static str, Vec<u8>),
    /// The head of an answer, and then nothing.
    Hang,
    /// Closed before the answer is whole.
    Break,
}

/// The requests that arrived: head and body.
pub(crate) type Requests = Arc<Mutex<Vec<(String, String)>>>;

/// A provider with a script; a request beyond its end is closed without an answer.
pub(crate) async fn provider(script: Vec<Line>) -> (Ai, Requests) {
    let (address, requests) = listen(script).await;
    (ai(&format!("{address}/v1/")), requests)
}

/// The address of a server with a script.
pub(crate) async fn listen(script: Vec<Line>) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let requests = Requests::default();
    let kept = Arc::clone(&requests);
    tokio::spawn(async move {
        let mut held = Vec::new();
        for line in script {
            let (mut stream, _) = listener.accept().await.expect("accepted");
            let request = read(&mut stream).await;
            kept.lock().expect("whole").push(request);
            held.extend(serve(stream, line).await);
        }
        // Later requests are counted, and get nothing.
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = read(&mut stream).await;
            kept.lock().expect("whole").push(request);
        }
    });
    (format!("http://{address}"), requests)
}

/// An `Ai` whose provider is at `base_url`.
pub(crate) fn ai(base_url: &str) -> Ai {
    let account = Account { key: Secret::new("sk-canary-4711"), base_url: base_url.to_owned() };
    let settings = Settings {
        openai: Some(account),
        model_simple: "small".into(),
        model_complex: "large".into(),
        cheaper_threshold: 0.3,
    };
    Ai::new(settings, Clock::system())
}

/// The bodies of the requests.
pub(crate) fn bodies(requests: &Requests) -> Vec<Value> {
    let requests = requests.lock().expect("whole");
    requests.iter().map(|(_, body)| serde_json::from_str(body).expect("JSON")).collect()
}

/// Checks questions against the provider's own description.
pub(crate) fn keep_the_contract(bodies: Vec<Value>) {
    keep_the_contract_of("CreateChatCompletionRequest", bodies);
}

/// Checks requests against the provider's own description, where `CONTRACT_SPECS` tells where it lies.
pub(crate) fn keep_the_contract_of(request: &str, bodies: Vec<Value>) {
    keep("openai.strict-requests.openapi.json", request, bodies);
}

/// The same for any description.
pub(crate) fn keep(description: &str, request: &str, bodies: Vec<Value>) {
    let Some(described) = test_data::described() else { return };
    let mut spec = described.json(description);
    let schema = json!({
        "$ref": format!("#/components/schemas/{request}"),
        "components": spec["components"].take(),
    });
    let strict = jsonschema::validator_for(&schema).expect("a schema");
    for mut body in bodies {
        let errors: Vec<String> = strict.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        body["max_tokens_typo"] = json!(1);
        assert!(!strict.is_valid(&body), "the description refuses unknown members");
    }
}

async fn read(stream: &mut TcpStream) -> (String, String) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let (head, body) = (text(&bytes[..end]), &bytes[end + 4..]);
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return (head, text(body));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return (text(&bytes), String::new()),
        }
    }
}

/// Serves one line; a stream that must stay open is given back.
async fn serve(mut stream: TcpStream, line: Line) -> Option<TcpStream> {
    let broken = || b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec();
    let (bytes, hold) = match line {
        Line::Answer(status, headers, body) => (answer(status, headers, body.as_bytes()), false),
        Line::Bytes(status, headers, body) => (answer(status, headers, &body), false),
        Line::Hang => (broken(), true),
        Line::Break => (broken(), false),
    };
    // A client that has read enough hangs up: that is its right.
    let _closed = stream.write_all(&bytes).await;
    hold.then_some(stream)
}

fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A whole answer as recorded ones look, with this text.
pub(crate) fn text(content: &str) -> Line {
    completion(&json!({"role": "assistant", "content": content, "refusal": null}), "stop")
}

/// A whole answer with this message and ending.
pub(crate) fn completion(message: &Value, finish_reason: &str) -> Line {
    let body = json!({
        "id": "chatcmpl-ABfvbtVnTu5DeC4EFnRYj8mtfOM99",
        "object": "chat.completion",
        "created": 1_727_346_143,
        "model": "small-2026-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 79, "completion_tokens": 14, "total_tokens": 93},
        "system_fingerprint": null,
    });
    Line::Answer(200, "content-type: application/json\r\nx-request-id: req_58cff97afd0e\r\n", body.to_string())
}

/// An error as the API words it.
pub(crate) fn error(status: u16, code: &str) -> Line {
    let body =
        json!({"error": {"message": "sk-canary-4711 is over its limit", "type": "t", "param": null, "code": code}});
    Line::Answer(status, "retry-after-ms: 1\r\nx-request-id: req_1\r\n", body.to_string())
}
