//! Rate limits over HTTP; the log's own proof is beside it.

use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};

use crate::world::World;

#[tokio::test]
async fn row_35_forty_parallel_requests_at_a_limit_of_ten() {
    let world = World::with(|builder| builder.setting("RATE_LIMIT_MAX_REQUESTS", "10")).await;
    let session = world.account("ann@example.com").await;
    let race = |token: &str| {
        let calls = (0..40).map(|i| {
            let client = world.client_at([127, 0, 4, i + 1]).with_token(token);
            tokio::spawn(async move { client.get("/api/auth/verify").await })
        });
        calls.collect::<Vec<_>>()
    };
    // Once with a token that costs nothing, so that forty processes are warm.
    for call in race("e30.e30.e30") {
        call.await.unwrap().assert_problem(401, "INVALID_TOKEN");
    }
    let mut admitted = 0;
    for call in race(&session.token) {
        let reply = call.await.unwrap();
        match reply.status {
            200 => admitted += 1,
            429 => reply.assert_problem(429, "RATE_LIMITED"),
            // A store that is too busy to tell counts as denied.
            _ => reply.assert_problem(503, "UNAVAILABLE"),
        }
    }
    // The next calls get what is left of the ten, and nothing more.
    for _ in 0..11 {
        admitted += u32::from(session.client.get("/api/auth/verify").await.status == 200);
    }
    assert!(admitted <= 10, "{admitted} were admitted at a limit of 10");
    session.client.get("/api/auth/verify").await.assert_problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn the_headers_announce_what_is_left() {
    let world = World::with(|builder| builder.setting("AI_RATE_LIMIT_MAX_REQUESTS", "3")).await;
    let session = world.account("ann@example.com").await;
    for left in [2, 1, 0] {
        let reply = session.client.form("a login form").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(reply.header("ratelimit-policy"), "\"ai\";q=3;w=900");
        assert!(reply.header("ratelimit").starts_with(&format!("\"ai\";r={left};t=")), "{}", reply.header("ratelimit"));
    }
    let denied = session.client.form("a login form").await;
    denied.assert_problem(429, "RATE_LIMITED");
    let seconds: u64 = denied.header("retry-after").parse().unwrap();
    assert!((600..=904).contains(&seconds), "{seconds}");
    assert_eq!(denied.header("ratelimit"), format!("\"ai\";r=0;t={seconds}"));
    // Another class is not touched.
    assert_eq!(session.client.get("/api/auth/verify").await.status, 200);
    assert_eq!(world.account("bob@example.com").await.client.form("a login form").await.status, 200);
}

#[tokio::test]
async fn row_32_forwarding_headers_change_nothing() {
    let world = World::start().await;
    let client = world.client_at([127, 0, 0, 8]);
    for i in 0..6 {
        let mut request = client.request("POST", "/api/auth/login");
        for header in ["x-forwarded-for", "forwarded", "x-real-ip", "x-client-ip", "cf-connecting-ip", "true-client-ip"]
        {
            request = request.header(header, format!("203.0.113.{i}"));
        }
        let body = serde_json::json!({"email": "ann@example.com", "password": "not the password"});
        let reply = crate::world::Reply::of(request.json(&body)).await;
        if i < 5 {
            reply.assert_problem(401, "INVALID_CREDENTIALS");
        } else {
            reply.assert_problem(429, "RATE_LIMITED");
        }
    }
}

#[tokio::test]
async fn row_34_other_spellings_of_a_path_are_other_paths() {
    let world = World::start().await;
    for path in ["/api/auth/login/", "/api/auth/LOGIN", "//api/auth/login", "/api/auth/./login", "/api/auth/%6Cogin"] {
        let reply = world.client().post_raw(path, "{}").await;
        assert!(matches!(reply.status, 404 | 400 | 405), "{path}: {}", reply.text);
        assert_ne!(reply.code(), "INVALID_CREDENTIALS");
    }
}

#[tokio::test]
async fn row_36_a_denied_flood_costs_no_writes() {
    let world = World::with(|builder| builder.setting("RATE_LIMIT_MAX_REQUESTS", "2")).await;
    let session = world.account("ann@example.com").await;
    for _ in 0..3 {
        session.client.get("/api/auth/verify").await;
    }
    world.stack.clear_dynamodb_calls();
    for _ in 0..30 {
        session.client.get("/api/auth/verify").await.assert_problem(429, "RATE_LIMITED");
    }
    assert_eq!(world.operations("verify"), [""; 0], "the warm instance remembers");
}

#[tokio::test]
async fn row_36_without_dynamodb_nothing_is_let_through() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    assert_eq!(session.client.form("a login form").await.status, 200);
    for fault in [Fault::Dark, Fault::Throttling, Fault::InternalServerError] {
        world.stack.dynamodb_fault(Rule::new(fault));
        let form = session.client.form("a login form").await;
        form.assert_problem(503, "UNAVAILABLE");
        assert_eq!(form.header("retry-after"), "1");
        world.client().login("ann@example.com", crate::world::PASSWORD).await.assert_problem(503, "UNAVAILABLE");
        world.stack.end_faults();
        assert_eq!(session.client.form("a login form").await.status, 200, "it heals");
    }
}
