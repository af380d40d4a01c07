use super::{annotated, asked, assert_ok, encoded, made, with_vision};
use crate::provider::{Line, Provider};
use crate::world::World;
use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const PATH: &str = "/api/ai/analyze-image";

#[tokio::test]
async fn one_call_asks_for_exactly_what_is_missing() {
    let (world, provider) = with_vision(vec![annotated(&json!({
        "labelAnnotations": [{"description": "Cat", "score": 0.9}],
        "faceAnnotations": [{"boundingPoly": {"vertices": [{}, {"x": 10}, {"x": 10, "y": 20}, {"y": 20}]}, "joyLikelihood": "LIKELY"}],
        "safeSearchAnnotation": {"adult": "VERY_UNLIKELY"},
    }))])
    .await;
    let ann = world.account("ann@example.com").await.client;
    let image = encoded(&made::jpeg(640, 480, 2_000));
    let all = json!({"image": image, "analysisTypes": ["all"]});

    let some = ann.post(PATH, &json!({"image": image, "analysisTypes": ["labels", "colors"]})).await;
    assert_ok(&some);
    assert_eq!(some.body["analysis"], json!({"labels": [{"description": "Cat", "score": 0.9}], "colors": []}));
    assert_eq!((&some.body["cached"], &some.body["source"]), (&json!(false), &json!("google")));
    assert_eq!(some.body["image"], json!({"width": 640, "height": 480}));
    assert_eq!(asked(&provider), [["LABEL_DETECTION", "IMAGE_PROPERTIES"]]);

    // The same again costs nothing; a data URI and metadata make no other image of it.
    let again = ann
        .post(PATH, &json!({"image": format!("data:image/jpeg;base64,{image}"), "analysisTypes": ["colors", "labels"]}))
        .await;
    assert_eq!((&again.body["analysis"], &again.body["cached"]), (&some.body["analysis"], &json!(true)));
    assert_eq!(again.body["savedUsd"], json!(0.003));
    assert_eq!(asked(&provider).len(), 1);

    // One more feature: one call, for that one.
    let more = ann.post(PATH, &json!({"image": image, "analysisTypes": ["labels", "faces"]})).await;
    assert_eq!(
        more.body["analysis"]["faces"][0]["boundingBox"],
        json!({"left": 0, "top": 0, "width": 10, "height": 20})
    );
    assert_eq!(more.body["analysis"]["faces"][0]["emotions"]["joy"], 0.75);
    assert_eq!(
        (&more.body["analysis"]["labels"], &more.body["cached"]),
        (&some.body["analysis"]["labels"], &json!(false))
    );
    assert_eq!(asked(&provider)[1..], [["FACE_DETECTION"]]);

    let rest = ann.post(PATH, &all).await;
    let members: Vec<&String> = rest.body["analysis"].as_object().unwrap().keys().collect();
    assert_eq!(members, ["colors", "cropHints", "faces", "labels", "objects", "safeSearch", "text"]);
    assert_eq!(
        asked(&provider)[2..],
        [["OBJECT_LOCALIZATION", "DOCUMENT_TEXT_DETECTION", "SAFE_SEARCH_DETECTION", "CROP_HINTS"]]
    );
    assert_eq!(ann.post(PATH, &all).await.body["cached"], true);
    assert_eq!(asked(&provider).len(), 3);

    // Labels and colours; faces; objects, text, safe search and crop hints.
    let usage = ann.get("/api/usage").await.body;
    assert_eq!(usage["spent"], json!(0.003 + 0.001_5 + 0.006_75), "{usage}");
    assert_eq!(
        (&usage["lines"][0]["operation"], &usage["lines"][0]["model"]),
        (&json!("analyze-image"), &json!("google-vision"))
    );

    // Another instance finds what the first has kept, and another user does not.
    world.stack.kill("analyze-image").await;
    assert_eq!(ann.post(PATH, &all).await.body["cached"], true);
    assert_eq!(asked(&provider).len(), 3);
    let bob = world.account("bob@example.com").await.client;
    assert_eq!(bob.post(PATH, &all).await.body["cached"], false);
    assert_eq!(asked(&provider)[3].len(), 7);
}

