//! Lambda: instances of the real functions. One instance answers one event at a time; one that dies is never asked again
//! in its run; a new one may know rooms from long ago, as instances do that slept.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aura::App;
use aura::clock::{Clock, Timestamp};
use aura::config::Config;
use aura::random::Random;
use aura::signed::{Carrier, Signed};
use aura::store::Store;
use aura_functions::socket::Endpoint;
use aura_functions::{rooms, socket_route};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::chance::{Chance, Count};
use crate::table::{TABLE, Table, die, mortal};

/// Instances of a thread. They live as long as it does, because functions hold them for ever.
const INSTANCES: usize = 24;
/// Entries that stay in a log.
const WINDOW: usize = 12;

/// A request of a function to API Gateway or Lambda.
#[derive(Debug)]
pub struct Parcel {
    /// POST or DELETE.
    pub method: String,
    /// Where to.
    pub url: String,
    /// What.
    pub body: String,
    /// The way back.
    pub reply: oneshot::Sender<Reply>,
}

/// What a function gets back.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// A status.
    Status(u16),
    /// Nothing in time.
    Silence,
    /// It dies meanwhile.
    Death,
}

/// Where functions send their requests: to the gateway of the run.
#[derive(Debug, Clone, Default)]
struct Wire(Arc<Mutex<Option<mpsc::UnboundedSender<Parcel>>>>);

impl Carrier for Wire {
    fn carry(&self, method: &str, url: &str, body: String) -> Pin<Box<dyn Future<Output = Option<StatusCode>> + Send>> {
        let (reply, answer) = oneshot::channel();
        let parcel = Parcel { method: method.to_owned(), url: url.to_owned(), body, reply };
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|wire| wire.send(parcel));
        Box::pin(async move {
            sent?.ok()?;
            match answer.await.ok()? {
                Reply::Status(status) => StatusCode::from_u16(status).ok(),
                Reply::Silence => None,
                Reply::Death => die().await,
            }
        })
    }
}

/// What all runs of a thread share.
struct Machine {
    table: Table,
    clock: Clock,
    random: Random,
    wire: Wire,
    apps: Vec<&'static App>,
    endpoints: BTreeMap<&'static str, Endpoint>,
}

/// Lambda, for one run.
pub struct Server {
    machine: &'static Machine,
    started: Instant,
    passed: Cell<Duration>,
    /// Instances that may be asked, and whether they are busy.
    live: RefCell<Vec<(usize, bool)>>,
    next: Cell<usize>,
    /// Instances that died.
    pub deaths: Count,
    /// Events that were answered or died.
    pub events: Count,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

thread_local! {
    static MACHINE: &'static Machine = Box::leak(Box::new(Machine::new()));
}

impl Machine {
    #[expect(clippy::expect_used, reason = "a simulation stops where it cannot start")]
    fn new() -> Self {
        let (table, clock) = (Table::new(), Clock::manual(Timestamp::from_secs(1_795_000_000)));
        let (random, wire) = (Random::seeded(0), Wire::default());
        let config = Config::from_lookup(|name| {
            let value = match name {
                "ROOMS_TABLE" => TABLE,
                "IDENTITY_TABLE" => "Identity",
                "EPHEMERAL_TABLE" => "Ephemeral",
                "CONNECTIONS_URL" => "https://sockets.test/prod",
                "AWS_ENDPOINT_URL_LAMBDA" => "https://lambda.test",
                "FAN_OUT_FUNCTION" => "fan-out",
                "COMPACT_ROOM_FUNCTION" => "compact-room",
                _ => return None,
            };
            Some(value.to_owned())
        })
        .expect("settings");
        let instance = || {
            let store = Store::over(&config, table.http_client());
            let mut app = App::over(config.clone(), clock.clone(), random.clone(), store).expect("an instance");
            let signed = || Signed::carried(Arc::new(wire.clone()), &config.aws, clock.clone());
            app.rooms = app.rooms.keeping(WINDOW);
            app.sockets = app.sockets.posting(signed());
            app.background = app.background.invoking(signed());
            &*Box::leak(Box::new(app))
        };
        let apps = (0..INSTANCES).map(|_| instance()).collect();
        let endpoints = [
            Endpoint::new(socket_route::JOIN, rooms::join),
            Endpoint::new(socket_route::LEAVE, rooms::leave),
            Endpoint::new(socket_route::UPDATE, rooms::update),
            Endpoint::new(socket_route::EDIT, rooms::edit),
            Endpoint::new(socket_route::PULL, rooms::pull),
            Endpoint::new(socket_route::HEARTBEAT, rooms::heartbeat),
            Endpoint::new(socket_route::PRESENCE, rooms::presence),
        ];
        let endpoints = endpoints.into_iter().map(|endpoint| (endpoint.route().key, endpoint)).collect();
        Self { table, clock, random, wire, apps, endpoints }
    }
}

impl Server {
    /// Lambda for the run of a seed: an empty table, and no instance that knows the run's room. The receiver gets what
    /// functions send.
    #[must_use]
    pub fn new(seed: u64) -> (Self, mpsc::UnboundedReceiver<Parcel>) {
        let machine = MACHINE.with(|machine| *machine);
        machine.table.renew();
        machine.random.restart(seed);
        let (sender, receiver) = mpsc::unbounded_channel();
        *machine.wire.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let server = Self {
            machine,
            started: Instant::now(),
            passed: Cell::default(),
            live: RefCell::default(),
            next: Cell::default(),
            deaths: Count::default(),
            events: Count::default(),
        };
        (server, receiver)
    }

