//! Rooms under load, through the whole local stack: how long until an edit is acknowledged, which means durable, and how
//! long until the others have it; beside a message that a function answers without a table.
//!
//! Every connection is a client with Yjs and a session of its own. A typist inserts a character, waits for the
//! acknowledgement as the protocol demands, and rests a while. All clients are one process with one thread, so what a
//! client costs is part of what is measured, and more so the larger the room.

use crate::numbers::Times;
use crate::wire::Wire;
use anyhow::{Context as _, Result, anyhow, bail};
use aura_local::Stack;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, SplitSink, SplitStream, StreamExt as _};
use futures_util::{SinkExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::LocalSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use yrs::{Doc, Text as _, Transact as _};

/// Connections of a room, and how many edits each of its typists makes.
const ROOMS: [(usize, usize); 4] = [(2, 60), (10, 40), (100, 15), (1_000, 5)];
const TYPISTS: usize = 20;
/// How long a typist rests: five edits a second.
const REST: Duration = Duration::from_millis(200);
/// Connections that are opened at the same time.
const OPENING: usize = 16;
const QUESTIONS: usize = 200;
/// How long an answer may take before it is asked for again, and how often.
const PATIENCE: Duration = Duration::from_secs(10);
const TRIES: usize = 20;
const PASSWORD: &str = "seven quiet herons wade";

/// One room with so many typists.
pub(crate) struct Measured {
    pub(crate) connections: usize,
    pub(crate) typists: usize,
    pub(crate) edits: usize,
    /// Sent to acknowledged.
    pub(crate) ack: Times,
    /// Sent to arrived, at every other connection.
    pub(crate) remote: Times,
    /// Arrivals that should have been and were not: a client asks for those.
    pub(crate) missed: usize,
    /// Edits that were sent again.
    pub(crate) resent: usize,
}

pub(crate) struct Rooms {
    /// A message that a function answers without a table.
    pub(crate) answered: Times,
    pub(crate) rooms: Vec<Measured>,
    /// The most memory of a process of each function that took part, in bytes.
    pub(crate) memory: BTreeMap<String, u64>,
}

type Socket = WebSocketStream<TcpStream>;

/// What the clients of a room have seen.
#[derive(Default)]
struct Seen {
    arrivals: Vec<(u64, Instant)>,
    sent: HashMap<u64, Instant>,
    ack: Times,
    resent: usize,
}

struct Client {
    sink: SplitSink<Socket, Message>,
    /// Answers to this client: everything but what others did.
    answers: UnboundedReceiver<Value>,
    /// What this client has written, and nothing of the others.
    doc: Doc,
    /// How many edits that were.
    made: u64,
}

pub(crate) fn measure(template: &Path, built: PathBuf) -> Result<Rooms> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, run(template, built))
}

async fn run(template: &Path, built: PathBuf) -> Result<Rooms> {
    let stack = Stack::builder().template(template).binaries(move |name| built.join(name));
    let stack = stack.websocket_connections_per_second(10_000).start().await.map_err(|error| anyhow!("{error}"))?;
    let gateway: SocketAddr = stack.http().strip_prefix("http://").context("the gateway is not http")?.parse()?;
    let call = |path: &'static str, token: String, body: Value| async move {
        let answer = tokio::task::spawn_blocking(move || Wire::open(gateway)?.post(path, &token, &body.to_string()));
        anyhow::Ok(answer.await??.1)
    };
    let person = json!({"email": "typist@example.com", "password": PASSWORD, "name": "Ann Lee"});
    let token =
        call("/api/auth/register", "none".into(), person).await?["token"].as_str().context("no token")?.to_owned();
    let mut rooms = Rooms { answered: Times::default(), rooms: Vec::new(), memory: BTreeMap::new() };
    for (connections, edits) in ROOMS {
        let room = call("/api/rooms", token.clone(), json!({"name": "bench"})).await?;
        let room = room["roomId"].as_str().context("no room")?.to_owned();
        eprintln!("rooms: {connections} connections");
        let seen = Rc::new(RefCell::new(Seen::default()));
        let url = format!("{}?room={room}", stack.websocket());
        let clients = stream::iter(0..connections).map(|n| join(&url, &token, &room, n, Rc::clone(&seen)));
        let mut clients: Vec<Client> = clients.buffer_unordered(OPENING).try_collect().await?;
        if rooms.answered.median().is_none() {
            question(&mut clients[0], &mut rooms.answered).await?;
        }
        for typists in [1, TYPISTS.min(connections)] {
            eprintln!("rooms: {connections} connections, {typists} typing");
            stack.quiet().await.map_err(|error| anyhow!("{error}"))?;
            *seen.borrow_mut() = Seen::default();
            let typing: Vec<_> = clients
                .drain(..typists)
                .enumerate()
                .map(|(n, client)| tokio::task::spawn_local(typist(client, n, edits, Rc::clone(&seen))))
                .collect();
            for typing in typing {
                clients.push(typing.await??);
            }
            stack.quiet().await.map_err(|error| anyhow!("{error}"))?;
            let expected = typists * edits * (connections - 1);
            // What is on its way through loopback still comes.
            let all = async {
                while seen.borrow().arrivals.len() < expected {
                    tokio::task::yield_now().await;
                }
            };
            let _ = tokio::time::timeout(Duration::from_secs(2), all).await;
            rooms.rooms.push(measured(connections, typists, edits, expected, seen.take()));
        }
    }
    rooms.memory = memory()?;
    Ok(rooms)
}

