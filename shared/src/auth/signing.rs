//! The secret that signs: its form in Secrets Manager, and its copy in the warm instance.
//!
//! `{"version": 1, "refreshKey": "...", "keys": [{"kid", "seed", "signsFrom"}, ...]}`: CloudFormation generates
//! `refreshKey`, the rotation adds `keys`, newest first. A key signs once its `signsFrom` has come, so that every
//! verifier has it by then.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::token::{Claims, SigningKey};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::{Error, Result, Secret, net};

/// How long functions keep their copy of the secret and of the public keys.
pub const CACHE: Duration = Duration::from_secs(300);

/// The secret's value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ring {
    /// The form of this value.
    pub version: u32,
    /// Authenticates refresh tokens. Not rotated: a new one would end every session.
    #[serde(serialize_with = "expose")]
    pub refresh_key: Secret,
    /// Signing keys, newest first.
    #[serde(default)]
    pub keys: Vec<RingKey>,
}

/// One signing key of the secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RingKey {
    /// Its name in token headers.
    pub kid: String,
    /// The 32-byte seed, base64url.
    #[serde(serialize_with = "expose")]
    pub seed: Secret,
    /// Epoch seconds; before that the key after this one signs.
    pub signs_from: u64,
}

fn expose<S: serde::Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}

impl RingKey {
    /// The key pair.
    pub fn open(&self) -> Result<SigningKey> {
        let seed = URL_SAFE_NO_PAD.decode(self.seed.expose()).ok().and_then(|bytes| bytes.try_into().ok());
        let seed: [u8; 32] =
            seed.ok_or_else(|| Error::internal("a signing key's seed is not 32 bytes of base64url"))?;
        SigningKey::from_seed(&self.kid, &seed)
    }
}

impl Ring {
    /// Reads the secret's text.
    pub fn parse(text: &str) -> Result<Self> {
        // serde_json's messages may quote the value: they stay out of the error.
        serde_json::from_str(text).map_err(|_| Error::internal("the signing key secret is not of the expected form"))
    }

    /// The key that signs at `now`: the newest whose time has come.
    pub fn signer(&self, now: Timestamp) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.signs_from <= now.secs())
    }
}

/// A Secrets Manager client with at most 3 attempts in 4 s.
pub fn secrets_client(config: &Config) -> Result<Client> {
    let aws = &config.aws;
    let timeouts = TimeoutConfig::builder()
        // As the tables' client has it: equal connection settings share one TLS configuration.
        .connect_timeout(Duration::from_millis(900))
        .operation_attempt_timeout(Duration::from_secs(2))
        .operation_timeout(Duration::from_secs(4))
        .build();
    let mut builder = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .region(aws_sdk_secretsmanager::config::Region::new(aws.region.clone()))
        .credentials_provider(net::aws_credentials(aws))
        .http_client(net::aws_http_client()?)
        .retry_config(RetryConfig::standard().with_max_attempts(3).with_initial_backoff(Duration::from_millis(50)))
        .timeout_config(timeouts);
    builder.set_endpoint_url(aws.secrets_manager_endpoint.clone());
    Ok(Client::from_conf(builder.build()))
}

/// The text of a secret's current version.
///
/// # Errors
/// `Unavailable` whatever the reason: nothing that needs the secret can go on.
pub async fn secret_text(client: &Client, id: &str) -> Result<String> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let output = answer.map_err(|error| Error::unavailable(net::describe(&error)))?;
    output.secret_string.ok_or_else(|| Error::internal("the secret is not text"))
}

/// Signs access tokens and authenticates refresh tokens; keeps the secret for [`CACHE`].
#[derive(Debug)]
pub struct Signer {
    client: Client,
    secret_id: String,
    clock: Clock,
    held: Mutex<Option<(Arc<Ring>, Timestamp)>>,
}

impl Signer {
    /// A signer that reads the secret when first asked.
    pub fn new(config: &Config, clock: Clock) -> Result<Self> {
        let secret_id =
            config.signing_key_secret.clone().ok_or_else(|| Error::internal("SIGNING_KEY_SECRET is not set"))?;
        Ok(Self { client: secrets_client(config)?, secret_id, clock, held: Mutex::default() })
    }

    /// The client, for the rotation.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The secret: one fetch per instance and [`CACHE`], also for concurrent callers. A copy that cannot be renewed
    /// goes on being used; so does one without any signing key, which is only looked at again.
    pub async fn ring(&self) -> Result<Arc<Ring>> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some((ring, read)) = &*held
            && now.since(*read) < CACHE
            && ring.signer(now).is_some()
        {
            return Ok(Arc::clone(ring));
        }
        let fetched = secret_text(&self.client, &self.secret_id).await.and_then(|text| Ring::parse(&text));
        match (fetched, &*held) {
            (Ok(ring), _) => {
                let ring = Arc::new(ring);
                *held = Some((Arc::clone(&ring), now));
                Ok(ring)
            }
            (Err(error), Some((ring, _))) => {
                tracing::warn!(code = error.code(), "the signing key secret could not be renewed");
                Ok(Arc::clone(ring))
            }
            (Err(error), None) => Err(error),
        }
    }

    /// The access token that says `claims`.
    ///
    /// # Errors
    /// `Unavailable` until the first rotation has made a key.
    pub async fn sign(&self, claims: &Claims) -> Result<String> {
        let ring = self.ring().await?;
        let key =
            ring.signer(self.clock.now()).ok_or_else(|| Error::unavailable("no signing key yet: rotate first"))?;
        key.open()?.sign(claims)
    }

    /// The key that authenticates refresh tokens.
    pub async fn refresh_key(&self) -> Result<hmac::Key> {
        let ring = self.ring().await?;
        Ok(hmac::Key::new(hmac::HMAC_SHA256, ring.refresh_key.expose().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(signs_from: &[u64]) -> Ring {
        let key = |(i, &signs_from): (usize, &u64)| RingKey {
            kid: format!("k{i}"),
            seed: Secret::new(URL_SAFE_NO_PAD.encode([7; 32])),
            signs_from,
        };
        Ring { version: 1, refresh_key: Secret::new("r"), keys: signs_from.iter().enumerate().map(key).collect() }
    }

    #[test]
    fn the_newest_key_whose_time_has_come_signs() {
        let now = Timestamp::from_secs(100);
        assert_eq!(ring(&[101, 50]).signer(now).unwrap().kid, "k1");
        assert_eq!(ring(&[100, 50]).signer(now).unwrap().kid, "k0");
        assert!(ring(&[]).signer(now).is_none());
    }

    #[test]
    fn the_generated_secret_is_a_ring_without_keys() {
        let ring = Ring::parse(r#"{"version": 1, "refreshKey": "abc"}"#).unwrap();
        assert!(ring.keys.is_empty());
        assert!(!format!("{ring:?}").contains("abc"));
        assert!(!Ring::parse(r#"{"refreshKey": "canary"#).unwrap_err().to_string().contains("canary"));
    }

    #[test]
    fn a_ring_survives_its_text() {
        let text = serde_json::to_string(&ring(&[100])).unwrap();
        assert_eq!(serde_json::to_string(&Ring::parse(&text).unwrap()).unwrap(), text);
        Ring::parse(&text).unwrap().keys[0].open().unwrap();
    }
}
