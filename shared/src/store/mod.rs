//! DynamoDB: one file per entity. Only `keys` builds keys; every write that can race carries a condition.

pub mod api_key;
pub mod budget;
pub mod cache;
pub mod connection;
pub mod idempotency;
pub mod jobs;
pub mod keys;
pub mod known_address;
pub mod limit;
mod pages;
pub mod room_log;
pub mod room_member;
pub mod room_snapshot;
pub mod session;
pub mod signing_keys;
pub mod ticket;
pub mod user;
pub mod vectors;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};

use crate::config::Config;
use crate::{Error, Result, net};

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// Longest time from reading the clock to a committed write: part of the limiter's proof.
pub const OPERATION_TIMEOUT: Duration = Duration::from_secs(2);

/// How often keys that DynamoDB left unprocessed are asked for again.
const ROUNDS: usize = 3;

/// The tables, through one client.
#[derive(Debug, Clone)]
pub struct Store {
    client: Client,
    identity: Option<String>,
    ephemeral: Option<String>,
    vectors: Option<String>,
    rooms: Option<String>,
}

impl Store {
    /// A client with at most 3 jittered attempts within [`OPERATION_TIMEOUT`].
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self::over(config, net::aws_http_client()?))
    }

    /// The same over another HTTP client.
    pub fn over(config: &Config, http: SharedHttpClient) -> Self {
        let aws = &config.aws;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_millis(900))
            .operation_attempt_timeout(Duration::from_millis(1_500))
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut builder = aws_sdk_dynamodb::Config::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new(aws.region.clone()))
            .credentials_provider(net::aws_credentials(aws))
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
            .timeout_config(timeouts);
        builder.set_endpoint_url(aws.dynamodb_endpoint.clone());
        Self {
            client: Client::from_conf(builder.build()),
            identity: config.identity_table.clone(),
            ephemeral: config.ephemeral_table.clone(),
            vectors: config.vectors_table.clone(),
            rooms: config.rooms_table.clone(),
        }
    }

    fn identity(&self) -> Result<&str> {
        self.identity.as_deref().ok_or_else(|| Error::internal("IDENTITY_TABLE is not set"))
    }

    fn ephemeral(&self) -> Result<&str> {
        self.ephemeral.as_deref().ok_or_else(|| Error::internal("EPHEMERAL_TABLE is not set"))
    }

    fn rooms(&self) -> Result<&str> {
        self.rooms.as_deref().ok_or_else(|| Error::internal("ROOMS_TABLE is not set"))
    }

    /// Two items of one partition of Identity, strongly consistent, in one call.
    async fn batch_get(&self, keys: [keys::Key; 2]) -> Result<[Option<Item>; 2]> {
        let table = self.identity()?;
        let sort_keys = keys.each_ref().map(|key| key.sk().to_owned());
        let keys = keys.map(keys::Key::attributes).to_vec();
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let mut wanted = wanted.map_err(Error::internal)?;
        let mut found = [None, None];
        for _ in 0..ROUNDS {
            let output = self.client.batch_get_item().request_items(table, wanted).send().await.map_err(failed)?;
            for item in output.responses.unwrap_or_default().remove(table).unwrap_or_default() {
                let sort_key = text(&item, keys::SK)?;
                if let Some(position) = sort_keys.iter().position(|key| key == sort_key) {
                    found[position] = Some(item);
                }
            }
            match output.unprocessed_keys.unwrap_or_default().remove(table) {
                Some(rest) => wanted = rest,
                None => return Ok(found),
            }
        }
        Err(Error::unavailable("DynamoDB left keys unprocessed"))
    }
}

/// Whether a transaction took effect; a failed condition or a concurrent transaction is no error.
fn committed<T>(result: Result<T, SdkError<TransactWriteItemsError>>) -> Result<bool> {
    let Err(error) = result else { return Ok(true) };
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            let lost = |code| matches!(code, "None" | "ConditionalCheckFailed" | "TransactionConflict");
            let all_lost = canceled.cancellation_reasons().iter().all(|reason| reason.code().is_none_or(lost));
            if all_lost { Ok(false) } else { Err(failed(error)) }
        }
        _ => Err(failed(error)),
    }
}

/// Any failure but a condition's: out of reach if it may pass, else a fault of ours.
fn failed<E: ProvideErrorMetadata>(error: SdkError<E>) -> Error {
    let passing = match &error {
        SdkError::ServiceError(service) => {
            service.raw().status().is_server_error()
                || matches!(
                    service.err().code(),
                    Some(
                        "ThrottlingException"
                            | "ProvisionedThroughputExceededException"
                            | "RequestLimitExceeded"
                            | "TransactionInProgressException"
                            | "TransactionConflictException"
                            | "TransactionCanceledException"
                    )
                )
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    };
    let text = net::describe(&error);
    if passing { Error::unavailable(text) } else { Error::internal(text) }
}

fn s(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn n(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Reads a text attribute that every such item has.
fn text<'a>(item: &'a Item, name: &'static str) -> Result<&'a str> {
    match item.get(name) {
        Some(AttributeValue::S(text)) => Ok(text),
        _ => Err(corrupt(name)),
    }
}

/// Reads and parses a text attribute.
fn parsed<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<T> {
    text(item, name)?.parse().map_err(|_| corrupt(name))
}

/// Reads a number attribute.
fn number<T: std::str::FromStr>(item: &Item, name: &'static str) -> Result<T> {
    match item.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().map_err(|_| corrupt(name)),
        _ => Err(corrupt(name)),
    }
}

fn corrupt(name: &'static str) -> Error {
    Error::internal(format!("an item's attribute {name} is missing or of another type"))
}
