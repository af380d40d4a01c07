//! One client: what is known of it, what waits to be written to it, and how it ends.
//!
//! What a client does not read waits in a buffer of bounded size; a full one refuses posts, as API
//! Gateway does. Reading and writing do not wait for each other, so a client that only writes, or only
//! reads, harms nobody but itself.

use super::{Limits, Sockets};
use crate::clock;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, watch};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes, error};

pub(crate) const MAX_FRAME: usize = 32 * 1024;
pub(crate) const MAX_MESSAGE: usize = 128 * 1024;
/// What may wait to be written to one client, in bytes.
const BUFFER: usize = 1024 * 1024;
/// How long a client may take over the end of its connection.
const CLOSING: Duration = Duration::from_secs(5);

pub(crate) struct Connection {
    pub(crate) id: String,
    /// How many connections were opened before it, for the draws of a seed.
    pub(crate) number: u64,
    pub(crate) connected_ms: u64,
    pub(crate) domain: String,
    source: IpAddr,
    user_agent: Option<String>,
    /// What the authoriser said about the client.
    pub(crate) authorizer: OnceLock<Value>,
    pub(crate) messages: AtomicU64,
    pub(crate) posts: AtomicU64,
    last_active_ms: AtomicU64,
    queue: mpsc::UnboundedSender<Outgoing>,
    queued: AtomicUsize,
    ending: watch::Sender<Option<Ending>>,
}

pub(crate) enum Outgoing {
    Text(Utf8Bytes),
    Close(CloseFrame),
}

/// What waits to be written; the writer's end of the queue.
pub(crate) type Queue = mpsc::UnboundedReceiver<Outgoing>;

/// Why a text does not get to the client.
#[derive(Debug, PartialEq)]
pub(crate) enum Unsent {
    Full,
    Gone,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ending {
    /// What the client is told; nothing, if the connection is just cut.
    close: Option<(u16, &'static str)>,
    /// As `$disconnect` is told.
    pub(crate) status: u16,
    pub(crate) reason: String,
}

impl Ending {
    fn told(code: u16, reason: &'static str) -> Self {
        Self { close: Some((code, reason)), status: code, reason: reason.to_owned() }
    }

    pub(crate) fn deleted() -> Self {
        Self::told(1000, "Connection Closed Normally")
    }

    /// Idle for too long, or open for too long.
    fn going_away() -> Self {
        Self::told(1001, "Going away")
    }

    pub(crate) fn cut() -> Self {
        Self { close: None, status: 1006, reason: "Connection Closed Abnormally".to_owned() }
    }

    fn by_client(frame: Option<CloseFrame>) -> Self {
        let (status, reason) = match frame {
            Some(frame) => (frame.code.into(), frame.reason.as_str().to_owned()),
            None => (1005, "Client-side close frame status not set".to_owned()),
        };
        Self { close: Some((1000, "")), status, reason }
    }

    fn by_error(error: &Error) -> Self {
        match error {
            Error::Capacity(_) => Self::told(1009, "Message too long"),
            Error::Utf8(_) => Self::told(1007, "Invalid frame payload data"),
            Error::Protocol(error::ProtocolError::ResetWithoutClosingHandshake) => Self::cut(),
            Error::Protocol(_) => Self::told(1002, "Protocol error"),
            _ => Self::cut(),
        }
    }
}

impl Connection {
    pub(crate) fn new(
        id: String,
        number: u64,
        source: IpAddr,
        user_agent: Option<String>,
        domain: String,
    ) -> (Self, Queue) {
        let (queue, outgoing) = mpsc::unbounded_channel();
        let now = clock::epoch_ms();
        let connection = Self {
            id,
            number,
            connected_ms: now,
            domain,
            source,
            user_agent,
            authorizer: OnceLock::new(),
            messages: AtomicU64::new(0),
            posts: AtomicU64::new(0),
            last_active_ms: AtomicU64::new(now),
            queue,
            queued: AtomicUsize::new(0),
            ending: watch::Sender::new(None),
        };
        (connection, outgoing)
    }

    #[cfg(test)]
    pub(crate) fn for_tests(id: &str, number: u64) -> Self {
        Self::new(id.to_owned(), number, [127, 0, 0, 1].into(), None, String::new()).0
    }

    pub(crate) fn identity(&self) -> Value {
        match &self.user_agent {
            Some(agent) => json!({ "sourceIp": self.source.to_string(), "userAgent": agent }),
            None => json!({ "sourceIp": self.source.to_string() }),
        }
    }

    pub(crate) fn last_active_ms(&self) -> u64 {
        self.last_active_ms.load(Ordering::Relaxed)
    }

    fn touch(&self) {
        self.last_active_ms.store(clock::epoch_ms(), Ordering::Relaxed);
    }

    /// Put it into the buffer, if there is room.
    pub(crate) fn send(&self, text: Utf8Bytes) -> Result<(), Unsent> {
        self.reserve(&text)?;
        self.enqueue(text)
    }

    /// Take the room that `enqueue` will fill.
    pub(crate) fn reserve(&self, text: &Utf8Bytes) -> Result<(), Unsent> {
        let room = |queued: usize| (queued + text.len() <= BUFFER).then_some(queued + text.len());
        let reserved = self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, room);
        reserved.map(drop).map_err(|_| Unsent::Full)
    }

    pub(crate) fn enqueue(&self, text: Utf8Bytes) -> Result<(), Unsent> {
        self.queue.send(Outgoing::Text(text)).map_err(|_| Unsent::Gone)
    }

    /// End it; only the first ending counts.
    pub(crate) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(ending);
            }
            first
        });
    }

    async fn ended(&self) -> Ending {
        let mut ending = self.ending.subscribe();
        let ended = ending.wait_for(Option::is_some).await.ok().and_then(|ending| ending.clone());
        ended.unwrap_or_else(Ending::cut)
    }

    async fn idle(&self, limit: Duration) {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        loop {
            let idle_ms = clock::epoch_ms().saturating_sub(self.last_active_ms());
            if idle_ms >= limit_ms {
                return;
            }
            tokio::time::sleep(Duration::from_millis(limit_ms - idle_ms)).await;
        }
    }
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Serve a client until its connection ends.
pub(crate) async fn serve(sockets: Arc<Sockets>, connection: Arc<Connection>, queue: Queue, upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else {
        sockets.ended(&connection, &Ending::cut());
        return;
    };
    connection.touch(); // the client has not been idle while `$connect` took its time
    let config = WebSocketConfig::default()
        .read_buffer_size(4 * 1024)
        .write_buffer_size(16 * 1024)
        .max_frame_size(Some(MAX_FRAME))
        .max_message_size(Some(MAX_MESSAGE));
    let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, mut stream) = socket.split();
    let mut writer = tokio::spawn(write(sink, queue, Arc::clone(&connection)));
    let Limits { idle, life, .. } = sockets.limits;
    let ending = tokio::select! {
        ending = read(&sockets, &connection, &mut stream) => ending,
        ending = connection.ended() => ending,
        _ = &mut writer => Ending::cut(),
        () = connection.idle(idle) => Ending::going_away(),
        () = tokio::time::sleep(life) => Ending::going_away(),
    };
    sockets.ended(&connection, &ending);
    match ending.close {
        Some((code, reason)) if !writer.is_finished() => {
            let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
            let _ = connection.queue.send(Outgoing::Close(frame));
            let _ = tokio::time::timeout(CLOSING, part(&mut writer, stream)).await;
            writer.abort();
        }
        _ => writer.abort(),
    }
}

