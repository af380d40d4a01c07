//! GET /health: that the API answers, and which providers and features are on.

use std::collections::BTreeMap;

use aura::providers::Without;
use aura::{App, Result};
use serde::Serialize;

use crate::http::Call;

/// The answer.
#[derive(Debug, Serialize)]
pub struct Health {
    status: &'static str,
    timestamp: String,
    version: String,
    services: BTreeMap<&'static str, bool>,
    features: BTreeMap<&'static str, &'static str>,
}

/// Reports without touching state, so that a probe costs nothing.
pub async fn health(app: &App, _: Call<()>) -> Result<Health> {
    let providers = app.providers.configured().await?;
    let served_by = |configured, without| match (configured, without) {
        (true, _) => "model",
        (false, Without::Rules) => "fallback",
        (false, Without::Nothing) => "off",
    };
    let features = providers.iter().flat_map(|(provider, on)| {
        provider.features.iter().map(|&(feature, without)| (feature, served_by(*on, without)))
    });
    Ok(Health {
        status: "healthy",
        timestamp: app.clock.now().rfc3339(),
        version: app.config.version.clone(),
        services: providers.iter().map(|(provider, configured)| (provider.name, *configured)).collect(),
        features: features.collect(),
    })
}
