//! The only file that names the Lambda runtime.
//!
//! [`http()`], [`asking()`], [`socket()`] and [`event()`] box the handler at once; everything after is not generic, so that a binary compiles its
//! handler and nothing of the HTTP stack.

use std::fmt;
use std::rc::Rc;

use aura::ai::Ask;
use aura::clock::Clock;
use aura::config::{Config, ConfigError};
use aura::{App, Need, Result as AuraResult};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::event::{self, Event};
use crate::http::{self, Call, Endpoint};
use crate::route::Route;
use crate::socket::{self, Answer, Message};
use crate::socket_route::SocketRoute;

/// The error of an authoriser for which API Gateway answers 401; any other is a 500.
const UNAUTHORIZED: &str = "Unauthorized";

/// Why a function could not start or go on, as a sentence: the runtime prints it with `Debug`.
pub struct Error(String);

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

/// Serves an HTTP endpoint until the process ends.
///
/// # Errors
/// A wrong setting, by name, or a runtime that does not answer.
pub fn http<B, T, F, Fut>(route: Route, handler: F) -> Result<(), Error>
where
    B: DeserializeOwned + Send + 'static,
    T: Serialize + 'static,
    F: Fn(&'static App, Call<B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = AuraResult<T>> + Send + 'static,
{
    run_http(Endpoint::new(route, handler))
}

/// Serves an HTTP endpoint whose answers may be known: they are looked for while the caller is checked.
///
/// # Errors
/// As [`http()`].
pub fn asking<B, T, F, Fut>(route: Route, handler: F) -> Result<(), Error>
where
    B: DeserializeOwned + Ask + Send + Sync + 'static,
    T: Serialize + 'static,
    F: Fn(&'static App, Call<B>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = AuraResult<T>> + Send + 'static,
{
    run_http(Endpoint::asking(route, handler))
}

/// Serves events that do not come from the HTTP gateway.
///
/// # Errors
/// As [`http()`].
pub fn event<B, T, F, Fut>(needs: &'static [Need], handler: F) -> Result<(), Error>
where
    B: DeserializeOwned + 'static,
    T: Serialize + 'static,
    F: Fn(&'static App, B) -> Fut + 'static,
    Fut: Future<Output = AuraResult<T>> + Send + 'static,
{
    run_event(
        needs,
        Box::new(move |app, payload| {
            let answer = serde_json::from_value(payload)
                .map(|body| handler(app, body))
                .map_err(|error| aura::Error::invalid(error.to_string()));
            Box::pin(async move { serde_json::to_value(answer?.await?).map_err(aura::Error::internal) })
        }),
    )
}

/// Serves messages of the WebSocket API.
///
/// # Errors
/// As [`http()`].
pub fn socket<B, F, Fut>(route: SocketRoute, handler: F) -> Result<(), Error>
where
    B: DeserializeOwned + 'static,
    F: Fn(&'static App, Message<B>) -> Fut + 'static,
    Fut: Future<Output = Answer> + 'static,
{
    run_socket(socket::Endpoint::new(route, handler))
}

/// Serves events of an authoriser: API Gateway takes one particular word for "who are you?".
///
/// # Errors
/// As [`http()`].
pub fn authorizer<F, Fut>(needs: &'static [Need], handler: F) -> Result<(), Error>
where
    F: Fn(&'static App, Value) -> Fut + 'static,
    Fut: Future<Output = AuraResult<Value>> + Send + 'static,
{
    run_event(needs, Box::new(move |app, event| Box::pin(handler(app, event))))
}

type EventHandler =
    Box<dyn Fn(&'static App, Value) -> std::pin::Pin<Box<dyn Future<Output = AuraResult<Value>> + Send>>>;

fn run_http(endpoint: Endpoint) -> Result<(), Error> {
    start(endpoint.route().needs, endpoint.route().needs, async move |app| {
        let endpoint = Rc::new(endpoint);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Event>| {
            let endpoint = Rc::clone(&endpoint);
            async move {
                let request = event.payload.into_request(event.context);
                Ok::<_, std::convert::Infallible>(event::response(http::answer(app, &endpoint, request).await))
            }
        }))
        .await
    })
}

fn run_socket(endpoint: socket::Endpoint) -> Result<(), Error> {
    start(endpoint.route().needs, &[], async move |app| {
        let endpoint = Rc::new(endpoint);
        lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
            let endpoint = Rc::clone(&endpoint);
            async move { Ok::<_, std::convert::Infallible>(endpoint.answer(app, event.payload).await) }
        }))
        .await
    })
}

fn run_event(needs: &'static [Need], handler: EventHandler) -> Result<(), Error> {
    start(needs, needs, async move |app| {
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| {
            let answer = handler(app, event.payload);
            async move {
                answer.await.map_err(|error| {
                    if matches!(error, aura::Error::Unauthenticated(_)) {
                        tracing::info!(request = event.context.request_id, code = error.code(), "refused");
                        return Diagnostic {
                            error_type: error.code().to_owned(),
                            error_message: UNAUTHORIZED.to_owned(),
                        };
                    }
                    tracing::error!(request = event.context.request_id, code = error.code(), error = ?error, "failed");
                    Diagnostic { error_type: error.code().to_owned(), error_message: error.to_string() }
                })
            }
        }))
        .await
    })
}

/// Reads the settings, builds the state, warms what is worth it, and hands over to the runtime. Messages of sockets bring
/// no tokens, so their functions need no keys.
fn start<R>(needs: &'static [Need], warm: &'static [Need], serve: R) -> Result<(), Error>
where
    R: AsyncFnOnce(&'static App) -> Result<(), lambda_runtime::Error>,
{
    let config = Config::from_env()?;
    // Lambda's logs carry the time already, and only clock.rs reads it.
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(config.log_level.0)
        .without_time()
        .with_current_span(true)
        .with_span_list(false)
        .init();
    std::panic::set_hook(Box::new(|panic| {
        // The message may hold a caller's data: only the place is told.
        let place = panic.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
        tracing::error!(place, "panicked");
    }));
    // One App for the life of the process: handlers borrow it without counting.
    let app: &'static App = Box::leak(Box::new(App::new(config, Clock::system(), needs)?));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error(format!("the async runtime did not start: {error}")))?;
    runtime.block_on(async move {
        app.warm(warm).await;
        serve(app).await.map_err(|error| Error(format!("the Lambda runtime stopped: {error}")))
    })
}