/// ARCHITECTURE.md has the table.
#[tokio::test]
async fn calls_are_counted() {
    let (world, _provider) = with_vision(vec![annotated(&json!({"labelAnnotations": [{"description": "Cat"}]}))]).await;
    let ann = world.account("ann@example.com").await.client;
    let ask = |size| json!({"image": encoded(&made::png(size, 4, 40)), "analysisTypes": ["all"]});
    let operations = || {
        let mut operations = world.operations("analyze-image");
        world.stack.clear_dynamodb_calls();
        operations.sort();
        operations
    };
    // From here on the session is believed.
    assert_ok(&ann.post(PATH, &ask(3)).await);
    operations();
    assert_ok(&ann.post(PATH, &ask(4)).await);
    let made = ["BatchGetItem", "BatchWriteItem", "PutItem", "TransactWriteItems"];
    assert_eq!(operations(), [&made[..], &["UpdateItem"; 3]].concat());
    assert_ok(&ann.post(PATH, &ask(4)).await);
    assert_eq!(operations(), ["UpdateItem"; 2], "known to the instance");
    world.stack.kill("analyze-image").await;
    assert_eq!(ann.post(PATH, &ask(4)).await.body["cached"], true);
    // Another instance reads keys and session first.
    assert_eq!(operations(), ["BatchGetItem", "BatchGetItem", "GetItem", "UpdateItem", "UpdateItem"]);
}

#[tokio::test]
async fn everybody_who_asks_at_once_shares_one_call() {
    let (world, provider) = with_vision(vec![annotated(&json!({"labelAnnotations": [{"description": "Cat"}]}))]).await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&made::png(4, 4, 40)), "analysisTypes": ["labels"]});
    let herd = (0..8).map(|_| {
        let (ann, body) = (ann.clone(), body.clone());
        tokio::spawn(async move { ann.post(PATH, &body).await })
    });
    for reply in herd.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        assert_ok(&reply);
        assert_eq!(reply.body["analysis"]["labels"][0]["description"], "Cat");
    }
    assert_eq!(asked(&provider).len(), 1);
}

