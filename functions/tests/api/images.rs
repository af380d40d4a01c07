//! Images over HTTP: what is seen, described and cut out, what is refused, and what it costs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::provider::{Line, Provider};
use crate::world::{Reply, World};

mod background;
mod describe;
mod made;
mod refused;
mod seen;
mod uploads;

/// A world with a scripted Google Vision.
async fn with_vision(script: Vec<(u16, String)>) -> (World, Provider) {
    let provider = Provider::start(script).await;
    let address = provider.base_url.trim_end_matches("/v1").to_owned();
    let world = World::with(|builder| {
        builder.setting("GOOGLE_VISION_API_KEY", "canary-vision-key").setting("GOOGLE_VISION_BASE_URL", &address)
    })
    .await;
    (world, provider)
}

/// A world with a scripted remove.bg.
async fn with_background(script: Vec<Line>) -> (World, Provider) {
    let provider = Provider::play(script).await;
    let address = provider.base_url.trim_end_matches("/v1").to_owned();
    let world = World::with(|builder| {
        builder.setting("REMOVEBG_API_KEY", "canary-removebg-key").setting("REMOVEBG_BASE_URL", &address)
    })
    .await;
    (world, provider)
}

/// What Vision answers about one image.
fn annotated(response: &Value) -> (u16, String) {
    (200, json!({"responses": [response]}).to_string())
}

fn encoded(image: &[u8]) -> String {
    STANDARD.encode(image)
}

/// The feature types of the requests so far.
fn asked(provider: &Provider) -> Vec<Vec<String>> {
    let types = |request: &String| {
        let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
        let features = body["requests"][0]["features"].as_array().unwrap().clone();
        features.iter().map(|feature| feature["type"].as_str().unwrap().to_owned()).collect()
    };
    provider.requests().iter().map(types).collect()
}

#[track_caller]
fn assert_ok(reply: &Reply) {
    assert_eq!(reply.status, 200, "{}", reply.text);
}
