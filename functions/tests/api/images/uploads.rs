use super::{annotated, assert_ok, encoded, made, with_vision};
use crate::world::World;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

const BUCKET: &str = "uploadbucket";

/// Posts a form to S3 as a browser does: its fields, and the file last.
async fn put(form: &Value, change: &[(&str, &str)], file: &[u8]) -> (u16, String, HeaderMap) {
    let mut body = Vec::new();
    for (name, value) in form["fields"].as_object().unwrap() {
        let value =
            change.iter().find(|(changed, _)| changed == name).map_or(value.as_str().unwrap(), |(_, value)| value);
        body.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes());
    }
    body.extend(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\nContent-Type: application/octet-stream\r\n\r\n");
    body.extend(file);
    body.extend(b"\r\n--b--\r\n");
    let request = reqwest::Client::new().post(form["url"].as_str().unwrap()).body(body);
    let request =
        request.header("content-type", "multipart/form-data; boundary=b").header("origin", "http://localhost:3000");
    let reply = request.send().await.unwrap();
    let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
    (status, reply.text().await.unwrap(), headers)
}

#[tokio::test]
async fn a_large_image_takes_the_way_over_s3() {
    let (world, provider) = with_vision(vec![annotated(&json!({"labelAnnotations": [{"description": "Cat"}]}))]).await;
    let ann = world.account("ann@example.com").await;
    let image = made::jpeg(4_000, 3_000, 7_200_000);
    let form = ann.client.post("/api/uploads", &json!({"contentType": "image/jpeg", "size": image.len()})).await;
    assert_eq!(form.status, 201, "{}", form.text);
    let key = form.body["imageKey"].as_str().unwrap().to_owned();
    assert!(key.starts_with(&format!("uploads/{}/", ann.id)), "{key}");
    let look = json!({"imageKey": key, "analysisTypes": ["labels"]});
    ann.client.post("/api/ai/analyze-image", &look).await.assert_problem(404, "NOT_FOUND");

    let (status, text, headers) = put(&form.body, &[], &image).await;
    assert_eq!(status, 204, "{text}");
    assert_eq!(headers["access-control-allow-origin"], "http://localhost:3000");
    assert_eq!(world.stack.objects(BUCKET), std::slice::from_ref(&key));
    let seen = ann.client.post("/api/ai/analyze-image", &look).await;
    assert_ok(&seen);
    assert_eq!(seen.body["analysis"]["labels"][0]["description"], "Cat");
    let sent: Value = serde_json::from_str(provider.requests()[0].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert!(
        sent["requests"][0]["image"]["content"].as_str().unwrap() == encoded(&image),
        "the whole image, and nothing else"
    );

    // Row 27: somebody else's upload does not exist.
    let bob = world.account("bob@example.com").await;
    for path in ["/api/ai/analyze-image", "/api/ai/describe-image", "/api/ai/remove-background"] {
        bob.client.post(path, &json!({"imageKey": key})).await.assert_problem(404, "NOT_FOUND");
    }
    // What was seen of it is not asked for again.
    assert_eq!(ann.client.post("/api/ai/analyze-image", &look).await.body["cached"], true);
}

#[tokio::test]
async fn row_39_an_upload_is_what_it_was_said_to_be() {
    let (world, provider) = with_vision(vec![annotated(&json!({}))]).await;
    let ann = world.account("ann@example.com").await.client;
    for (file, code) in [
        (made::png(4, 4, 40), "IMAGE_TYPE_MISMATCH"),
        (made::jpeg(65_535, 65_535, 300), "IMAGE_TOO_LARGE"),
        (b"<svg/>".to_vec(), "UNSUPPORTED_IMAGE"),
        (made::jpeg(640, 480, 7_400_000), "IMAGE_TOO_LARGE"),
    ] {
        let form = ann.post("/api/uploads", &json!({"contentType": "image/jpeg", "size": file.len()})).await.body;
        assert_eq!(put(&form, &[], &file).await.0, 204);
        ann.post("/api/ai/analyze-image", &json!({"imageKey": form["imageKey"]})).await.assert_problem(422, code);
    }
    assert!(provider.requests().is_empty());
}

#[tokio::test]
async fn a_form_is_good_for_what_it_says_and_nothing_else() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await.client;
    let image = made::png(4, 4, 40);
    let form = ann.post("/api/uploads", &json!({"contentType": "image/png", "size": image.len()})).await.body;
    let other = format!("{}0", &form["imageKey"].as_str().unwrap()[..form["imageKey"].as_str().unwrap().len() - 1]);
    let policy = form["fields"]["policy"].as_str().unwrap();
    let wider = String::from_utf8(STANDARD.decode(policy).unwrap())
        .unwrap()
        .replace(&format!(",{}]", image.len()), ",99999999]");
    let wider = STANDARD.encode(wider);
    let long = [&image[..], b"x"].concat();
    for (change, file) in [
        (&[][..], &long[..]),
        (&[], &image[1..]),
        (&[], b""),
        (&[("key", other.as_str())], &image),
        (&[("key", "uploads/x")], &image),
        (&[("Content-Type", "text/html")], &image),
        (&[("policy", wider.as_str())], &long),
        (&[("x-amz-signature", "0000000000000000000000000000000000000000000000000000000000000000")], &image),
        (&[("x-amz-date", "20200101T000000Z")], &image),
        (&[("x-amz-credential", "AKIALOCAL.analyze-image/20261128/us-east-1/s3/aws4_request")], &image),
    ] {
        let (status, text, _) = put(&form, change, file).await;
        assert!((400..500).contains(&status), "{change:?}: {status} {text}");
    }
    assert!(world.stack.objects(BUCKET).is_empty());
    // No form at all, and a plain PUT.
    let unsigned = json!({"url": form["url"], "fields": {"key": form["fields"]["key"], "Content-Type": "image/png"}});
    assert_eq!(put(&unsigned, &[], &image).await.0, 403);
    let address = format!("{}/{}", form["url"].as_str().unwrap(), form["imageKey"].as_str().unwrap());
    let http = reqwest::Client::new();
    assert_eq!(http.put(&address).body(image.clone()).send().await.unwrap().status(), 403);
    assert_eq!(put(&form, &[], &image).await.0, 204);
    assert_eq!(http.get(&address).send().await.unwrap().status(), 403, "nobody reads without a signature");
}

#[tokio::test]
async fn forms_are_for_images_of_twenty_megabytes_and_limited() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await.client;
    for body in [
        json!({"contentType": "image/svg+xml", "size": 10}),
        json!({"contentType": "image/png", "size": 20_000_001}),
        json!({"contentType": "image/png", "size": 0}),
        json!({"contentType": "image/png"}),
        json!({"contentType": "image/png", "size": 10, "key": "uploads/x"}),
    ] {
        ann.post("/api/uploads", &body).await.assert_problem(400, "INVALID_REQUEST");
    }
    for _ in 5..20 {
        assert_eq!(
            ann.post("/api/uploads", &json!({"contentType": "image/png", "size": 20_000_000})).await.status,
            201
        );
    }
    let over = ann.post("/api/uploads", &json!({"contentType": "image/png", "size": 10})).await;
    over.assert_problem(429, "RATE_LIMITED");
    assert_eq!(over.header("ratelimit-policy"), "\"upload\";q=20;w=3600");
}
