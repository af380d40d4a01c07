//! A client of rooms, and one that writes with Yjs.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::{Error, Message};
use yrs::updates::decoder::Decode as _;
use yrs::{GetString as _, OffsetKind, Options, ReadTxn as _, StateVector, Text as _, Transact as _};

use crate::world::{Session, World};

/// A page that may connect.
pub const ORIGIN: &str = "http://localhost:3000";
/// Long enough for any machine: only a frame that never comes takes it.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open connection.
pub struct Socket {
    pub stream: WebSocketStream<TcpStream>,
    /// What `$connect` answered.
    pub protocol: Option<String>,
    /// Frames that came before the one that was waited for.
    pub missed: VecDeque<Value>,
}

impl Socket {
    /// Opens one, or says with which status it was refused.
    pub async fn open(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, u16> {
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let authority = request.uri().authority().unwrap().as_str().to_owned();
        let stream = TcpStream::connect(authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|protocol| protocol.to_str().unwrap().to_owned());
                Ok(Self { stream, protocol, missed: VecDeque::new() })
            }
            Err(Error::Http(refusal)) => Err(refusal.status().as_u16()),
            // A client that asked for no subprotocol it got: the library's own strictness.
            Err(error) => panic!("{error}"),
        }
    }

    /// A program's connection.
    pub async fn program(world: &World, session: &Session, room: &str) -> Self {
        let bearer = format!("Bearer {}", session.token);
        Self::open(&format!("{}?room={room}", world.stack.websocket()), &[("authorization", &bearer)]).await.unwrap()
    }

    pub async fn tell(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.unwrap();
    }

    /// The next frame, of any type.
    pub async fn next(&mut self) -> Value {
        if let Some(frame) = self.missed.pop_front() {
            return frame;
        }
        self.read().await.expect("a frame, not the end")
    }

    /// The next frame, or the end.
    pub async fn try_next(&mut self) -> Option<Value> {
        match self.missed.pop_front() {
            Some(frame) => Some(frame),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Option<Value> {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("a frame");
        match next {
            Some(Ok(Message::Text(text))) => Some(serde_json::from_str(text.as_str()).unwrap()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => None,
            other => panic!("no text but {other:?}"),
        }
    }

    /// The next frame of a type, in the order of those not waited for before.
    pub async fn hear(&mut self, kind: &str) -> Value {
        if let Some(at) = self.missed.iter().position(|frame| frame["type"] == kind) {
            return self.missed.remove(at).unwrap();
        }
        loop {
            let frame = self.read().await.unwrap_or_else(|| panic!("the end, and no {kind}: {:?}", self.missed));
            if frame["type"] == kind {
                return frame;
            }
            self.missed.push_back(frame);
        }
    }

    /// Waits for the end; frames on the way are kept.
    pub async fn end(&mut self) {
        while let Some(frame) = self.read().await {
            self.missed.push_back(frame);
        }
    }

    /// Says it, and again if it was not done for a reason that passes, until the answer is of a kind.
    pub async fn ask(&mut self, message: &Value, kind: &str) -> Value {
        self.tell(message).await;
        loop {
            let frame = self.read().await.unwrap_or_else(|| panic!("the end, and no {kind}: {:?}", self.missed));
            if frame["type"] == kind && !passes(&frame) {
                return frame;
            }
            if passes(&frame) {
                self.tell(message).await;
            } else {
                self.missed.push_back(frame);
            }
        }
    }

    pub async fn refused(&mut self, message: &Value, code: &str) -> Value {
        let nack = self.ask(message, "nack").await;
        assert_eq!(nack["code"], code, "{nack}");
        nack
    }

    pub async fn join(&mut self, kind: &str, session: &str) -> Value {
        self.ask(&json!({ "action": "join", "kind": kind, "session": session }), "welcome").await
    }

    /// Inserts a text at a position; the answer.
    pub async fn insert(&mut self, n: u64, base: u64, position: usize, content: &str) -> Value {
        self.ask(&insertion(n, base, position, content), "ack").await
    }

    /// Everything that came so far: what this connection said is answered, and whatever follows from it has arrived.
    pub async fn heard(&mut self, world: &World) -> Vec<Value> {
        // The gateway reads in order: what was said before is under way now.
        self.mark().await;
        world.stack.quiet().await.unwrap();
        // The answer to this comes behind all that was posted.
        self.mark().await;
        self.missed.drain(..).collect()
    }

    async fn mark(&mut self) {
        self.tell(&json!({ "action": "nothing" })).await;
        loop {
            let frame = self.read().await.expect("an answer");
            if frame["type"] == "nack" && frame["action"] == "default" {
                return;
            }
            self.missed.push_back(frame);
        }
    }
}

/// A busy machine: DynamoDB took too long, or a function died of it.
fn passes(frame: &Value) -> bool {
    frame["code"] == "retry" || frame["message"] == "Internal server error"
}

pub fn insertion(n: u64, base: u64, position: usize, content: &str) -> Value {
    let op = json!({ "type": "insert", "position": position, "content": content });
    json!({ "action": "edit", "n": n, "base": base, "ops": [op] })
}

impl World {
    /// A new room of this user's, with a first text.
    pub async fn room(&self, owner: &Session, text: &str) -> String {
        let made = owner.client.post("/api/rooms", &json!({ "name": "Minutes", "text": text })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["roomId"].as_str().unwrap().to_owned()
    }

    /// Gives a role.
    pub async fn invite(&self, owner: &Session, room: &str, user: &Session, role: &str) {
        let path = format!("/api/rooms/{room}/members/{}", user.id);
        let reply = owner.client.put(&path, &json!({ "role": role })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
    }

    /// A connection that has joined.
    pub async fn enter(&self, user: &Session, room: &str, kind: &str, session: &str) -> Socket {
        let mut socket = Socket::program(self, user, room).await;
        socket.join(kind, session).await;
        socket
    }

    /// The text of a room.
    pub async fn text(&self, user: &Session, room: &str) -> String {
        let snapshot = user.client.get(&format!("/api/rooms/{room}/snapshot")).await;
        assert_eq!(snapshot.status, 200, "{}", snapshot.text);
        snapshot.body["text"].as_str().unwrap().to_owned()
    }
}

/// A document that a client of a room edits.
pub struct Document {
    doc: yrs::Doc,
    sent: StateVector,
}

impl Document {
    /// From a welcome.
    pub fn of(welcome: &Value) -> Self {
        let options = Options {
            client_id: yrs::block::ClientID::new(welcome["clientId"].as_u64().unwrap()),
            offset_kind: OffsetKind::Utf16,
            ..Options::default()
        };
        let mut document = Self { doc: yrs::Doc::with_options(options), sent: StateVector::default() };
        document.apply(welcome["state"]["update"].as_str().unwrap());
        document
    }

    pub fn apply(&mut self, update: &str) {
        let update = yrs::Update::decode_v1(&STANDARD.decode(update).unwrap()).unwrap();
        self.doc.transact_mut().apply_update(update).unwrap();
        self.sent = self.doc.transact().state_vector();
    }

    /// Inserts; the update that says so.
    pub fn insert(&mut self, position: u32, content: &str) -> String {
        let text = self.doc.get_or_insert_text("text");
        text.insert(&mut self.doc.transact_mut(), position, content);
        let update = self.doc.transact().encode_diff_v1(&self.sent);
        self.sent = self.doc.transact().state_vector();
        STANDARD.encode(update)
    }

    pub fn text(&self) -> String {
        let text = self.doc.get_or_insert_text("text");
        text.get_string(&self.doc.transact())
    }
}
