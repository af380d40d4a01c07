//! HTTP/1.1 over one connection, as little as it takes: what a client and a provider cost must not hide what is measured.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A connection that stays open.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    pub(crate) fn open(address: SocketAddr) -> Result<Self> {
        Self::new(TcpStream::connect(address)?)
    }

    fn new(stream: TcpStream) -> Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends JSON and reads the answer; how long that took, and what it says.
    pub(crate) fn post(&mut self, path: &str, token: &str, body: &str) -> Result<(Duration, Value)> {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let sent = Instant::now();
        self.stream.write_all(request.as_bytes())?;
        let (head, body) = self.message()?;
        let took = sent.elapsed();
        if !head.starts_with("HTTP/1.1 20") {
            bail!("{path} answered {head}{}", String::from_utf8_lossy(&body));
        }
        Ok((took, serde_json::from_slice(&body)?))
    }

    /// The next head and body, of a request or an answer.
    fn message(&mut self) -> Result<(String, Vec<u8>)> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more()?;
        };
        let head = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        let length: usize = head.lines().find_map(header).context("a message without a length")?;
        while self.buffer.len() < end + length {
            self.read_more()?;
        }
        let rest = self.buffer.split_off(end + length);
        let body = self.buffer.split_off(end);
        self.buffer = rest;
        Ok((head, body))
    }

    fn read_more(&mut self) -> Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => bail!("closed"),
            read => self.buffer.extend_from_slice(&chunk[..read]),
        }
        Ok(())
    }
}

/// Answers every request at once with `body`, until this process ends.
pub(crate) fn serve(answer: impl Fn(&Value) -> Value + Copy + Send + 'static) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            std::thread::spawn(move || -> Result<()> {
                let mut wire = Wire::new(stream)?;
                loop {
                    let (_, body) = wire.message()?;
                    let body = answer(&serde_json::from_slice(&body)?).to_string();
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: bench\r\n";
                    let answer = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
                    wire.stream.write_all(answer.as_bytes())?;
                }
            });
        }
    });
    Ok(address)
}
