//! GET /ready: whether sign-in and state work, and what is missing and how to set it.

use aura::providers::Provider;
use aura::{App, Error, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer; state that is out of reach gets a 503 instead.
#[derive(Debug, Serialize)]
pub struct Ready {
    ready: bool,
    missing: Vec<Missing>,
}

/// A provider without a key.
#[derive(Debug, Serialize)]
struct Missing {
    provider: &'static str,
    setting: &'static str,
    effect: &'static str,
    how: String,
}

impl From<Provider> for Missing {
    fn from(Provider { name, setting, without, .. }: Provider) -> Self {
        let how = format!(
            "Deployed: put {setting} into the secret ProviderSecret. Local: set {setting} in the environment or in --env-file."
        );
        Self { provider: name, setting, effect: without, how }
    }
}

/// Reads what every sign-in needs.
pub async fn ready(app: &App, _: Call<()>) -> Result<Ready> {
    let (keys, providers) = tokio::join!(app.authority.read_keys(), app.providers.configured());
    if keys?.live(app.clock.now()).next().is_none() {
        return Err(Error::unavailable("no signing key is published: the first rotation has not run"));
    }
    let missing = providers?.into_iter().filter(|(_, configured)| !configured).map(|(provider, _)| provider.into());
    Ok(Ready { ready: true, missing: missing.collect() })
}
