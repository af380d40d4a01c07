//! DynamoDB in this process: the SDK's requests go to the engine without a socket, so a test owns time and order.
//!
//! What happens to a call is decided by a [`Fate`]. A writer that dies is a future that never goes on: whoever runs it
//! waits for [`Death`] beside it and drops it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aura::RoomId;
use aura::clock::Clock;
use aura::config::Config;
use aura::random::Random;
use aura::rooms::Rooms;
use aura::store::Store;
use aura_local::{DynamoDbEngine as Engine, dynamodb_units};
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// The table's name.
pub const TABLE: &str = "Rooms";

tokio::task_local! {
    /// The one that makes the calls of this task.
    static DEATH: Arc<Death>;
}

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It takes so long, half of it on the way there.
    Answered(Duration),
    /// It is refused for its rate.
    Throttled,
    /// It never arrives.
    Lost,
    /// It arrives, and its answer does not.
    AnswerLost,
    /// The caller dies before it sends.
    DeathBefore,
    /// The caller dies before it has the answer.
    DeathAfter,
}

/// Decides each call, by its operation and request.
pub trait Fates: Send + fmt::Debug {
    /// The fate of the next call.
    fn next(&mut self, operation: &str, request: &Value) -> Fate;
}

/// Every call is answered at once.
#[derive(Debug)]
pub struct Calm;

impl Fates for Calm {
    fn next(&mut self, _: &str, _: &Value) -> Fate {
        Fate::Answered(Duration::ZERO)
    }
}

/// Tells the one who runs a writer that it died.
#[derive(Debug, Default)]
pub struct Death(Notify);

/// Runs a writer to its end, or to its death: `None`.
pub async fn mortal<T>(work: impl Future<Output = T>) -> Option<T> {
    let death = Arc::new(Death::default());
    let work = DEATH.scope(Arc::clone(&death), work);
    tokio::select! {
        biased;
        () = death.0.notified() => None,
        result = work => Some(result),
    }
}

/// The engine, and what happens to calls.
#[derive(Clone)]
pub struct Table {
    engine: Arc<Mutex<Engine>>,
    fates: Arc<Mutex<Box<dyn Fates>>>,
    calls: Arc<Mutex<Vec<Call>>>,
    history: Arc<Mutex<Vec<Value>>>,
}

/// One call that reached the engine.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// As in `PutItem`.
    pub operation: String,
    /// Units that it took.
    pub units: f64,
}

impl Table {
    /// An empty table.
    ///
    /// # Panics
    /// If the engine does not start.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test stops where it cannot start")]
    pub fn new() -> Self {
        let engine = Arc::new(Mutex::new(Engine::memory().expect("an engine in memory")));
        let fates: Box<dyn Fates> = Box::new(Calm);
        let table = Self { engine, fates: Arc::new(Mutex::new(fates)), calls: Arc::default(), history: Arc::default() };
        table.renew();
        table
    }

    /// Forgets everything.
    ///
    /// # Panics
    /// If the engine does not start.
    #[expect(clippy::expect_used, reason = "a test stops where it cannot start")]
    pub fn renew(&self) {
        let engine = Engine::memory().expect("an engine in memory");
        let key = |name: &str, kind: &str| json!({ "AttributeName": name, "KeyType": kind });
        let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
        for name in [TABLE, "Identity", "Ephemeral"] {
            let request = json!({
                "TableName": name,
                "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
                "AttributeDefinitions": [text("pk"), text("sk")],
                "BillingMode": "PAY_PER_REQUEST",
            });
            answered(engine.answer("CreateTable", &request)).expect("a table");
        }
        *lock(&self.engine) = engine;
        *lock(&self.fates) = Box::new(Calm);
        lock(&self.calls).clear();
        lock(&self.history).clear();
    }

    /// Every entry of a log that was written since the table is new, in order, as the request had it.
    #[must_use]
    pub fn history(&self) -> Vec<Value> {
        lock(&self.history).clone()
    }

    /// From now on, `fates` decides.
    pub fn set_fates(&self, fates: impl Fates + 'static) {
        *lock(&self.fates) = Box::new(fates);
    }

