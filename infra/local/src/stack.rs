//! The whole stack: started from a builder, ended by dropping it.
//!
//! It runs on a runtime of its own, so that one stack can serve many tests, whatever runtime each of
//! them has, and so that dropping it ends its processes before the drop returns.

use crate::data::Data;
use crate::dynamodb;
use crate::error::{Error, Result};
use crate::gateway::{self, Gateway, Page, Routes};
use crate::hosts::Hosts;
use crate::iam::Policies;
use crate::lambda::environment::Endpoints;
use crate::lambda::{Fault, InvokeError, Lambda, Logs, MAX_PAYLOAD, invoke_api};
use crate::secrets::{self, SecretsManager, Vault, rotation};
use crate::server;
use crate::settings::Settings;
use crate::sockets::{self, Limits, Sockets};
use crate::template::{self, Event, Rotation, Template};
use serde_json::{Value, json};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub(crate) type Binaries = Arc<dyn Fn(&str) -> PathBuf + Send + Sync>;

/// What a stack is started with; `crate::builder` fills it in.
pub(crate) struct Plan {
    pub(crate) template: PathBuf,
    pub(crate) binaries: Binaries,
    pub(crate) settings: Settings,
    pub(crate) data: Option<PathBuf>,
    pub(crate) port: u16,
    pub(crate) ws_port: u16,
    pub(crate) processes: usize,
    pub(crate) ttl_sweep: Option<Duration>,
    pub(crate) rotate: bool,
    pub(crate) echo: bool,
    pub(crate) sockets: Limits,
}

/// A running stack. Dropping it kills its processes and waits for their end.
pub struct Stack {
    template: Template,
    addresses: Addresses,
    lambda: Arc<Lambda>,
    dynamodb: Arc<dynamodb::Front>,
    secrets: Arc<SecretsManager>,
    sockets: Option<Arc<Sockets>>,
    hosts: Hosts,
    runtime: Runtime,
    _data: Option<Data>,
}

