//! Clients of a few lines: HTTP with one request per connection, from any loopback address, and WebSockets.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message, handshake::client::Response, protocol::CloseFrame};

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub(crate) async fn get(base: &str, path: &str) -> Reply {
    send(base, [127, 0, 0, 1].into(), &format!("GET {path} HTTP/1.1\r\n"), b"").await.unwrap()
}

/// `head` is the request line and any headers, each with its line end. An answer that never came
/// is an error.
pub(crate) async fn send(base: &str, from: IpAddr, head: &str, body: &[u8]) -> std::io::Result<Reply> {
    let address: SocketAddr = base.rsplit('/').next().unwrap().parse().unwrap();
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(from, 0))?;
    let mut stream = socket.connect(address).await?;
    let head = format!("{head}host: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let status =
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(std::io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

/// A call of an AWS JSON service; `key` is the access key.
pub(crate) async fn aws(endpoint: &str, target: &str, key: &str, body: &Value) -> std::io::Result<Reply> {
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/local/aws4_request, SignedHeaders=host, Signature=0"
    );
    let head = format!(
        "POST / HTTP/1.1\r\nx-amz-target: {target}\r\nauthorization: {authorization}\r\ncontent-type: application/x-amz-json-1.0\r\n"
    );
    send(endpoint, [127, 0, 0, 1].into(), &head, body.to_string().as_bytes()).await
}

pub(crate) fn dynamodb(operation: &str) -> String {
    format!("DynamoDB_20120810.{operation}")
}

/// An invocation through Lambda's Invoke API as the function that runs this; the status.
pub(crate) async fn invoke(endpoint: &str, function: &str, kind: &str, event: &Value) -> std::io::Result<u16> {
    #[expect(clippy::disallowed_methods, reason = "a test function reads its environment")]
    let key = std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "operator".to_owned());
    invoke_as(&key, endpoint, function, kind, event).await.map(|reply| reply.status)
}

pub(crate) async fn invoke_as(
    key: &str,
    endpoint: &str,
    function: &str,
    kind: &str,
    event: &Value,
) -> std::io::Result<Reply> {
    let head = format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nx-amz-invocation-type: {kind}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n"
    );
    send(endpoint, [127, 0, 0, 1].into(), &head, event.to_string().as_bytes()).await
}

pub(crate) struct Socket {
    pub(crate) stream: WebSocketStream<TcpStream>,
    pub(crate) response: Response,
}

impl Socket {
    /// The refusal's status and body, if it is refused.
    pub(crate) async fn open(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, (u16, String)> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let authority = request.uri().authority().unwrap().as_str().to_owned();
        let stream = TcpStream::connect(authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, response)) => Ok(Self { stream, response }),
            Err(Error::Http(refusal)) => {
                let body = refusal.body().clone().unwrap_or_default();
                Err((refusal.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
            }
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn tell(&mut self, message: &Value) {
        self.tell_text(&message.to_string()).await;
    }

    pub(crate) async fn tell_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// The next message; a connection that ends instead fails the test.
    pub(crate) async fn hear(&mut self) -> String {
        match self.stream.next().await {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            other => panic!("no message but {other:?}"),
        }
    }

    pub(crate) async fn hear_json(&mut self) -> Value {
        let text = self.hear().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    pub(crate) async fn ask(&mut self, message: &Value) -> String {
        self.tell(message).await;
        self.hear().await
    }

    /// The close frame that ends the connection; messages before it are passed over.
    pub(crate) async fn end(&mut self) -> Option<CloseFrame> {
        let mut frame = None;
        while let Some(message) = self.stream.next().await {
            match message {
                Ok(Message::Close(close)) => frame = close,
                Ok(_) => {}
                Err(_) => break,
            }
        }
        frame
    }
}