    /// DynamoDB.
    pub fn table(&self) -> &Table {
        &self.machine.table
    }

    /// An instance for what is no event: preparations and the last look.
    pub fn app(&self) -> &'static App {
        self.tick();
        self.machine.apps[INSTANCES - 1]
    }

    /// Lets the clock of all instances follow the simulated time.
    pub fn tick(&self) {
        let passed = self.started.elapsed();
        self.machine.clock.advance(passed.saturating_sub(self.passed.get()));
        self.passed.set(passed);
    }

    /// Answers a message; `None` if the instance died.
    pub async fn message(&self, chance: &Chance, action: &str, event: Value) -> Option<Value> {
        let endpoint = self.machine.endpoints.get(action)?;
        self.run(chance, |app| endpoint.answer(app, event)).await
    }

    /// Does some work in an instance; `None` if it died.
    pub async fn run<T, F>(&self, chance: &Chance, work: impl FnOnce(&'static App) -> F) -> Option<T>
    where
        F: Future<Output = T>,
    {
        self.tick();
        self.events.up();
        let instance = self.take(chance);
        let result = mortal(work(self.machine.apps[instance])).await;
        self.tick();
        let mut live = self.live.borrow_mut();
        if result.is_some() {
            live.iter_mut().filter(|(other, _)| *other == instance).for_each(|(_, busy)| *busy = false);
        } else {
            self.deaths.up();
            live.retain(|(other, _)| *other != instance);
        }
        result
    }

    fn take(&self, chance: &Chance) -> usize {
        let mut live = self.live.borrow_mut();
        let idle: Vec<usize> = live.iter().filter(|(_, busy)| !busy).map(|(instance, _)| *instance).collect();
        // Now and then a new one, as when the number of instances grows or an old one is retired.
        if !idle.is_empty() && !chance.permille(20) {
            let instance = idle[chance.place(idle.len())];
            live.iter_mut().filter(|(other, _)| *other == instance).for_each(|(_, busy)| *busy = true);
            return instance;
        }
        let mut instance = self.next.get();
        for _ in 0..INSTANCES {
            instance = (instance + 1) % (INSTANCES - 1);
            if !live.iter().any(|(other, _)| *other == instance) {
                break;
            }
        }
        self.next.set(instance);
        live.retain(|(other, _)| *other != instance);
        live.push((instance, true));
        instance
    }
}
