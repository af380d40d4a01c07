//! What must never be written down.

use serde_json::{Value, json};

use crate::provider::{Provider, completion, one_field};
use crate::world::{PASSWORD, World};

/// Rows 48 and 50: secrets go through every function, by the front door and by mistake; no log and no answer that was
/// not asked for holds one.
#[tokio::test]
async fn rows_48_and_50_no_canary_in_any_sink() {
    let key = "sk-canary-provider-key";
    let script =
        vec![(500, "canary-provider-answer".to_owned()), (500, String::new()), completion(&one_field("a", "A"))];
    let provider = Provider::start(script).await;
    let world = World::with(|builder| {
        builder
            .setting("OPENAI_API_KEY", key)
            .setting("OPENAI_BASE_URL", &provider.base_url)
            .setting("LOG_LEVEL", "debug")
    })
    .await;
    let client = world.client();
    let mut answers = Vec::new();
    let session = world.account("canary-email@example.com").await;
    answers.push(client.login("canary-email@example.com", "canary-wrong-password").await.text);
    answers.push(client.register("canary-email@example.com", "canary-other-password").await.text);
    answers.push(
        client.post("/api/auth/login", &json!({"email": "x@example.com", "password": ["canary-in-a-list"]})).await.text,
    );
    answers.push(client.post("/api/auth/login", &json!({"password": "canary-alone"})).await.text);
    answers.push(client.post("/api/auth/login", &json!("canary-instead-of-an-object")).await.text);
    answers.push(client.refresh("canary-refresh-token").await.text);
    answers.push(client.with_token("canary.access.token").get("/api/auth/verify").await.text);
    answers.push(session.client.form("canary-context of a contact form").await.text);
    // These answer with the caller's own words: only the logs are looked at.
    for (path, body) in [
        ("/api/ai/enhance-query", json!({"query": "canary-search"})),
        ("/api/ai/summarize", json!({"content": "canary-content. ".repeat(20), "maxLength": 40})),
        ("/api/ai/complete-code", json!({"code": "canary_code(", "language": "rust", "context": "canary-context"})),
        ("/api/ai/complete-code", json!({"code": "x", "language": "canary language"})),
    ] {
        session.client.post(path, &body).await;
    }
    answers.push(client.get("/canary-path?key=canary-query").await.text);
    let refreshed = client.refresh(&session.refresh_token).await;
    assert_eq!(refreshed.status, 200);
    let login = client.login("canary-email@example.com", PASSWORD).await;
    let logout = client.with_token(login.body["token"].as_str().unwrap()).post("/api/auth/logout", &json!({})).await;
    assert_eq!(logout.status, 200);

    let mut secrets = vec!["canary".to_owned(), key.to_owned(), PASSWORD.to_owned()];
    secrets.extend([session.token, session.refresh_token, refreshed.body["refreshToken"].as_str().unwrap().to_owned()]);
    for answer in &answers {
        for secret in &secrets {
            assert!(!answer.contains(secret), "{secret} in {answer}");
        }
    }
    let mut lines = 0;
    for function in
        aura_functions::route::ALL.map(|route| route.name).into_iter().chain(["rotate-signing-key", "grant-admin"])
    {
        for line in world.stack.logs(function) {
            lines += 1;
            for secret in &secrets {
                assert!(!line.contains(secret), "{function} logged {secret}: {line}");
            }
            assert!(!line.contains("not ready at init"), "{function} may not do what it does at init: {line}");
        }
    }
    assert!(lines > 10, "the functions do log: {lines} lines");
}

/// Row 51: whatever a client sends, a log line is one JSON object.
#[tokio::test]
async fn row_51_one_line_of_json_for_each_event() {
    let world = World::start().await;
    let client = world.client();
    for path in ["/%0d%0a%7b%22level%22%3a%22ERROR%22%7d", "/%1b%5b31mred", "/a%00b"] {
        client.get(path).await.assert_problem(404, "NOT_FOUND");
    }
    let body = json!({"email": "a@b.example\r\n{\"level\":\"ERROR\"}", "password": "\u{1b}[31m"});
    client.post("/api/auth/login", &body).await.assert_problem(400, "INVALID_REQUEST");
    world.stack.log_line("no-route", "answered").await.unwrap();
    world.stack.log_line("login", "answered").await.unwrap();
    for function in ["no-route", "login"] {
        for line in world.stack.logs(function) {
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
            assert!(event["level"] == "INFO" || event["level"] == "WARN", "{line}");
            assert!(line.chars().all(|c| !c.is_control()));
        }
    }
}
