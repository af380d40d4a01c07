//! Registration and login.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn an_account_from_registration_to_logout() {
    let world = World::start().await;
    let client = world.client();
    let registered = client.register("Ann@Example.com", PASSWORD).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    let user = &registered.body["user"];
    assert_eq!(user["email"], "ann@example.com");
    assert_eq!(user["role"], "user");
    assert!(user["permissions"].as_array().unwrap().contains(&json!("ai:use_openai")));
    assert_eq!(registered.header("cache-control"), "no-store");

    let login = client.login("ann@example.COM", PASSWORD).await;
    assert_eq!(login.status, 200, "{}", login.text);
    assert_eq!(login.body["user"], *user);
    let token = login.body["token"].as_str().unwrap();
    let signed_in = client.with_token(token);
    let verified = signed_in.get("/api/auth/verify").await;
    assert_eq!((verified.status, &verified.body["valid"], &verified.body["user"]), (200, &json!(true), user));

    let logout = signed_in.post("/api/auth/logout", &json!({})).await;
    assert_eq!((logout.status, &logout.body), (200, &json!({"success": true})));
    client.refresh(login.body["refreshToken"].as_str().unwrap()).await.assert_problem(401, "SESSION_ENDED");
    // The other session goes on.
    client.with_token(registered.body["token"].as_str().unwrap()).get("/api/auth/verify").await;
    assert_eq!(client.refresh(registered.body["refreshToken"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn every_user_gets_a_tenant_of_its_own() {
    let world = World::start().await;
    let mut tenants = HashSet::new();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        let session = world.account(email).await;
        let claims = crate::tokens::claims(&session.token);
        assert!(tenants.insert(claims["tid"].as_str().unwrap().to_owned()));
        assert_eq!(claims["sub"], session.id.as_str());
    }
}

#[tokio::test]
async fn row_17_parallel_guesses_are_held_to_the_limit() {
    let world = World::start().await;
    world.account("ann@example.com").await;
    let guesses = (0..40).map(|i| {
        let client = world.client_at([127, 0, 0, 9]);
        tokio::spawn(async move { client.login("ann@example.com", &format!("wrong password {i}")).await })
    });
    let mut evaluated = 0;
    for guess in guesses.collect::<Vec<_>>() {
        let reply = guess.await.unwrap();
        match reply.status {
            401 => evaluated += 1,
            429 => assert!(reply.header("retry-after").parse::<u64>().unwrap() > 600),
            // A store that is too busy to tell counts as denied.
            _ => reply.assert_problem(503, "UNAVAILABLE"),
        }
    }
    assert!((1..=5).contains(&evaluated), "{evaluated} of 40 were evaluated");
    world.client_at([127, 0, 0, 9]).login("ann@example.com", PASSWORD).await.assert_problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn row_18_stuffing_from_one_address_ends_after_25_accounts() {
    let world = World::start().await;
    let client = world.client_at([127, 0, 0, 7]);
    for i in 0..25 {
        client
            .login(&format!("user{i}@example.com"), "some stuffed password")
            .await
            .assert_problem(401, "INVALID_CREDENTIALS");
    }
    let denied = client.login("user26@example.com", "some stuffed password").await;
    denied.assert_problem(429, "RATE_LIMITED");
    assert!(denied.header("ratelimit").starts_with("\"auth-address\";r=0;t="), "{}", denied.header("ratelimit"));
}

#[tokio::test]
async fn row_18_a_stranger_cannot_lock_the_owner_out() {
    let world = World::start().await;
    world.account("ann@example.com").await;
    let mut refused = 0;
    // A hundred failures from twenty addresses use up what the account has in a day.
    for address in 1..=21 {
        let stranger = world.client_at([127, 0, 1, address]);
        for _ in 0..5 {
            let reply = stranger.login("ann@example.com", "not the password").await;
            refused += u32::from(reply.status == 401);
        }
    }
    assert_eq!(refused, 100, "guesses that were evaluated");
    world.client_at([127, 0, 2, 1]).login("ann@example.com", PASSWORD).await.assert_problem(429, "RATE_LIMITED");
    assert_eq!(world.client().login("ann@example.com", PASSWORD).await.status, 200, "from an address she used before");
}

#[tokio::test]
async fn successes_are_not_counted() {
    let world = World::start().await;
    world.account("ann@example.com").await;
    for _ in 0..8 {
        assert_eq!(world.client().login("ann@example.com", PASSWORD).await.status, 200);
    }
    for _ in 0..5 {
        world.client().login("ann@example.com", "not the password").await.assert_problem(401, "INVALID_CREDENTIALS");
    }
    world.client().login("ann@example.com", PASSWORD).await.assert_problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn row_19_long_passwords_are_refused_before_hashing() {
    let world = World::start().await;
    let long = "x".repeat(257);
    world.client().register("ann@example.com", &long).await.assert_problem(400, "INVALID_REQUEST");
    world.client().login("ann@example.com", &long).await.assert_problem(400, "INVALID_REQUEST");
    assert!(world.operations("login").iter().all(|operation| operation != "UpdateItem"), "nothing was counted or read");
    let longest = "correct horse é ".repeat(15);
    assert_eq!(longest.len(), 255);
    assert_eq!(world.client().register("ann@example.com", &longest).await.status, 201);
    assert_eq!(world.client().login("ann@example.com", &longest).await.status, 200);
}

#[tokio::test]
async fn row_20_one_address_is_one_account() {
    let world = World::start().await;
    let racers = (0..12).map(|i| {
        let client = world.client();
        let email = if i % 2 == 0 { "Ann@example.com" } else { "ann@EXAMPLE.com" };
        tokio::spawn(async move { client.register(email, PASSWORD).await })
    });
    let mut made = 0;
    for racer in racers.collect::<Vec<_>>() {
        let reply = racer.await.unwrap();
        match reply.status {
            201 => made += 1,
            429 => reply.assert_problem(429, "RATE_LIMITED"),
            503 => reply.assert_problem(503, "UNAVAILABLE"),
            _ => reply.assert_problem(409, "EMAIL_TAKEN"),
        }
    }
    assert_eq!(made, 1);
    let items = world.tables().scan().table_name("IdentityTable").send().await.unwrap().items.unwrap();
    let users = items.iter().filter(|item| matches!(&item["pk"], AttributeValue::S(pk) if pk.starts_with("U#")));
    assert_eq!(users.filter(|item| item["sk"] == AttributeValue::S("@".into())).count(), 1);
}

#[tokio::test]
async fn row_21_no_role_or_tenant_can_be_asked_for() {
    let world = World::start().await;
    for (name, value) in [
        ("role", json!("admin")),
        ("tenant", json!("0123456789abcdef0123456789abcdef")),
        ("permissions", json!(["admin:manage_users"])),
        ("id", json!("0123456789abcdef0123456789abcdef")),
        ("__proto__", json!({"role": "admin"})),
    ] {
        let mut body = json!({"email": "ann@example.com", "password": PASSWORD, "name": "Ann"});
        body[name] = value;
        world.client().post("/api/auth/register", &body).await.assert_problem(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn row_22_common_passwords_are_refused() {
    let world = World::with(|builder| builder.setting("PASSWORD_MIN_LENGTH", "8")).await;
    for common in ["password", "iloveyou1234567", "qwertyuiop", "Password123", "short"] {
        world.client().register("ann@example.com", common).await.assert_problem(400, "WEAK_PASSWORD");
    }
    assert_eq!(world.client().register("ann@example.com", "eight-ish lake").await.status, 201);
}

#[tokio::test]
async fn a_disabled_account_signs_in_no_more() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    world.set_user(&session.id, "st", AttributeValue::S("disabled".into())).await;
    world.client().login("ann@example.com", PASSWORD).await.assert_problem(401, "INVALID_CREDENTIALS");
    world.client().refresh(&session.refresh_token).await.assert_problem(401, "SESSION_ENDED");
    // A function that never saw the user, or forgot it, refuses the access token at once.
    session.client.get("/api/auth/verify").await.assert_problem(401, "SESSION_ENDED");
}
