//! Rotation of the signing key, as Secrets Manager calls it: create, set, test, finish.
//!
//! A key is published before it signs: verifiers keep their copy of the public keys for five minutes, so a new key
//! signs only when it has been public for longer. The old one is retired after the last signer has noticed and the
//! last token has expired. Every step may be repeated.

use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::signing::{CACHE, Ring, RingKey};
use super::token::{MAX_LIFE, PublicKey, PublicKeys};
use crate::clock::Timestamp;
use crate::{App, Error, Result, Secret, net, store};

/// From creation of a key to its first signature: the verifiers' cache, and a minute for the steps before.
const LEAD: Duration = Duration::from_secs(CACHE.as_secs() + 60);
/// From a successor's first signature to the retirement of a key: the signers' cache, the longest life of a token,
/// and a minute.
const LINGER: Duration = Duration::from_secs(CACHE.as_secs() + MAX_LIFE.as_secs() + 60);
/// How often a lost race for the public keys is run again.
const RACES: usize = 3;

const CURRENT: &str = "AWSCURRENT";
const PENDING: &str = "AWSPENDING";

/// What Secrets Manager sends.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Event {
    /// Which step.
    pub step: Step,
    /// The secret, by ARN.
    pub secret_id: String,
    /// The version to make, and the token that makes repeats harmless.
    pub client_request_token: String,
}

/// The steps, in the order of their calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Make the new version.
    CreateSecret,
    /// Publish the new key.
    SetSecret,
    /// Verify a signature with what was published.
    TestSecret,
    /// Make the new version current.
    FinishSecret,
}

/// Runs one step.
///
/// # Errors
/// `Invalid` for a secret that is not ours; `Unavailable` where a repeat may help.
pub async fn rotate(app: &App, event: &Event) -> Result<()> {
    if app.config.signing_key_secret.as_ref() != Some(&event.secret_id) {
        return Err(Error::invalid("This function rotates the secret that SIGNING_KEY_SECRET names, and no other."));
    }
    let rotation = Rotation { app, client: app.signer()?.client(), event };
    match event.step {
        Step::CreateSecret => rotation.create().await,
        Step::SetSecret => rotation.publish().await,
        Step::TestSecret => rotation.test().await,
        Step::FinishSecret => rotation.finish().await,
    }
}

struct Rotation<'a> {
    app: &'a App,
    client: &'a Client,
    event: &'a Event,
}

impl Rotation<'_> {
    async fn create(&self) -> Result<()> {
        if self.version(PENDING).await?.is_some() {
            return Ok(());
        }
        let current = super::signing::secret_text(self.client, &self.event.secret_id).await?;
        let ring = extended(
            &Ring::parse(&current)?,
            self.app.clock.now(),
            &self.app.random.bytes()?,
            &self.app.random.bytes()?,
        );
        self.client
            .put_secret_value()
            .secret_id(&self.event.secret_id)
            .client_request_token(&self.event.client_request_token)
            .secret_string(serde_json::to_string(&ring).map_err(Error::internal)?)
            .version_stages(PENDING)
            .send()
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn publish(&self) -> Result<()> {
        let pending = self.pending().await?;
        let key = newest(&pending)?;
        let public = PublicKey { x: key.open()?.public(), until: None };
        self.change_keys(|keys| {
            keys.0.insert(key.kid.clone(), public.clone());
        })
        .await
    }

    async fn test(&self) -> Result<()> {
        let pending = self.pending().await?;
        let key = newest(&pending)?;
        let (keys, _) = store::signing_keys::load(&self.app.store).await?;
        let published = keys.0.get(&key.kid).is_some_and(|public| key.open().is_ok_and(|key| key.public() == public.x));
        if !published {
            return Err(Error::internal("the pending signing key is not published"));
        }
        // Published so late that a verifier might not have it when it signs: fail, and let the rotation start over.
        let first = pending.keys.len() == 1;
        let in_time = key.signs_from >= (self.app.clock.now() + CACHE).secs();
        if first || in_time { Ok(()) } else { Err(Error::internal("the pending signing key was published too late")) }
    }

    async fn finish(&self) -> Result<()> {
        let described = self.client.describe_secret().secret_id(&self.event.secret_id).send().await.map_err(failed)?;
        let stages = described.version_ids_to_stages.unwrap_or_default();
        let current = stages.iter().find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id);
        if current != Some(&self.event.client_request_token) {
            self.client
                .update_secret_version_stage()
                .secret_id(&self.event.secret_id)
                .version_stage(CURRENT)
                .move_to_version_id(&self.event.client_request_token)
                .set_remove_from_version_id(current.cloned())
                .send()
                .await
                .map_err(failed)?;
        }
        let ring = self.version(CURRENT).await?.ok_or_else(|| Error::internal("the new version vanished"))?;
        let now = self.app.clock.now();
        let newest = newest(&ring)?.clone();
        self.change_keys(|keys| retire(keys, &newest, now)).await?;
        tracing::info!(kid = newest.kid, signs_from = newest.signs_from, "signing key rotated");
        Ok(())
    }

    async fn pending(&self) -> Result<Ring> {
        self.version(PENDING).await?.ok_or_else(|| Error::internal("there is no pending signing key"))
    }

    /// This rotation's version, if it has a value and the stage.
    async fn version(&self, stage: &str) -> Result<Option<Ring>> {
        let result = self
            .client
            .get_secret_value()
            .secret_id(&self.event.secret_id)
            .version_id(&self.event.client_request_token)
            .version_stage(stage)
            .send()
            .await;
        match result {
            Ok(output) => Ring::parse(output.secret_string.as_deref().unwrap_or_default()).map(Some),
            Err(error) => match error.as_service_error() {
                Some(GetSecretValueError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(failed(error)),
            },
        }
    }

    async fn change_keys(&self, change: impl Fn(&mut PublicKeys)) -> Result<()> {
        let mut races = 0;
        loop {
            let (read, version) = store::signing_keys::load(&self.app.store).await?;
            let mut keys = read.clone();
            change(&mut keys);
            if keys == read {
                return Ok(());
            }
            races += 1;
            match store::signing_keys::save(&self.app.store, &keys, version).await {
                Err(Error::Unavailable { .. }) if races < RACES => {}
                done => return done,
            }
        }
    }
}