/// The next thing that ends the connection.
async fn read(sockets: &Arc<Sockets>, connection: &Arc<Connection>, stream: &mut SplitStream<Socket>) -> Ending {
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Text(text)) => {
                connection.touch();
                sockets.message(connection, text);
            }
            Ok(Message::Binary(_)) => return Ending::told(1003, "Binary frames are not supported"),
            Ok(Message::Close(frame)) => return Ending::by_client(frame),
            Ok(_) => {} // pings are answered by the protocol, and keep no connection alive
            Err(error) => return Ending::by_error(&error),
        }
    }
    Ending::cut()
}

/// Write until the queue says to close, which gives the sink back, or until the client is gone.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut queue: Queue,
    connection: Arc<Connection>,
) -> Option<SplitSink<Socket, Message>> {
    while let Some(first) = queue.recv().await {
        let (mut next, mut written) = (Some(first), 0);
        while let Some(outgoing) = next {
            match outgoing {
                Outgoing::Text(text) => {
                    written += text.len();
                    sink.feed(Message::Text(text)).await.ok()?;
                }
                Outgoing::Close(frame) => {
                    // Refused where the client closed first: what is left to send is the reply to that.
                    let _ = sink.feed(Message::Close(Some(frame))).await;
                    let _ = sink.flush().await;
                    return Some(sink);
                }
            }
            next = queue.try_recv().ok();
        }
        sink.flush().await.ok()?;
        connection.queued.fetch_sub(written, Ordering::Relaxed);
        connection.touch();
    }
    None
}

/// Once the last frame is written: wait for the client's end, reading what it still sends. A socket
/// that is closed over unread bytes resets, and the client might never see the last frame.
async fn part(writer: &mut tokio::task::JoinHandle<Option<SplitSink<Socket, Message>>>, stream: SplitStream<Socket>) {
    let Ok(Some(sink)) = writer.await else { return };
    let Ok(socket) = sink.reunite(stream) else { return };
    let mut raw = socket.into_inner();
    let _ = raw.shutdown().await;
    let _ = tokio::io::copy(&mut raw, &mut tokio::io::sink()).await;
}
