use super::{annotated, asked, encoded, made, with_vision};
use crate::provider::Provider;
use crate::world::World;
use serde_json::json;

const PATHS: [&str; 3] = ["/api/ai/analyze-image", "/api/ai/describe-image", "/api/ai/remove-background"];

#[tokio::test]
async fn row_39_what_is_no_good_image_is_refused_before_anybody_is_asked() {
    let (world, provider) = with_vision(vec![annotated(&json!({}))]).await;
    let ann = world.account("ann@example.com").await.client;
    let jpeg = made::jpeg(640, 480, 2_000);
    let mut header = made::png(50_000, 50_000, 0);
    header.truncate(33);
    let huge = header.clone();
    for (image, code) in [
        (header, "IMAGE_TOO_LARGE"),
        (made::png(50_000, 50_000, 10), "IMAGE_TOO_LARGE"),
        (made::gif(65_535, 65_535, 1), "IMAGE_TOO_LARGE"),
        (made::gif(100, 100, 50_000), "UNSUPPORTED_IMAGE"),
        (jpeg[..1_000].to_vec(), "INVALID_IMAGE"),
        (jpeg[..jpeg.len() - 2].to_vec(), "INVALID_IMAGE"),
        ([&jpeg[..], b"PK\x03\x04 an archive"].concat(), "INVALID_IMAGE"),
        ([&made::png(4, 4, 40)[..], b"<script>alert(1)</script>"].concat(), "INVALID_IMAGE"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(), "UNSUPPORTED_IMAGE"),
        (b"%PDF-1.7".to_vec(), "UNSUPPORTED_IMAGE"),
    ] {
        for path in PATHS {
            ann.post(path, &json!({"image": encoded(&image)})).await.assert_problem(422, code);
        }
    }
    let wrong = format!("data:image/png;base64,{}", encoded(&jpeg));
    let sized = format!("data:image/png;base64,{}", encoded(&huge));
    for path in PATHS {
        ann.post(path, &json!({"image": wrong})).await.assert_problem(422, "IMAGE_TYPE_MISMATCH");
        ann.post(path, &json!({"image": sized})).await.assert_problem(422, "IMAGE_TOO_LARGE");
        for body in
            [json!({}), json!({"image": "?"}), json!({"image": 1}), json!({"image": encoded(&jpeg), "imageKey": "x"})]
        {
            ann.post(path, &body).await.assert_problem(400, "INVALID_REQUEST");
        }
    }
    ann.post(PATHS[0], &json!({"image": encoded(&jpeg), "analysisTypes": []}))
        .await
        .assert_problem(400, "INVALID_REQUEST");
    assert!(asked(&provider).is_empty());
}

#[tokio::test]
async fn what_a_request_does_not_hold_is_uploaded() {
    let (world, provider) = with_vision(vec![annotated(&json!({"labelAnnotations": [{"description": "Cat"}]}))]).await;
    let ann = world.account("ann@example.com").await.client;
    let fits = encoded(&made::jpeg(4_000, 3_000, 4_600_000));
    let reply = ann.post(PATHS[0], &json!({"image": fits, "analysisTypes": ["labels"]})).await;
    assert_eq!((reply.status, provider.requests().len()), (200, 1), "{}", reply.text);
    let too_large = encoded(&made::jpeg(4_000, 3_000, 4_680_000));
    let refused = ann.post(PATHS[0], &json!({"image": too_large})).await;
    refused.assert_problem(413, "PAYLOAD_TOO_LARGE");
    assert!(refused.body["error"].as_str().unwrap().contains("create-upload"), "{}", refused.text);
    // Above what Lambda takes, the gateway answers by itself.
    let refused = ann.post(PATHS[0], &json!({"image": "A".repeat(7_000_000)})).await;
    assert_eq!(refused.status, 413, "{}", refused.text);
    assert_eq!(provider.requests().len(), 1);
}

#[tokio::test]
async fn rows_42_43_and_44_nothing_is_fetched() {
    // A server that would be asked, and counts.
    let server = Provider::start(vec![annotated(&json!({}))]).await;
    let vision = server.base_url.trim_end_matches("/v1").to_owned();
    let world = World::with(|builder| {
        let builder = builder.setting("AI_RATE_LIMIT_MAX_REQUESTS", "300");
        builder.setting("GOOGLE_VISION_API_KEY", "key").setting("GOOGLE_VISION_BASE_URL", &vision)
    })
    .await;
    let ann = world.account("ann@example.com").await.client;
    let own = server.base_url.clone();
    let port = own.rsplit(':').next().unwrap().trim_end_matches("/v1").to_owned();
    let mapped = format!("http://[::ffff:127.0.0.1]:{port}/");
    let decimal = format!("http://2130706433:{port}/");
    let addresses = [
        own.as_str(),
        &mapped,
        &decimal,
        "http://169.254.169.254/latest/meta-data/",
        "//127.0.0.1/x",
        "gs://b/o",
        "file:///etc/passwd",
    ];
    for path in PATHS {
        for address in addresses {
            for body in [
                json!({"image": address}),
                json!({"image": format!("data:image/png;base64,{address}")}),
                json!({"imageUrl": address}),
                json!({"url": address}),
                json!({"image": encoded(&made::png(4, 4, 40)), "imageUri": address}),
                json!({"image": encoded(&made::png(4, 4, 40)), "bgImageUrl": address}),
            ] {
                let reply = ann.post(path, &body).await;
                reply.assert_problem(400, "INVALID_REQUEST");
                assert!(!reply.text.contains(address), "{}", reply.text);
            }
            ann.post(path, &json!({"imageKey": address})).await.assert_problem(404, "NOT_FOUND");
        }
    }
    assert!(server.requests().is_empty(), "{:?}", server.requests());
}

#[tokio::test]
async fn without_a_key_it_is_said_which_one_is_missing() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&made::png(4, 4, 40))});
    for (path, setting) in
        PATHS.into_iter().zip(["GOOGLE_VISION_API_KEY", "OPENAI_API_KEY or GOOGLE_VISION_API_KEY", "REMOVEBG_API_KEY"])
    {
        let reply = ann.post(path, &body).await;
        reply.assert_problem(503, "PROVIDER_UNCONFIGURED");
        assert!(reply.body["error"].as_str().unwrap().ends_with(&format!("set {setting}.")), "{}", reply.text);
    }
    // Colours are counted here; what is no picture has none.
    let event: serde_json::Value =
        serde_json::from_slice(&std::fs::read(crate::world::root().join("events/analyze-image.json")).unwrap())
            .unwrap();
    let body: serde_json::Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
    let reply = ann.post(PATHS[0], &json!({"image": body["image"], "analysisTypes": ["colors"]})).await;
    assert_eq!((reply.status, &reply.body["source"]), (200, &json!("local")), "{}", reply.text);
    let colors = json!([{"red": 255.0, "green": 0.0, "blue": 0.0}, {"red": 0.0, "green": 0.0, "blue": 255.0}]);
    let seen: Vec<_> =
        reply.body["analysis"]["colors"].as_array().unwrap().iter().map(|color| color["color"].clone()).collect();
    assert!(json!(seen) == colors || seen.iter().rev().eq(colors.as_array().unwrap()), "{}", reply.text);
    let empty = ann.post(PATHS[0], &json!({"image": encoded(&made::png(4, 4, 40)), "analysisTypes": ["colors"]})).await;
    empty.assert_problem(503, "PROVIDER_UNCONFIGURED");
}
