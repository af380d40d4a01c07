//! The function that works in the background: asked for by an asynchronous invocation, which returns at once.
//!
//! Deliberately absent: waiting for it, and any other function.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{BehaviorVersion, Region};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Serialize;
use tokio::sync::OnceCell;

use crate::config::Config;
use crate::{Error, Result, net};

/// A function, by the name in `INDEX_WORKER`.
#[derive(Debug)]
pub struct Worker {
    config: Config,
    client: OnceCell<Client>,
}

impl Worker {
    /// Connects nothing yet.
    pub fn new(config: &Config) -> Self {
        Self { config: config.clone(), client: OnceCell::new() }
    }

    /// Asks for it: Lambda has taken the order when this returns, and repeats it twice if it fails.
    ///
    /// # Errors
    /// `Unavailable` when Lambda did not take it, `Internal` where no worker is configured.
    pub async fn ask(&self, order: &impl Serialize) -> Result<()> {
        let name = self.config.index_worker.as_deref().ok_or_else(|| Error::internal("INDEX_WORKER is not set"))?;
        let payload = Blob::new(serde_json::to_vec(order).map_err(Error::internal)?);
        let client = self.client.get_or_try_init(|| async { self.client() }).await?;
        let request = client.invoke().function_name(name).invocation_type(InvocationType::Event).payload(payload);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(Error::unavailable(net::describe(&error))),
        }
    }

    fn client(&self) -> Result<Client> {
        let aws = &self.config.aws;
        let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_secs(5)).build();
        let mut builder = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(aws.region.clone()))
            .credentials_provider(net::aws_credentials(aws))
            .http_client(net::aws_http_client()?)
            .timeout_config(timeouts);
        builder.set_endpoint_url(aws.lambda_endpoint.clone());
        Ok(Client::from_conf(builder.build()))
    }
}
