use super::{assert_ok, encoded, made, with_background};
use crate::provider::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

const PATH: &str = "/api/ai/remove-background";
const BILL: &str = "content-type: image/png\r\nx-credits-charged: 0.25\r\nx-width: 9\r\nx-height: 7\r\n";

#[tokio::test]
async fn a_cut_out_comes_back_as_a_data_uri_and_is_known_afterwards() {
    let cut = made::png(9, 7, 2_000);
    let (world, provider) = with_background(vec![Line::Bytes(BILL, cut.clone())]).await;
    let ann = world.account("ann@example.com").await.client;
    let image = encoded(&made::jpeg_with_exif(640, 480, 6));
    let body = json!({"image": image, "size": "preview", "format": "png", "backgroundColor": "#81d4fa"});
    let reply = ann.post(PATH, &body).await;
    assert_ok(&reply);
    let data = reply.body["image"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    assert_eq!(STANDARD.decode(data).unwrap(), cut);
    assert_eq!((&reply.body["width"], &reply.body["height"]), (&json!(9), &json!(7)));
    assert_eq!((&reply.body["creditsCharged"], &reply.body["cached"]), (&json!(0.25), &json!(false)));
    let request = provider.requests().remove(0);
    assert!(request.starts_with("POST /removebg ") && request.contains("x-api-key: canary-removebg-key"), "{request}");
    for part in ["name=\"size\"\r\n\r\npreview", "name=\"format\"\r\n\r\npng", "name=\"bg_color\"\r\n\r\n81d4fa"] {
        assert!(request.contains(part), "{part}");
    }
    assert!(!request.contains("canary-place") && request.contains("Exif"), "the orientation alone goes with it");

    let again = ann.post(PATH, &body).await;
    assert_eq!((&again.body["image"], &again.body["cached"]), (&reply.body["image"], &json!(true)));
    assert_eq!((&again.body["creditsCharged"], &again.body["savedUsd"]), (&json!(0.0), &json!(0.056_25)));
    // Other options make another image.
    ann.post(PATH, &json!({"image": image, "size": "preview", "format": "png"})).await;
    assert_eq!(provider.requests().len(), 2);
    let usage = ann.get("/api/usage").await.body;
    assert_eq!(usage["spent"], json!(0.112_5), "{usage}");
    assert_eq!(usage["lines"][0]["model"], "remove-bg");
    for line in world.stack.logs("remove-background") {
        assert!(!line.contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn what_no_answer_holds_can_be_read_from_s3() {
    let cut = made::png(3_000, 2_000, 4_400_000);
    let bill = "content-type: image/png\r\nx-credits-charged: 1\r\n";
    let (world, provider) = with_background(vec![Line::Bytes(bill, cut.clone())]).await;
    let ann = world.account("ann@example.com").await.client;
    let reply = ann.post(PATH, &json!({"image": encoded(&made::jpeg(3_000, 2_000, 50_000)), "size": "full"})).await;
    assert_ok(&reply);
    assert_eq!(reply.body["creditsCharged"], json!(1.0));
    let address = reply.body["image"].as_str().unwrap();
    assert!(address.starts_with(world.stack.s3()), "{address}");
    let read = reqwest::get(address).await.unwrap();
    assert_eq!((read.status().as_u16(), &read.headers()["content-type"].to_str().unwrap()), (200, &"image/png"));
    assert!(read.bytes().await.unwrap() == cut);
    let forged = reqwest::get(address.replace("X-Amz-Expires=3600", "X-Amz-Expires=604800")).await.unwrap();
    assert_eq!(forged.status(), 403);
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn a_failure_is_an_error_and_never_the_original() {
    let original = made::jpeg(640, 480, 2_000);
    let none = |status, code: &str| Line::Whole(status, json!({"errors": [{"title": "t", "code": code}]}).to_string());
    let (world, provider) = with_background(vec![
        none(400, "unknown_foreground"),
        none(402, "insufficient_credits"),
        none(403, "auth_failed"),
        Line::Bytes(BILL, original.clone()),
        Line::Whole(200, "<html>".to_owned()),
        none(500, "oops"),
    ])
    .await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&original), "size": "preview"});
    let spent = async || ann.get("/api/usage").await.body["spent"].clone();
    ann.post(PATH, &body).await.assert_problem(422, "INVALID_IMAGE");
    for _ in 0..2 {
        ann.post(PATH, &body).await.assert_problem(503, "UPSTREAM_UNAVAILABLE");
    }
    assert_eq!(spent().await, json!(0.0));
    for _ in 0..3 {
        ann.post(PATH, &body).await.assert_problem(503, "UPSTREAM_UNAVAILABLE");
    }
    // The last three may have been charged: a quarter of a credit each, at most.
    assert_eq!((spent().await, provider.requests().len()), (json!(0.168_75), 6));
}