fn measured(connections: usize, typists: usize, edits: usize, expected: usize, seen: Seen) -> Measured {
    let mut remote = Times::default();
    for (rev, at) in &seen.arrivals {
        if let Some(sent) = seen.sent.get(rev) {
            remote.add(at.saturating_duration_since(*sent));
        }
    }
    let missed = expected.saturating_sub(seen.arrivals.len());
    Measured { connections, typists, edits: typists * edits, ack: seen.ack, remote, missed, resent: seen.resent }
}

/// Opens a connection and joins the room on it.
async fn join(url: &str, token: &str, room: &str, n: usize, seen: Rc<RefCell<Seen>>) -> Result<Client> {
    let mut request = url.into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
    let authority = request.uri().authority().context("a URL without an address")?.as_str().to_owned();
    let stream = TcpStream::connect(authority).await?;
    stream.set_nodelay(true)?;
    let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let (sink, stream) = socket.split();
    let (sender, answers) = unbounded_channel();
    tokio::task::spawn_local(listen(stream, sender, seen));
    let mut client = Client { sink, answers, doc: Doc::new(), made: 0 };
    let hello = json!({"action": "join", "room": room, "kind": "yjs", "session": format!("bench-{n}")});
    for _ in 0..TRIES {
        let welcome = client.ask(&hello).await?;
        if welcome["type"] == "welcome" {
            let cid = welcome["clientId"].as_u64().context("a welcome without a client id")?;
            client.doc = Doc::with_client_id(cid);
            return Ok(client);
        }
        again(&welcome, n).await?;
    }
    bail!("client {n} could not join")
}

/// Notes what others did, and hands on what is for this client.
async fn listen(mut stream: SplitStream<Socket>, answers: UnboundedSender<Value>, seen: Rc<RefCell<Seen>>) {
    while let Some(Ok(message)) = stream.next().await {
        let at = Instant::now();
        let Message::Text(text) = message else { continue };
        let Ok(frame) = serde_json::from_str::<Value>(&text) else { continue };
        let kind = frame["type"].as_str().unwrap_or_default();
        if kind == "update" {
            seen.borrow_mut().arrivals.extend(frame["rev"].as_u64().map(|rev| (rev, at)));
        } else if !matches!(kind, "user-joined" | "user-left" | "presence") && answers.send(frame).is_err() {
            return;
        }
    }
}

impl Client {
    async fn ask(&mut self, frame: &Value) -> Result<Value> {
        self.sink.send(Message::text(frame.to_string())).await?;
        match tokio::time::timeout(PATIENCE, self.answers.recv()).await {
            Ok(answer) => answer.context("a connection ended"),
            Err(_) => Ok(Value::Null),
        }
    }
}

/// Waits before the same thing is tried again, if its refusal says that this helps.
async fn again(answer: &Value, n: usize) -> Result<()> {
    match answer["code"].as_str() {
        Some("retry" | "slow_down" | "internal") | None => {} // a dead function says nothing of ours
        Some(_) => bail!("refused: {answer}"),
    }
    tokio::time::sleep(Duration::from_millis(50 + 7 * u64::try_from(n % 20)?)).await;
    Ok(())
}

/// Messages that no route takes: a function answers them without a table.
async fn question(client: &mut Client, times: &mut Times) -> Result<()> {
    for _ in 0..QUESTIONS {
        let sent = Instant::now();
        let answer = client.ask(&json!({"action": "nothing"})).await?;
        times.add(sent.elapsed());
        if answer["type"] != "nack" {
            bail!("an unknown action was answered by {answer}");
        }
    }
    Ok(())
}

async fn typist(mut client: Client, n: usize, edits: usize, seen: Rc<RefCell<Seen>>) -> Result<Client> {
    // Not all of them at the same moment.
    tokio::time::sleep(REST * u32::try_from(n)? / u32::try_from(TYPISTS)?).await;
    let text = client.doc.get_or_insert_text("text");
    for _ in 0..edits {
        let update = {
            let mut txn = client.doc.transact_mut();
            text.push(&mut txn, "x");
            txn.encode_update_v1()
        };
        client.made += 1;
        let frame = json!({"action": "update", "n": client.made, "u": STANDARD.encode(update)});
        let sent = Instant::now();
        let mut left = TRIES;
        loop {
            let answer = client.ask(&frame).await?;
            if answer["type"] == "ack" && answer["n"] == client.made {
                let rev = answer["rev"].as_u64().context("an ack without a rev")?;
                let mut seen = seen.borrow_mut();
                seen.ack.add(sent.elapsed());
                seen.sent.insert(rev, sent);
                break;
            }
            left = left.checked_sub(1).with_context(|| format!("an edit was not taken: {answer}"))?;
            seen.borrow_mut().resent += 1;
            again(&answer, n).await?;
        }
        tokio::time::sleep(REST).await;
    }
    Ok(client)
}

/// The most memory that a process of each function has had: they are children of this one.
fn memory() -> Result<BTreeMap<String, u64>> {
    let mut memory = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let path = entry?.path();
        let (Ok(status), Ok(binary)) = (std::fs::read_to_string(path.join("status")), path.join("exe").read_link())
        else {
            continue;
        };
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
        };
        if field("PPid") == Some(std::process::id().into())
            && let (Some(name), Some(peak)) = (binary.file_name(), field("VmHWM"))
        {
            let most = memory.entry(name.to_string_lossy().into_owned()).or_insert(0);
            *most = peak.saturating_mul(1_024).max(*most);
        }
    }
    Ok(memory)
}
