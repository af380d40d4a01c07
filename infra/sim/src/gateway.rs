//! API Gateway: what clients send becomes events, what functions post becomes messages; each late, lost, doubled or out
//! of order, as the seed has it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use aura::background::Compaction;
use aura::ticket::Guest;
use aura_functions::{rooms, socket};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::chance::{Chance, Count, Weather};
use crate::server::{Parcel, Reply, Server};

/// What a client hears.
#[derive(Debug)]
pub enum Heard {
    /// A message.
    Frame(Value),
    /// Its connection has ended.
    Closed,
}

struct Link {
    context: Value,
    to: mpsc::UnboundedSender<Heard>,
}

/// The gateway of a run.
pub struct Gateway {
    /// The numbers.
    pub chance: Chance,
    /// Whether things go wrong.
    pub weather: Weather,
    /// Lambda.
    pub server: Server,
    /// Posts that arrived.
    pub posts: Count,
    /// Messages and posts that were lost.
    pub lost: Count,
    links: RefCell<BTreeMap<String, Link>>,
    opened: Count,
    /// In all connections' names: instances remember those of earlier runs.
    run: u64,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

const USUAL: Duration = Duration::from_millis(40);
const SELDOM: Duration = Duration::from_secs(4);

impl Gateway {
    /// A gateway before `server`, which takes what functions send.
    pub fn new(chance: Chance, weather: Weather, server: Server, parcels: mpsc::UnboundedReceiver<Parcel>) -> Rc<Self> {
        let run = chance.below(u64::MAX);
        let gateway = Rc::new(Self {
            chance,
            weather,
            server,
            posts: Count::default(),
            lost: Count::default(),
            links: RefCell::default(),
            opened: Count::default(),
            run,
        });
        spawn_local(Rc::clone(&gateway).serve(parcels));
        gateway
    }

    /// Opens a connection for somebody who was let in.
    pub fn open(&self, guest: &Guest) -> (String, mpsc::UnboundedReceiver<Heard>) {
        self.opened.up();
        let id = format!("{}-{}=", self.run, self.opened.get());
        let (to, heard) = mpsc::unbounded_channel();
        let context = json!({ "connectionId": id, "requestId": id, "authorizer": socket::context(guest) });
        self.links.borrow_mut().insert(id.clone(), Link { context, to });
        (id, heard)
    }

    /// Ends some connection.
    pub fn cut_one(self: &Rc<Self>) {
        let ids: Vec<String> = self.links.borrow().keys().cloned().collect();
        if let Some(id) = ids.get(self.chance.place(ids.len())) {
            self.cut(id);
        }
    }

    /// Ends a connection. The client may notice late, and the functions perhaps never.
    pub fn cut(self: &Rc<Self>, id: &str) {
        let Some(link) = self.links.borrow_mut().remove(id) else { return };
        let gateway = Rc::clone(self);
        let noticed = self.chance.delay(Duration::from_millis(50), Duration::from_secs(20));
        spawn_local(async move {
            let event = json!({ "requestContext": link.context });
            if gateway.chance.permille(500) {
                let told = gateway.server.run(&gateway.chance, |app| rooms::disconnect(app, event));
                told.await;
            }
            sleep(noticed).await;
            drop(link.to.send(Heard::Closed));
        });
    }

    /// Sends a client's message.
    pub fn send(self: &Rc<Self>, id: &str, frame: &Value) {
        for delay in self.ways() {
            let (gateway, id, frame) = (Rc::clone(self), id.to_owned(), frame.clone());
            spawn_local(async move {
                sleep(delay).await;
                gateway.event(&id, &frame).await;
            });
        }
    }

    /// How often something arrives, and when.
    fn ways(&self) -> Vec<Duration> {
        if !self.weather.is_bad() {
            return vec![self.chance.up_to(Duration::from_millis(10))];
        }
        let copies = match self.chance.below(1_000) {
            0..20 => 0,
            20..50 => 2,
            _ => 1,
        };
        if copies == 0 {
            self.lost.up();
        }
        (0..copies).map(|_| self.chance.delay(USUAL, SELDOM)).collect()
    }

    async fn event(self: Rc<Self>, id: &str, frame: &Value) {
        let Some(context) = self.links.borrow().get(id).map(|link| link.context.clone()) else { return };
        let action = frame["action"].as_str().unwrap_or_default();
        let event = json!({ "requestContext": context, "body": frame.to_string() });
        let answer = match self.server.message(&self.chance, action, event).await {
            Some(answer) => answer["body"].as_str().and_then(|body| serde_json::from_str(body).ok()),
            // Half of the deaths look like a slow function.
            None if self.chance.permille(500) => Some(json!({ "message": "Internal server error" })),
            None => None,
        };
        if let Some(answer) = answer {
            self.tell(id, answer);
        }
    }

    fn tell(self: &Rc<Self>, id: &str, frame: Value) {
        for delay in self.ways() {
            let (gateway, id, frame) = (Rc::clone(self), id.to_owned(), frame.clone());
            spawn_local(async move {
                sleep(delay).await;
                if let Some(link) = gateway.links.borrow().get(&id) {
                    drop(link.to.send(Heard::Frame(frame)));
                }
            });
        }
    }

    async fn serve(self: Rc<Self>, mut parcels: mpsc::UnboundedReceiver<Parcel>) {
        while let Some(parcel) = parcels.recv().await {
            spawn_local(Rc::clone(&self).take(parcel));
        }
    }

    async fn take(self: Rc<Self>, Parcel { method, url, body, reply }: Parcel) {
        let bad = self.weather.is_bad();
        sleep(self.chance.up_to(Duration::from_millis(8))).await;
        let roll = if bad { self.chance.below(1_000) } else { 999 };
        if roll < 3 {
            reply.send(Reply::Death).ok();
            return;
        }
        let answer = match url.rsplit_once("/@connections/") {
            Some((_, id)) => self.post(&method, &id.replace("%3D", "="), &body, roll),
            None => {
                if !(10..20).contains(&roll) {
                    self.clone().invoke(&body);
                }
                202
            }
        };
        let reply_with = match roll {
            3..6 => Reply::Death,
            6..10 => Reply::Silence,
            _ => Reply::Status(answer),
        };
        reply.send(reply_with).ok();
    }

    fn post(self: &Rc<Self>, method: &str, id: &str, body: &str, roll: u64) -> u16 {
        if !self.links.borrow().contains_key(id) {
            return 410;
        }
        if method == "DELETE" {
            self.cut(id);
            return 204;
        }
        if (20..35).contains(&roll) {
            return 429;
        }
        self.posts.up();
        if let Ok(frame) = serde_json::from_str(body) {
            self.tell(id, frame);
        }
        200
    }

    /// Runs an event of our own functions, sometimes twice, as Lambda may.
    pub fn invoke(self: Rc<Self>, body: &str) {
        let Ok(Compaction { room }) = serde_json::from_str(body) else { return };
        let copies = if self.weather.is_bad() && self.chance.permille(200) { 2 } else { 1 };
        for _ in 0..copies {
            let gateway = Rc::clone(&self);
            spawn_local(async move {
                sleep(gateway.chance.delay(USUAL, SELDOM)).await;
                let done = gateway.server.run(&gateway.chance, |app| rooms::compact_room(app, Compaction { room }));
                done.await;
            });
        }
    }
}
