//! A language model on loopback that answers from a script.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A scripted provider; the last line of its script repeats.
pub struct Provider {
    pub base_url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// One answer of a script.
#[derive(Clone)]
pub enum Line {
    /// A status and a whole body.
    Whole(u16, String),
    /// A body that announces more than there is, and then the end.
    Truncated(String),
    /// A byte now and then, for ever.
    Slow,
    /// Bytes without an end, as fast as they are taken.
    Endless,
    /// Headers, each ended by CR LF, and a body that is no text.
    Bytes(&'static str, Vec<u8>),
    /// What the request's system message says, as the text of this answer's member, or as all of it without a name.
    Echo(&'static str, Value),
}

impl Provider {
    /// Answers with these statuses and bodies, in order.
    pub async fn start(script: Vec<(u16, String)>) -> Self {
        Self::play(script.into_iter().map(|(status, body)| Line::Whole(status, body)).collect()).await
    }

    /// Answers with these lines, in order; requests are served side by side.
    pub async fn play(script: Vec<Line>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut script = script.into_iter().peekable();
            while let Ok((mut stream, _)) = listener.accept().await {
                let Some(request) = read(&mut stream).await else { continue };
                seen.lock().expect("requests").push(request.clone());
                let Some(line) = script.peek().cloned() else { continue };
                if script.len() > 1 {
                    script.next();
                }
                tokio::spawn(serve(stream, line, request));
            }
        });
        Self { base_url, requests }
    }

    /// The requests so far, heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("requests").clone()
    }
}

async fn serve(mut stream: tokio::net::TcpStream, line: Line, request: String) {
    let head = |status: u16, length: usize| {
        format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nx-request-id: req_1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        )
    };
    let text = match line {
        Line::Whole(status, body) => head(status, body.len()) + &body,
        Line::Bytes(headers, body) => {
            let head = head(200, body.len()).replacen("content-type: application/json\r\n", headers, 1);
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
            return;
        }
        Line::Truncated(body) => head(200, body.len() + 100) + &body,
        Line::Echo(member, mut answer) => {
            let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").expect("a body").1).expect("JSON");
            let system = body["messages"][0]["content"].as_str().expect("a system message").to_owned();
            let (status, body) = match member {
                "" => completion_text(&system),
                member => {
                    answer[member] = json!(system);
                    completion(&answer)
                }
            };
            head(status, body.len()) + &body
        }
        Line::Slow | Line::Endless => {
            let (pause, part) = match line {
                Line::Slow => (std::time::Duration::from_millis(500), " ".to_owned()),
                _ => (std::time::Duration::ZERO, " ".repeat(65_536)),
            };
            let mut text = head(200, usize::MAX / 4);
            while stream.write_all(text.as_bytes()).await.is_ok() {
                tokio::time::sleep(pause).await;
                text.clone_from(&part);
            }
            return;
        }
    };
    let _ = stream.write_all(text.as_bytes()).await;
}

pub async fn read(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut whole = None;
    loop {
        if whole.is_none()
            && let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n")
        {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length =
                head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
            whole = Some(end + 4 + length.unwrap_or(0));
        }
        if whole.is_some_and(|whole| bytes.len() >= whole) {
            return Some(String::from_utf8_lossy(&bytes).into_owned());
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// A chat completion that says `content`.
pub fn completion(content: &Value) -> (u16, String) {
    completion_text(&content.to_string())
}

/// A chat completion of this text.
pub fn completion_text(content: &str) -> (u16, String) {
    ending(&json!({"role": "assistant", "content": content, "refusal": null}), "stop")
}

/// A chat completion of this message and ending.
pub fn ending(message: &Value, finish_reason: &str) -> (u16, String) {
    let body = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_795_440_540, "model": "gpt-6-luna",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}
    });
    (200, body.to_string())
}

/// A form of one text field, as the model's schema has it.
pub fn one_field(name: &str, label: &str) -> Value {
    json!({"fields": [{
        "fieldName": name, "fieldType": "text", "label": label, "placeholder": null, "required": true,
        "validation": null, "options": null
    }]})
}
