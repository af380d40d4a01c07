//! The local stack as a newcomer meets it.

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn state_survives_a_restart_with_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_owned();
    let world = World::with(|builder| builder.data(&path)).await;
    let session = world.account("ann@example.com").await;
    drop(world);
    let world = World::with(|builder| builder.data(&path)).await;
    assert_eq!(world.client().login("ann@example.com", PASSWORD).await.status, 200);
    let client = world.client().with_token(&session.token);
    assert_eq!(client.get("/api/auth/verify").await.status, 200, "the signing key is the same");
    assert_eq!(world.client().refresh(&session.refresh_token).await.status, 200);
}

#[tokio::test]
async fn the_page_is_served_and_may_do_little() {
    let world = World::start().await;
    let page = world.client().get("/").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.header("content-security-policy").contains("default-src 'none'"));
    assert!(page.text.contains("Aura"));
}

#[tokio::test]
async fn browsers_of_allowed_origins_may_call() {
    let world = World::start().await;
    let preflight = world
        .client()
        .request("OPTIONS", "/api/auth/login")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "content-type");
    let preflight = crate::world::Reply::of(preflight).await;
    assert_eq!(preflight.header("access-control-allow-origin"), "http://localhost:3000");
    let foreign = world.client().request("GET", "/health").header("origin", "http://localhost:3000.evil.example");
    let foreign = crate::world::Reply::of(foreign).await;
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_warm_function_serves_again() {
    let world = World::start().await;
    world.client().get("/health").await;
    let first = world.stack.processes("health");
    world.client().get("/health").await;
    assert_eq!(world.stack.processes("health"), first);
    world.stack.kill("health").await;
    assert_eq!(world.client().get("/health").await.status, 200);
    assert_ne!(world.stack.processes("health"), first);
}
