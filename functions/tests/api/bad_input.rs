//! Bodies, paths and methods that no client of ours would send.

use serde_json::json;

use crate::world::{PASSWORD, Reply, World};

#[tokio::test]
async fn row_37_bodies_are_measured_before_they_are_read() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let huge = |size: usize| format!("{{\"context\": \"{}\"}}", "x".repeat(size));
    for size in [70_000, 1_000_000, 5_000_000] {
        session.client.post_raw("/api/ai/generate-form", huge(size)).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
    }
    // Without a token too: nothing is parsed, nobody is looked up.
    world.client().post_raw("/api/auth/login", huge(5_000)).await.assert_problem(413, "PAYLOAD_TOO_LARGE");
    // Beyond Lambda's payload and API Gateway's body, the gateway itself answers.
    assert_eq!(world.client().post_raw("/api/auth/login", huge(6_500_000)).await.status, 413);
    assert_eq!(world.client().post_raw("/api/auth/login", huge(11_000_000)).await.status, 413);
    let wide = format!("{{\"context\": \"x\", \"existingFields\": [{}\"x\"]}}", "\"x\",".repeat(10_000));
    session.client.post_raw("/api/ai/generate-form", wide).await.assert_problem(400, "INVALID_REQUEST");
}

#[tokio::test]
async fn row_37_encodings_and_media_types_are_refused() {
    let world = World::start().await;
    let body = json!({"email": "ann@example.com", "password": PASSWORD}).to_string();
    let send = async |name: &str, value: &str| {
        let mut request = world.client().request("POST", "/api/auth/login");
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        Reply::of(request.header(name, value).body(body.clone())).await
    };
    for encoding in ["gzip", "br", "deflate, gzip"] {
        send("content-encoding", encoding).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "*/*"] {
        send("content-type", media_type).await.assert_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    send("content-type", "Application/JSON; charset=utf-8").await.assert_problem(401, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn row_38_malformed_and_deep_json() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    for (body, code) in [
        ("", "INVALID_JSON"),
        ("{", "INVALID_JSON"),
        ("{\"context\": \"x\"} trailing", "INVALID_JSON"),
        ("{'context': 'x'}", "INVALID_JSON"),
        ("{\"context\": \"\\ud800\"}", "INVALID_JSON"),
        ("\u{feff}{\"context\": \"x\"}", "INVALID_JSON"),
        ("null", "INVALID_REQUEST"),
        ("[]", "INVALID_REQUEST"),
        ("{}", "INVALID_REQUEST"),
        ("{\"context\": 1}", "INVALID_REQUEST"),
        ("{\"context\": \"x\", \"model\": \"gpt-4\"}", "INVALID_REQUEST"),
        ("{\"context\": \"x\", \"context\": \"y\"}", "INVALID_REQUEST"),
    ] {
        session.client.post_raw("/api/ai/generate-form", body).await.assert_problem(400, code);
    }
    for bracket in ["[", "{\"a\":"] {
        let deep = format!("{{\"context\": \"x\", \"existingFields\": [{}", bracket.repeat(10_000));
        let reply = session.client.post_raw("/api/ai/generate-form", deep).await;
        assert_eq!(reply.status, 400, "{}", reply.text);
    }
    let not_utf8 = b"{\"context\": \"\xff\xfe\"}".to_vec();
    session.client.post_raw("/api/ai/generate-form", not_utf8).await.assert_problem(400, "INVALID_JSON");
}

#[tokio::test]
async fn wrong_methods_and_unknown_paths() {
    let world = World::start().await;
    let wrong = world.client().get("/api/auth/login").await;
    wrong.assert_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(wrong.header("allow"), "POST");
    world.client().post("/health", &json!({})).await.assert_problem(405, "METHOD_NOT_ALLOWED");
    for path in ["/nowhere", "/api", "/api/auth", "/api/auth/login/x", "/.env", "/api/../.env", "/%2e%2e/etc/passwd"] {
        world.client().get(path).await.assert_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn row_41_text_that_hides_something() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    for hidden in ["a form\u{0}", "a \u{202e}form", "a form\u{e0041}\u{e0042}"] {
        let reply = session.client.form(hidden).await;
        // Refused or stripped, never passed on.
        assert!(reply.status == 400 || reply.status == 200, "{}", reply.text);
        for c in ['\u{0}', '\u{202e}', '\u{e0041}'] {
            assert!(!reply.text.contains(c));
        }
    }
    let name = json!({"email": "b@example.com", "password": PASSWORD, "name": "Ann\u{202e}"});
    world.client().post("/api/auth/register", &name).await.assert_problem(400, "INVALID_REQUEST");
    session.client.form(&"é".repeat(4_001)).await.assert_problem(400, "INVALID_REQUEST");
    assert_eq!(session.client.form(&"é".repeat(4_000)).await.status, 200);
}

#[tokio::test]
async fn bad_email_addresses_are_told() {
    let world = World::start().await;
    for email in ["", "ann", "ann@", "@example.com", "ann@example", "a b@example.com"] {
        let reply = world.client().register(email, PASSWORD).await;
        reply.assert_problem(400, "INVALID_REQUEST");
        assert!(reply.body["error"].as_str().unwrap().contains("email"), "{}", reply.text);
    }
}