fn failed<E: ProvideErrorMetadata>(error: SdkError<E>) -> Error {
    Error::unavailable(net::describe(&error))
}

fn newest(ring: &Ring) -> Result<&RingKey> {
    ring.keys.first().ok_or_else(|| Error::internal("the pending secret has no signing key"))
}

/// The ring with a new key first, and behind it the one that signs until the new one does.
fn extended(ring: &Ring, now: Timestamp, id: &[u8; 8], seed: &[u8; 32]) -> Ring {
    let previous = ring.signer(now).or(ring.keys.first()).cloned();
    let signs_from = if previous.is_some() { (now + LEAD).secs() } else { now.secs() };
    let key = RingKey { kid: URL_SAFE_NO_PAD.encode(id), seed: Secret::new(URL_SAFE_NO_PAD.encode(seed)), signs_from };
    Ring { keys: std::iter::once(key).chain(previous).collect(), ..ring.clone() }
}

/// Dates the retirement of every key but the newest, and drops those whose time has passed.
fn retire(keys: &mut PublicKeys, newest: &RingKey, now: Timestamp) {
    let until = Timestamp::from_secs(newest.signs_from) + LINGER;
    for (kid, key) in &mut keys.0 {
        if *kid != newest.kid && key.until.is_none() {
            key.until = Some(until);
        }
    }
    keys.0.retain(|_, key| key.until.is_none_or(|until| until > now));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000_000);

    fn empty() -> Ring {
        Ring { version: 1, refresh_key: Secret::new("r"), keys: Vec::new() }
    }

    #[test]
    fn the_first_key_signs_at_once() {
        let ring = extended(&empty(), NOW, &[1; 8], &[1; 32]);
        assert_eq!(ring.signer(NOW).unwrap().kid, ring.keys[0].kid);
    }

    #[test]
    fn row_64_a_new_key_signs_only_when_every_verifier_has_it() {
        let first = extended(&empty(), NOW, &[1; 8], &[1; 32]);
        let second = extended(&first, NOW, &[2; 8], &[2; 32]);
        assert_eq!(second.keys.len(), 2);
        assert_eq!(second.signer(NOW + CACHE).unwrap().kid, first.keys[0].kid);
        assert_eq!(second.signer(NOW + LEAD).unwrap().kid, second.keys[0].kid);
        // A third rotation before the second key ever signed keeps the one that does.
        let third = extended(&second, NOW, &[3; 8], &[3; 32]);
        assert_eq!(third.signer(NOW).unwrap().kid, first.keys[0].kid);
    }

    #[test]
    fn row_64_an_old_key_outlives_its_last_token() {
        let ring = extended(&extended(&empty(), NOW, &[1; 8], &[1; 32]), NOW, &[2; 8], &[2; 32]);
        let public = || PublicKey { x: vec![], until: None };
        let mut keys = PublicKeys(ring.keys.iter().map(|key| (key.kid.clone(), public())).collect());
        retire(&mut keys, &ring.keys[0], NOW);
        let last_signature = NOW + LEAD + CACHE;
        assert!(keys.get(&ring.keys[1].kid, last_signature + MAX_LIFE).is_some());
        retire(&mut keys, &ring.keys[0], NOW + LEAD + LINGER);
        assert_eq!(keys.0.len(), 1);
    }

    #[test]
    fn the_event_of_secrets_manager_is_understood() {
        let event: Event = serde_json::from_str(
            r#"{"Step": "createSecret", "SecretId": "arn:aws:x", "ClientRequestToken": "t", "RotationToken": "r"}"#,
        )
        .unwrap();
        assert_eq!(event.step, Step::CreateSecret);
    }
}
