//! A client of a few lines: one request per connection, from any loopback address.

use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;

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