impl Stack {
    pub(crate) async fn start(plan: Plan) -> Result<Self> {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).thread_name("aura-local").enable_all().build();
        let runtime = Runtime(Some(runtime.map_err(|error| Error::new(format!("cannot start: {error}")))?));
        let launched = runtime.run(launch(plan)).await??;
        let Launched { template, addresses, lambda, dynamodb, secrets, sockets, hosts, data } = launched;
        Ok(Self { template, addresses, lambda, dynamodb, secrets, sockets, hosts, runtime, _data: data })
    }

    /// Base URL of the HTTP API and of the page.
    pub fn http(&self) -> &str {
        &self.addresses[0].1
    }

    /// Of the port of the WebSocket API, `ws://...`.
    pub fn ws(&self) -> &str {
        &self.addresses[1].1
    }

    /// Where clients connect, `ws://.../{stage}`; the port alone if the template has no WebSocket API.
    pub fn websocket(&self) -> String {
        match &self.template.websocket_api {
            Some(api) => format!("{}/{}", self.ws(), api.stage),
            None => self.ws().to_owned(),
        }
    }

    /// Endpoint of DynamoDB. Callers that are not functions of the stack may do everything.
    pub fn dynamodb(&self) -> &str {
        &self.addresses[2].1
    }

    /// Endpoint of Secrets Manager.
    pub fn secrets_manager(&self) -> &str {
        &self.addresses[3].1
    }

    /// Endpoint of Lambda's Invoke API.
    pub fn lambda(&self) -> &str {
        &self.addresses[4].1
    }

    /// The route table, by path; functions without a route are not in it.
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for function in &self.template.functions {
            for Event::Http(route) in &function.events {
                let (method, path) = match route {
                    Some(route) => (route.method.clone(), route.path.clone()),
                    None => ("ANY".to_owned(), "$default".to_owned()),
                };
                routes.push(Route { method, path, function: function.name.clone() });
            }
        }
        routes.sort_by(|a, b| {
            (!a.path.starts_with('/'), &a.path, &a.method).cmp(&(!b.path.starts_with('/'), &b.path, &b.method))
        });
        routes
    }

    /// The routes of the WebSocket API, by key; none if the template has no such API.
    pub fn socket_routes(&self) -> Vec<SocketRoute> {
        let routes = self.template.websocket_api.iter().flat_map(|api| &api.routes);
        let route = |(key, route): (&String, &template::WebSocketRoute)| SocketRoute {
            key: key.clone(),
            function: route.function.clone(),
            answers: route.answers,
        };
        routes.map(route).collect()
    }

    /// The template's outputs, with this machine's addresses.
    pub fn outputs(&self) -> Vec<(String, String)> {
        self.template.outputs.iter().map(|(name, value)| (name.clone(), self.hosts.resolve(value))).collect()
    }

    /// The names of all functions, as the template orders them.
    pub fn functions(&self) -> Vec<String> {
        self.template.functions.iter().map(|function| function.name.clone()).collect()
    }

    /// Every address, and the environment of each function for processes started by somebody else.
    pub fn addresses(&self) -> Value {
        let mut addresses: Value =
            self.addresses.iter().map(|(name, url)| ((*name).to_owned(), Value::from(url.clone()))).collect();
        if self.sockets.is_some() {
            addresses["websocket"] = self.websocket().into();
        }
        addresses["outputs"] = self.outputs().into_iter().collect();
        addresses["environment"] = json!(self.lambda.environments());
        addresses
    }

    /// Invoke a function and wait for its answer.
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, InvokeError> {
        let (lambda, function) = (Arc::clone(&self.lambda), function.to_owned());
        let invocation = async move { lambda.invoke(&function, event.to_string().into()).await };
        let payload = self.runtime.run(invocation).await.map_err(|error| InvokeError::Init(error.to_string()))??;
        Ok(serde_json::from_slice(&payload).unwrap_or(Value::Null))
    }

    /// Rotate a secret now, as the template's schedule would.
    pub async fn rotate(&self, secret: &str) -> Result<()> {
        let scheduled = self.template.rotations.iter().find(|rotation| {
            self.template.secrets.iter().any(|known| known.name == secret && known.arn == rotation.secret_arn)
        });
        let Some(rotation) = scheduled.cloned() else {
            return Err(Error::new(format!("the template has no rotation schedule for {secret}")));
        };
        let (lambda, secrets) = (Arc::clone(&self.lambda), Arc::clone(&self.secrets));
        self.runtime.run(async move { rotate(&secrets, &lambda, &rotation).await }).await?
    }

    /// What a function has printed, oldest first.
    pub fn logs(&self, function: &str) -> Vec<String> {
        self.lambda.logs(function).map(|logs| logs.lines()).unwrap_or_default()
    }

    /// Wait, 10 s at most, for a line that contains `text`: a function's output arrives a moment after
    /// its answer.
    pub async fn log_line(&self, function: &str, text: &str) -> Result<String> {
        let logs: Arc<Logs> =
            self.lambda.logs(function).ok_or_else(|| Error::new(format!("no function `{function}`")))?;
        let found = tokio::time::timeout(Duration::from_secs(10), logs.find(|line| line.contains(text))).await;
        found.map_err(|_| Error::new(format!("`{function}` printed no `{text}` within 10 s, but {:?}", logs.lines())))
    }

    /// The serial numbers of a function's living processes: two equal lists mean warm reuse.
    pub fn processes(&self, function: &str) -> Vec<u64> {
        self.lambda.living(function)
    }

    /// End a function's processes, so that the next invocation starts cold.
    pub async fn kill(&self, function: &str) {
        for serial in self.lambda.living(function) {
            self.lambda.kill(function, serial).await;
        }
    }

    /// The `nth` invocation of a function from now (1 is the next) gets this fault.
    pub fn fault(&self, function: &str, nth: usize, fault: Fault) {
        self.lambda.faults.add(function, nth, fault);
    }

    /// Calls that the rule matches fail as it says, until it is used up or `end_faults` is called.
    pub fn dynamodb_fault(&self, rule: dynamodb::Rule) {
        self.dynamodb.faults.add(rule);
    }

    /// Kill the calling process at its next such call: before it is applied, or after it was applied
    /// and before the answer is sent.
    pub fn kill_on_dynamodb_call(&self, function: &str, operation: &str, when: When) {
        let fault = match when {
            When::Before => dynamodb::Fault::KillBefore,
            When::After => dynamodb::Fault::KillAfter,
        };
        self.dynamodb_fault(dynamodb::Rule::new(fault).function(function).operation(operation).times(1));
    }

    /// What the rule is about fails as it says, until it is used up or `end_faults` is called.
    pub fn socket_fault(&self, rule: sockets::Rule) {
        if let Some(sockets) = &self.sockets {
            sockets.faults.add(rule);
        }
    }

    /// Draw the fate of every message, answer, post and disconnection of the connections that open
    /// from now on: the same seed and the same clients meet the same faults.
    pub fn socket_chaos(&self, seed: u64, chaos: sockets::Chaos) {
        if let Some(sockets) = &self.sockets {
            sockets.seed(seed, chaos);
        }
    }

    /// The ids of the open WebSocket connections, oldest first.
    pub fn connections(&self) -> Vec<String> {
        self.sockets.as_ref().map(|sockets| sockets.open_connections()).unwrap_or_default()
    }

    /// Cut a WebSocket connection as a lost network does, without a close frame; `false` if it is not open.
    pub fn cut_connection(&self, id: &str) -> bool {
        self.sockets.as_ref().is_some_and(|sockets| sockets.cut(id))
    }

    /// No more faults, of invocations, DynamoDB or the WebSocket API.
    pub fn end_faults(&self) {
        self.lambda.faults.clear();
        self.dynamodb.faults.clear();
        if let Some(sockets) = &self.sockets {
            sockets.faults.clear();
        }
    }

    /// What a function's processes asked of DynamoDB, oldest first; refusals by policy are not in it.
    pub fn dynamodb_calls(&self, function: &str) -> Vec<dynamodb::Call> {
        self.dynamodb.calls.of(function)
    }

    /// Forget the calls of all functions.
    pub fn clear_dynamodb_calls(&self) {
        self.dynamodb.calls.clear();
    }

    /// Delete expired items now; the number of them.
    pub async fn sweep_ttl(&self) -> Result<usize> {
        let engine = self.dynamodb.engine.clone();
        let swept = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
        swept.map_err(|error| Error::new(format!("the sweep failed: {error}")))
    }
}

