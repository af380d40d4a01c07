//! The whole stack: started from a builder, ended by dropping it.
//!
//! It runs on a runtime of its own, so that one stack can serve many tests, whatever runtime each of
//! them has, and so that dropping it ends its processes before the drop returns.

use crate::data::Data;
use crate::dynamodb;
use crate::error::{Error, Result};
use crate::hosts::Hosts;
use crate::lambda::{Fault, InvokeError, Lambda, Logs};
use crate::launch::{Addresses, Launched, Plan, launch, rotate};
use crate::s3::S3;
use crate::secrets::SecretsManager;
use crate::sockets::{self, Sockets};
use crate::template::{Event, Template, WebSocketRoute};
use serde_json::{Value, json};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

/// A running stack. Dropping it kills its processes and waits for their end.
pub struct Stack {
    template: Template,
    addresses: Addresses,
    lambda: Arc<Lambda>,
    dynamodb: Arc<dynamodb::Front>,
    secrets: Arc<SecretsManager>,
    s3: Arc<S3>,
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
        let Launched { template, addresses, lambda, dynamodb, secrets, s3, sockets, hosts, data } = launched;
        Ok(Self { template, addresses, lambda, dynamodb, secrets, s3, sockets, hosts, runtime, _data: data })
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

    /// Endpoint of S3; buckets are paths.
    pub fn s3(&self) -> &str {
        &self.addresses[5].1
    }

    /// The keys of the objects in a bucket.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        self.s3.keys(bucket)
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
        let route = |(key, route): (&String, &WebSocketRoute)| SocketRoute {
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

    /// Draw the fate of every message, answer, post and disconnection from now on. Connections are
    /// counted anew, so the same seed and the same clients meet the same faults.
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

    /// Wait, 30 s at most, until nothing is under way: no invocation and no retry of one, no message
    /// on its way to a function, no answer or post that a fault holds back.
    pub async fn quiet(&self) -> Result<()> {
        let activity = self.lambda.activity.clone();
        let quiet = tokio::time::timeout(Duration::from_secs(30), activity.quiet());
        quiet.await.map_err(|_| Error::new("something was under way for 30 s"))
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