#[tokio::test]
async fn boxes_are_turned_and_places_stay_here() {
    let (world, provider) = with_vision(vec![annotated(&json!({
        "localizedObjectAnnotations": [{"name": "Cup", "score": 0.5, "boundingPoly": {"normalizedVertices": [
            {"x": 0.1, "y": 0.2}, {"x": 0.3, "y": 0.2}, {"x": 0.3, "y": 0.6}, {"x": 0.1, "y": 0.6}]}}],
    }))])
    .await;
    let ann = world.account("ann@example.com").await.client;
    let image = made::jpeg_with_exif(1_000, 500, 6);
    let seen = ann.post(PATH, &json!({"image": encoded(&image), "analysisTypes": ["objects"]})).await;
    assert_ok(&seen);
    assert_eq!(seen.body["image"], json!({"width": 500, "height": 1_000}));
    assert_eq!(
        seen.body["analysis"]["objects"][0]["boundingBox"],
        json!({"left": 200, "top": 100, "width": 200, "height": 200})
    );
    let request = provider.requests().remove(0);
    assert!(
        request.contains("x-goog-api-key: canary-vision-key") && request.starts_with("POST /v1/images:annotate HTTP")
    );
    let body: Value = serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    let sent = STANDARD.decode(body["requests"][0]["image"]["content"].as_str().unwrap()).unwrap();
    assert!(image.windows(12).any(|window| window == b"canary-place"));
    assert!(!sent.windows(12).any(|window| window == b"canary-place"));
    for line in world.stack.logs("analyze-image") {
        assert!(!line.contains("canary"), "{line}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_costs_what_it_may_have_charged() {
    let script = vec![
        (200, json!({"responses": [{"error": {"code": 3, "message": "Bad image data."}}]}).to_string()),
        (403, json!({"error": {"code": 403, "status": "PERMISSION_DENIED"}}).to_string()),
        (200, json!({"responses": [{"error": {"code": 14, "message": "unavailable"}}]}).to_string()),
    ];
    let (world, provider) = with_vision(script).await;
    let ann = world.account("ann@example.com").await.client;
    let body = json!({"image": encoded(&made::png(4, 4, 40)), "analysisTypes": ["labels"]});
    ann.post(PATH, &body).await.assert_problem(422, "INVALID_IMAGE");
    ann.post(PATH, &body).await.assert_problem(503, "UPSTREAM_UNAVAILABLE");
    assert_eq!((ann.get("/api/usage").await.body["spent"].clone(), provider.requests().len()), (json!(0.0), 2));
    ann.post(PATH, &body).await.assert_problem(503, "UPSTREAM_UNAVAILABLE");
    // Two requests, neither of them answered: both may have been charged.
    let usage = ann.get("/api/usage").await.body;
    assert_eq!((&usage["spent"], &usage["unconfirmed"], provider.requests().len()), (&json!(0.003), &json!(0.003), 4));
}

#[tokio::test]
async fn row_49_without_money_nobody_looks() {
    let provider = Provider::start(vec![annotated(&json!({}))]).await;
    let address = provider.base_url.trim_end_matches("/v1").to_owned();
    let world = World::with(|builder| {
        let builder = builder.setting("GOOGLE_VISION_API_KEY", "key").setting("GOOGLE_VISION_BASE_URL", &address);
        // Two calls of one unit: what a repeated request costs at worst.
        builder.setting("BUDGET_USER_DAY", "0.003")
    })
    .await;
    let ann = world.account("ann@example.com").await.client;
    let ask = |types: Value| json!({"image": encoded(&made::png(4, 4, 40)), "analysisTypes": types});
    ann.post(PATH, &ask(json!(["all"]))).await.assert_problem(402, "BUDGET_EXCEEDED");
    assert!(provider.requests().is_empty());
    assert_ok(&ann.post(PATH, &ask(json!(["labels"]))).await);
    ann.post(PATH, &ask(json!(["faces"]))).await.assert_problem(402, "BUDGET_EXCEEDED");
    assert_eq!(provider.requests().len(), 1);
    // What is known is free.
    assert_eq!(ann.post(PATH, &ask(json!(["labels"]))).await.body["cached"], true);
}

#[tokio::test]
async fn a_service_account_signs_in_once() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der: Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
    let granted = json!({"access_token": "ya29.canary", "expires_in": 3_599, "token_type": "Bearer"}).to_string();
    let google = Provider::play(vec![Line::Whole(200, granted)]).await;
    let provider = Provider::start(vec![annotated(&json!({}))]).await;
    let file = json!({"client_email": "aura@p.iam.gserviceaccount.com", "private_key": pem, "token_uri": format!("{}/token", google.base_url)});
    let address = provider.base_url.trim_end_matches("/v1").to_owned();
    let world = World::with(|builder| {
        builder.setting("GOOGLE_SERVICE_ACCOUNT", &file.to_string()).setting("GOOGLE_VISION_BASE_URL", &address)
    })
    .await;
    let ann = world.account("ann@example.com").await.client;
    for feature in ["labels", "faces"] {
        assert_ok(&ann.post(PATH, &json!({"image": encoded(&made::png(4, 4, 40)), "analysisTypes": [feature]})).await);
    }
    assert_eq!((google.requests().len(), provider.requests().len()), (1, 2));
    assert!(provider.requests().iter().all(|request| request.contains("authorization: Bearer ya29.canary")));
    assert_eq!(world.client().get("/health").await.body["services"]["vision"], true);
}