/// One row of the route table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Upper case, or `ANY`.
    pub method: String,
    /// As the template has it, or `$default`.
    pub path: String,
    /// The function that takes it.
    pub function: String,
}

/// One route of the WebSocket API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketRoute {
    /// Such as `$connect`, or what a message names.
    pub key: String,
    /// The function that takes it.
    pub function: String,
    /// The function's answer goes to the caller.
    pub answers: bool,
}

/// On which side of a DynamoDB write a process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The write is not applied.
    Before,
    /// The write is applied, and its answer never arrives.
    After,
}

impl Drop for Stack {
    fn drop(&mut self) {
        let lambda = Arc::clone(&self.lambda);
        self.runtime.end(async move { lambda.shut_down().await });
    }
}

type Addresses = [(&'static str, String); 5];

struct Launched {
    template: Template,
    addresses: Addresses,
    lambda: Arc<Lambda>,
    dynamodb: Arc<dynamodb::Front>,
    secrets: Arc<SecretsManager>,
    sockets: Option<Arc<Sockets>>,
    hosts: Hosts,
    data: Option<Data>,
}

async fn launch(plan: Plan) -> Result<Launched> {
    let mut template = Template::read(&plan.template, &plan.settings.merged())?;
    let overlay = plan.settings.apply(&mut template)?;
    let data = plan.data.as_deref().map(Data::open).transpose()?;
    let policies =
        template.functions.iter().map(|function| (function.name.clone(), function.policies.clone())).collect();
    let policies = Arc::new(Policies(policies));

    let engine = dynamodb::Engine::open(data.as_ref().map(|data| data.tables.as_path()), &template.tables)?;
    let front = Arc::new(dynamodb::Front::new(engine, Arc::clone(&policies)));
    let vault = Vault::open(data.as_ref().map(|data| data.secrets.clone()), &template.secrets, overlay)?;
    let secrets = Arc::new(SecretsManager { vault, policies: Arc::clone(&policies), lambda: Default::default() });

    let (http, http_address) = server::bind(plan.port).await?;
    let (ws, ws_address) = server::bind(plan.ws_port).await?;
    let (tables, tables_address) = server::bind(0).await?;
    let (vault, vault_address) = server::bind(0).await?;
    let (invoke, invoke_address) = server::bind(0).await?;
    let addresses = [
        ("http", format!("http://{http_address}")),
        ("ws", format!("ws://{ws_address}")),
        ("dynamodb", format!("http://{tables_address}")),
        ("secretsmanager", format!("http://{vault_address}")),
        ("lambda", format!("http://{invoke_address}")),
    ];
    let hosts = Hosts::new(&template, &http_address.to_string(), &ws_address.to_string());
    for value in template.functions.iter_mut().flat_map(|function| function.environment.values_mut()) {
        *value = hosts.resolve(value);
    }
    let functions = binaries(&template, &plan.binaries)?;
    let endpoints = Endpoints {
        dynamodb: addresses[2].1.clone(),
        secrets_manager: addresses[3].1.clone(),
        lambda: addresses[4].1.clone(),
    };
    let lambda = Arc::new(Lambda::new(functions, endpoints, plan.processes, plan.echo));
    let _ = front.lambda.set(Arc::clone(&lambda));
    let _ = secrets.lambda.set(Arc::clone(&lambda));

    let service = Arc::clone(&front);
    server::serve(tables, dynamodb::BODY_LIMIT, move |request| {
        let front = Arc::clone(&service);
        async move { front.answer(request).await }
    });
    let service = Arc::clone(&secrets);
    server::serve(vault, secrets::BODY_LIMIT, move |request| Arc::clone(&service).answer(request));
    let service = Arc::clone(&lambda);
    server::serve(invoke, MAX_PAYLOAD + 1024 * 1024, move |request| invoke_api::answer(Arc::clone(&service), request));
    upkeep(&lambda, &front, plan.ttl_sweep);

    for rotation in &template.rotations {
        let arn = format!("arn:aws:lambda:{}:{}:function:{}", template::REGION, template::ACCOUNT, rotation.function);
        let rotated = secrets.schedule(&rotation.secret_arn, &arn)?;
        if plan.rotate && rotation.immediately && !rotated {
            rotate(&secrets, &lambda, rotation).await?;
        }
    }
    let gateway = Arc::new(Gateway {
        routes: Routes::new(&template.functions),
        cors: template.cors.clone(),
        page: Page::new(&addresses[1].1),
        lambda: Arc::clone(&lambda),
    });
    server::serve(http, gateway::BODY_LIMIT, move |request| {
        let gateway = Arc::clone(&gateway);
        async move { gateway.answer(request).await }
    });
    let api = template.websocket_api.clone();
    let sockets = api.map(|api| Arc::new(Sockets::new(api, Arc::clone(&lambda), policies, plan.sockets)));
    match &sockets {
        None => server::serve(ws, sockets::BODY_LIMIT, sockets::absent),
        Some(sockets) => {
            let sockets = Arc::clone(sockets);
            server::serve(ws, sockets::BODY_LIMIT, move |request| {
                let sockets = Arc::clone(&sockets);
                async move { Some(sockets.answer(request).await) }
            })
        }
    };
    Ok(Launched { template, addresses, lambda, dynamodb: front, secrets, sockets, hosts, data })
}

async fn rotate(secrets: &SecretsManager, lambda: &Lambda, schedule: &Rotation) -> Result<()> {
    rotation::rotate(&secrets.vault, lambda, &schedule.secret_arn, &schedule.function, None).await.map(drop)
}

fn binaries(template: &Template, find: &Binaries) -> Result<Vec<(template::Function, PathBuf)>> {
    let with_binary = |function: &template::Function| {
        let binary = find(&function.name);
        if binary.is_file() {
            return Ok((function.clone(), binary));
        }
        Err(Error::new(format!(
            "{} has no binary at {}; build it with `cargo build -p aura-functions --bins`",
            function.logical_id,
            binary.display()
        )))
    };
    template.functions.iter().map(with_binary).collect()
}

fn upkeep(lambda: &Arc<Lambda>, front: &Arc<dynamodb::Front>, ttl_sweep: Option<Duration>) {
    let lambda = Arc::clone(lambda);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            lambda.reap();
        }
    });
    let (Some(every), engine) = (ttl_sweep, front.engine.clone()) else { return };
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(every).await;
            let engine = engine.clone();
            let _ = tokio::task::spawn_blocking(move || engine.sweep_ttl()).await;
        }
    });
}

/// A runtime that may be dropped anywhere: its end happens on a thread that may block.
struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Result<T> {
        let Some(runtime) = &self.0 else { return Err(Error::new("the stack has ended")) };
        runtime.spawn(work).await.map_err(|error| Error::new(format!("the stack failed: {error}")))
    }

    fn end(&mut self, last: impl Future<Output = ()> + Send + 'static) {
        const PATIENCE: Duration = Duration::from_secs(3);
        let Some(runtime) = self.0.take() else { return };
        let ending = std::thread::spawn(move || {
            let _ = runtime.block_on(async { tokio::time::timeout(PATIENCE, last).await });
            runtime.shutdown_timeout(PATIENCE);
        });
        let _ = ending.join();
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.end(std::future::ready(()));
    }
}
