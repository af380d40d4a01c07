use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::Secret;
use crate::ai::image::tests::made;
use crate::ai::scripted::{self, Line, bodies, listen};
use crate::test_data;

fn image() -> Image {
    Image::read(made::jpeg(640, 480, &[])).unwrap()
}

fn features(features: &[Feature]) -> Features {
    Features::of(features.iter().copied()).unwrap()
}

fn vision(base_url: String) -> Vision {
    let credentials = Credentials::ApiKey(Secret::new("canary-key"));
    Vision::new(Account { credentials, base_url }, Clock::system())
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(20))
}

fn answer(body: &Value) -> Line {
    Line::Answer(200, "content-type: application/json\r\n", body.to_string())
}

#[test]
fn requests_keep_the_contract() {
    let sent = |features: &Features| -> Value { serde_json::from_slice(&body(&image(), features)).unwrap() };
    let each = Feature::ALL.map(|feature| sent(&features(&[feature])));
    let all = sent(&Features::default());
    assert_eq!(all["requests"][0]["features"].as_array().unwrap().len(), 7);
    assert_eq!(all["requests"][0]["image"]["content"], STANDARD.encode(image().bytes()));
    for body in &each {
        assert_eq!(body["requests"][0]["features"].as_array().unwrap().len(), 1);
    }
    scripted::keep(
        "google.vision.v1.images-annotate.openapi.json",
        "BatchAnnotateImagesRequest",
        [&each[..], &[all]].concat(),
    );
}

#[test]
fn what_is_free_beside_another_costs_nothing() {
    let nanos = |asked: &[Feature]| price(&features(asked)).unwrap().nanos();
    assert_eq!(nanos(&[Feature::Labels]), 1_500_000);
    assert_eq!(nanos(&[Feature::Objects]), 2_250_000);
    assert_eq!(nanos(&[Feature::SafeSearch]), 1_500_000);
    assert_eq!(nanos(&[Feature::SafeSearch, Feature::Labels]), 1_500_000);
    assert_eq!(nanos(&[Feature::CropHints]), 1_500_000);
    assert_eq!(nanos(&[Feature::CropHints, Feature::Colors]), 1_500_000);
    assert_eq!(nanos(&Feature::ALL), 8_250_000);
}

#[tokio::test]
async fn the_key_travels_in_a_header() {
    let (address, requests) =
        listen(vec![answer(&json!({"responses": [{"labelAnnotations": [{"description": "Cat"}]}]}))]).await;
    let seen = vision(address).annotate(&image(), &features(&[Feature::Labels]), soon()).await;
    assert_eq!((seen.result.unwrap().labels.unwrap()[0].description.as_str(), seen.uncounted), ("Cat", 0));
    let head = requests.lock().unwrap()[0].0.clone();
    assert!(head.starts_with("POST /v1/images:annotate HTTP/1.1"), "{head}");
    assert!(head.contains("x-goog-api-key: canary-key") && head.matches("canary-key").count() == 1, "{head}");
    assert_eq!(bodies(&requests)[0]["requests"][0]["features"][0]["type"], "LABEL_DETECTION");
}

#[tokio::test]
async fn an_error_inside_a_success_is_an_error() {
    let hidden = |code: u8| answer(&json!({"responses": [{"error": {"code": code, "message": "canary"}}]}));
    let good = || answer(&json!({"responses": [{}]}));
    for (code, status) in [(3, Some(422)), (7, Some(400)), (5, Some(400))] {
        let (address, requests) = listen(vec![hidden(code), good()]).await;
        let seen = vision(address).annotate(&image(), &Features::default(), soon()).await;
        let failure = seen.result.unwrap_err();
        assert_eq!((failure.http_status(), seen.uncounted, requests.lock().unwrap().len()), (status, 0, 1), "{code}");
        let expected = if code == 3 { "INVALID_IMAGE" } else { "UPSTREAM_UNAVAILABLE" };
        assert_eq!(into_error(failure).code(), expected);
    }
    for (code, uncounted) in [(8, 0), (13, 1), (14, 1), (4, 1)] {
        let (address, requests) = listen(vec![hidden(code), good()]).await;
        let seen = vision(address).annotate(&image(), &Features::default(), soon()).await;
        assert!(seen.result.is_ok(), "{code}");
        assert_eq!((seen.uncounted, requests.lock().unwrap().len()), (uncounted, 2), "{code}");
    }
}

#[tokio::test]
async fn failures_are_told_apart_by_status_and_reason() {
    let refused = json!({"error": {"code": 403, "message": "canary", "status": "PERMISSION_DENIED", "details": [
        {"@type": "type.googleapis.com/google.rpc.Help"},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "BILLING_DISABLED"},
    ]}});
    assert_eq!(code(refused.to_string().as_bytes()).as_deref(), Some("BILLING_DISABLED"));
    assert_eq!(code(br#"{"error": {"status": "UNAVAILABLE"}}"#).as_deref(), Some("UNAVAILABLE"));
    assert_eq!(code(b"<html>").as_deref(), None);
    let (address, requests) = listen(vec![Line::Answer(403, "", refused.to_string())]).await;
    let failure = vision(address).annotate(&image(), &Features::default(), soon()).await.result.unwrap_err();
    assert_eq!(
        (failure.code.as_deref(), failure.retryable(), requests.lock().unwrap().len()),
        (Some("BILLING_DISABLED"), false, 1)
    );
    assert!(!format!("{failure} {failure:?}").contains("canary"));
    // Not an answer of the API, or none to our image: it may have been charged.
    for body in ["{}", "<html>", r#"{"responses": []}"#] {
        let (address, _) = listen(vec![Line::Answer(200, "", body.to_owned())]).await;
        let seen = vision(address).annotate(&image(), &Features::default(), soon()).await;
        assert_eq!((seen.result.unwrap_err().kind, seen.uncounted), (Kind::Unreadable, 1), "{body}");
    }
}

#[test]
fn a_recorded_refusal_is_read() {
    let Some(recorded) = test_data::recorded() else { return };
    let body = recorded.json("errors/vision.403_billing_disabled.json")["response"]["body"].to_string();
    let failure = Failure::status(&DIALECT, 403, &HeaderMap::new(), body.as_bytes());
    assert_eq!((failure.code.as_deref(), failure.retryable()), (Some("BILLING_DISABLED"), false));
}