    /// The calls since the last time, in order.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *lock(&self.calls))
    }

    /// Makes an empty room.
    ///
    /// # Panics
    /// If the engine refuses.
    #[expect(clippy::expect_used, reason = "a test stops where it cannot start")]
    pub fn make_room(&self, room: RoomId) {
        let text = |value: &str| json!({ "S": value });
        let mut item = json!({ "pk": text(&format!("R#{room}")), "sk": text("META") });
        for (name, value) in aura::store::room_snapshot::new_meta(1) {
            item[name] = json!({ "N": value.as_n().expect("a number") });
        }
        self.call("PutItem", &json!({ "TableName": TABLE, "Item": item })).expect("a room");
    }

    /// A client of it, as functions have one.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// A store of it.
    ///
    /// # Panics
    /// If the settings are wrong.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a test stops where it cannot start")]
    pub fn store(&self) -> Store {
        let config = Config::from_lookup(|name| (name == "ROOMS_TABLE").then(|| TABLE.to_owned())).expect("settings");
        Store::over(&config, self.http_client())
    }

    /// The rooms in it, as one instance of a function has them.
    #[must_use]
    pub fn rooms(&self, clock: &Clock, random: &Random) -> Rooms {
        Rooms::new(self.store(), clock.clone(), random.clone())
    }

    /// One operation of the DynamoDB API, which is not counted and always succeeds or fails at once.
    ///
    /// # Errors
    /// DynamoDB's, as it answers it.
    pub fn call(&self, operation: &str, request: &Value) -> Result<Vec<u8>, String> {
        answered(self.ask(operation, request))
    }

    fn ask(&self, operation: &str, request: &Value) -> (u16, Vec<u8>) {
        let engine = lock(&self.engine).clone();
        engine.answer(operation, request)
    }

    fn note(&self, operation: &str, request: &Value) {
        let mut puts: Vec<&Value> = Vec::new();
        match operation {
            "PutItem" => puts.push(request),
            "TransactWriteItems" => {
                puts.extend(request["TransactItems"].as_array().into_iter().flatten().map(|item| &item["Put"]));
            }
            _ => {}
        }
        let is_entry = |put: &&Value| put["Item"]["sk"]["S"].as_str().is_some_and(|sk| sk.starts_with("L#"));
        lock(&self.history).extend(puts.into_iter().filter(is_entry).map(|put| put["Item"].clone()));
    }

    async fn answer(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let operation = request.headers().get("x-amz-target").and_then(|target| target.split('.').next_back());
        let operation = operation.unwrap_or_default().to_owned();
        let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let fate = lock(&self.fates).next(&operation, &body);
        let half = match fate {
            Fate::Answered(delay) => delay / 2,
            _ => Duration::ZERO,
        };
        tokio::time::sleep(half).await;
        match fate {
            Fate::DeathBefore => return die().await,
            Fate::Lost => return Err(ConnectorError::io("the request was lost".into())),
            Fate::Throttled => return Ok(refusal()),
            Fate::Answered(_) | Fate::AnswerLost | Fate::DeathAfter => {}
        }
        if let Some(body) = body.as_object_mut() {
            body.insert("ReturnConsumedCapacity".to_owned(), "TOTAL".into());
        }
        let (status, payload) = self.ask(&operation, &body);
        let units = serde_json::from_slice(&payload).ok().and_then(|answer| dynamodb_units(&answer));
        if status == 200 {
            self.note(&operation, &body);
        }
        lock(&self.calls).push(Call { operation, units: units.unwrap_or_default() });
        tokio::time::sleep(half).await;
        match fate {
            Fate::DeathAfter => die().await,
            Fate::AnswerLost => Err(ConnectorError::io("the answer was lost".into())),
            _ => respond(status, payload),
        }
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").finish_non_exhaustive()
    }
}

impl HttpConnector for Table {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().answer(request))
    }
}

/// Ends the caller's task; a caller that is nobody's stands still for ever.
pub(crate) async fn die<T>() -> T {
    let _ = DEATH.try_with(|death| death.0.notify_one());
    std::future::pending().await
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal() -> HttpResponse {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException",
        "message": "The level of configured throughput was exceeded.",
    });
    let mut response =
        HttpResponse::new(400_u16.try_into().unwrap_or_else(|_| unreachable!()), SdkBody::from(body.to_string()));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn respond(status: u16, payload: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let status = status.try_into().map_err(|_| ConnectorError::io("no such status".into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(payload));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    Ok(response)
}

fn answered((status, payload): (u16, Vec<u8>)) -> Result<Vec<u8>, String> {
    if status == 200 { Ok(payload) } else { Err(String::from_utf8_lossy(&payload).into_owned()) }
}
