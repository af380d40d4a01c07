//! API keys and roles.

use std::time::Duration;

use aura::auth::authority::Credential;
use aura::clock::Clock;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::{PASSWORD, World, now};

#[tokio::test]
async fn a_key_from_making_to_revoking() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let wish = json!({"name": "nightly job", "scopes": ["ai:use_openai"], "expiresInDays": 7});
    let made = session.client.post("/api/auth/api-keys", &wish).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let key = made.body["key"].as_str().unwrap();
    assert!(key.starts_with("aura_"));
    let program = world.client().with_token(key);
    assert_eq!(program.form("a login form").await.status, 200);
    assert_eq!(program.get("/api/auth/verify").await.body["user"]["id"], session.id.as_str());

    let listed = session.client.get("/api/auth/api-keys").await;
    let entry = &listed.body["keys"][0];
    assert_eq!((&entry["name"], &entry["scopes"]), (&json!("nightly job"), &json!(["ai:use_openai"])));
    assert!(entry["lastUsedAt"].as_str().unwrap().ends_with('Z'));
    assert!(!listed.text.contains(key) && entry.get("key").is_none(), "shown once");

    let path = format!("/api/auth/api-keys/{}", made.body["id"].as_str().unwrap());
    assert_eq!(session.client.delete(&path).await.body, json!({"success": true}));
    session.client.delete(&path).await.assert_problem(404, "NOT_FOUND");
    world.stack.kill("generate-form").await;
    program.form("a login form").await.assert_problem(401, "INVALID_TOKEN");
    assert_eq!(session.client.get("/api/auth/api-keys").await.body, json!({"keys": []}));
}

#[tokio::test]
async fn row_23_the_table_holds_no_key() {
    let world = World::start().await;
    let (key, _) = world.account("ann@example.com").await.client.api_key(&["ai:use_openai"]).await;
    let items = world.tables().scan().table_name("IdentityTable").send().await.unwrap().items.unwrap();
    let dump = format!("{items:?}");
    // The last 256 bits are the secret: its text starts after the 32 bytes of ids.
    assert!(!dump.contains(&key) && !dump.contains(&key[5 + 43..]));
}

#[tokio::test]
async fn row_24_a_key_in_a_url_is_refused_and_not_logged() {
    let world = World::start().await;
    let (key, _) = world.account("ann@example.com").await.client.api_key(&["ai:use_openai"]).await;
    for path in [format!("/api/auth/verify?api_key={key}"), format!("/health?token={key}"), format!("/nowhere/{key}")] {
        let reply = world.client().get(&path).await;
        reply.assert_problem(400, "INVALID_REQUEST");
        assert!(!reply.text.contains(&key));
    }
    for function in ["verify", "health", "no-route"] {
        assert!(world.stack.logs(function).iter().all(|line| !line.contains(&key)));
    }
}

#[tokio::test]
async fn row_25_a_key_may_what_scopes_and_owner_both_may() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let (narrow, _) = session.client.api_key(&["collab:join_room"]).await;
    world.client().with_token(&narrow).form("a login form").await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    // More than the owner may cannot be asked for ...
    let greedy = json!({"name": "x", "scopes": ["admin:manage_users"]});
    session.client.post("/api/auth/api-keys", &greedy).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    // ... and what the owner loses, the key loses.
    world.set_user(&session.id, "role", AttributeValue::S("admin".into())).await;
    world.stack.kill("create-api-key").await;
    let (admin, _) = session.client.api_key(&["admin:manage_users", "ai:use_openai"]).await;
    world.set_user(&session.id, "role", AttributeValue::S("user".into())).await;
    let clock = Clock::manual(now());
    let app = world.app(&clock);
    let Credential::Key(presented) = app.authority.recognise(&admin).await.unwrap() else { panic!("a key") };
    let caller = app.authority.admit(&presented).await.unwrap();
    assert!(!caller.may(aura::auth::Permission::ManageUsers) && caller.may(aura::auth::Permission::UseOpenAi));
    // A disabled owner ends the key, in an instance that has just seen it well, within 30 s.
    world.set_user(&session.id, "st", AttributeValue::S("disabled".into())).await;
    clock.advance(Duration::from_secs(30));
    assert_eq!(app.authority.admit(&presented).await.unwrap_err().code(), "INVALID_TOKEN");
}

#[tokio::test]
async fn keys_end_by_the_clock() {
    let world = World::with(|builder| builder.ttl_sweep(None)).await;
    let session = world.account("ann@example.com").await;
    let wish = json!({"name": "x", "scopes": ["ai:use_openai"], "expiresInDays": 1});
    let key = session.client.post("/api/auth/api-keys", &wish).await.body["key"].as_str().unwrap().to_owned();
    let clock = Clock::manual(now());
    let app = world.app(&clock);
    let Credential::Key(presented) = app.authority.recognise(&key).await.unwrap() else { panic!("a key") };
    clock.advance(Duration::from_secs(86_390));
    app.authority.admit(&presented).await.unwrap();
    clock.advance(Duration::from_secs(20));
    assert_eq!(app.authority.admit(&presented).await.unwrap_err().code(), "INVALID_TOKEN");
    for days in [0, 366, 1_000_000] {
        let wish = json!({"name": "x", "scopes": ["ai:use_openai"], "expiresInDays": days});
        session.client.post("/api/auth/api-keys", &wish).await.assert_problem(400, "INVALID_REQUEST");
    }
}

#[tokio::test]
async fn a_program_makes_no_keys_and_ends_no_sessions() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let (key, id) = session.client.api_key(&["ai:use_openai"]).await;
    let program = world.client().with_token(&key);
    let wish = json!({"name": "x", "scopes": ["ai:use_openai"]});
    program.post("/api/auth/api-keys", &wish).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    program.get("/api/auth/api-keys").await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    program.delete(&format!("/api/auth/api-keys/{id}")).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    program.post("/api/auth/logout", &json!({})).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
}

#[tokio::test]
async fn twenty_keys_are_enough() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    for _ in 0..20 {
        session.client.api_key(&["ai:use_openai"]).await;
    }
    let wish = json!({"name": "x", "scopes": ["ai:use_openai"]});
    session.client.post("/api/auth/api-keys", &wish).await.assert_problem(409, "TOO_MANY_KEYS");
}

#[tokio::test]
async fn row_27_somebody_elses_key_is_not_found() {
    let world = World::start().await;
    let (_, id) = world.account("ann@example.com").await.client.api_key(&["ai:use_openai"]).await;
    let bob = world.account("bob@example.com").await;
    for id in [id.as_str(), "0123456789abcdef0123456789abcdef", "nonsense", "..%2f..", "%00"] {
        bob.client.delete(&format!("/api/auth/api-keys/{id}")).await.assert_problem(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn row_34_several_keys_share_one_limit() {
    let world = World::with(|builder| builder.setting("AI_RATE_LIMIT_MAX_REQUESTS", "2")).await;
    let session = world.account("ann@example.com").await;
    let (first, _) = session.client.api_key(&["ai:use_openai"]).await;
    let (second, _) = session.client.api_key(&["ai:use_openai"]).await;
    assert_eq!(world.client().with_token(&first).form("a login form").await.status, 200);
    assert_eq!(world.client().with_token(&second).form("a login form").await.status, 200);
    session.client.form("a login form").await.assert_problem(429, "RATE_LIMITED");
    // A forged key of the same user costs the user nothing.
    let bob = world.account("bob@example.com").await;
    let (key, _) = bob.client.api_key(&["ai:use_openai"]).await;
    let forged = format!("{}{}", &key[..key.len() - 8], "AAAAAAAA");
    for _ in 0..3 {
        world.client().with_token(&forged).form("a login form").await.assert_problem(401, "INVALID_TOKEN");
    }
    assert_eq!(world.client().with_token(&key).form("a login form").await.header("ratelimit")[..8], *"\"ai\";r=1");
}

#[tokio::test]
async fn row_31_roles_are_set_by_administrators() {
    let world = World::start().await;
    let ann = world.account("ann@example.com").await;
    let bob = world.account("bob@example.com").await;
    let role = |id: &str| format!("/api/admin/users/{id}/role");
    let developer = json!({"role": "developer"});
    ann.client.put(&role(&bob.id), &developer).await.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
    // The operator makes the first administrator.
    world.stack.invoke("grant-admin", json!({"email": "nobody@example.com"})).await.unwrap_err();
    let granted = world.stack.invoke("grant-admin", json!({"email": "Ann@example.com"})).await.unwrap();
    assert_eq!(granted["user"]["role"], "admin");
    world.stack.kill("set-user-role").await;
    let changed = ann.client.put(&role(&bob.id), &developer).await;
    assert_eq!((changed.status, &changed.body["user"]["role"]), (200, &json!("developer")), "{}", changed.text);
    assert_eq!(bob.client.get("/api/auth/verify").await.body["user"]["role"], "developer");
    ann.client.put(&role(&ann.id), &developer).await.assert_problem(409, "OWN_ROLE");
    ann.client.put(&role("0123456789abcdef0123456789abcdef"), &developer).await.assert_problem(404, "NOT_FOUND");
    ann.client.put(&role(&bob.id), &json!({"role": "root"})).await.assert_problem(400, "INVALID_REQUEST");
    assert_eq!(world.client().login("bob@example.com", PASSWORD).await.body["user"]["role"], "developer");
}
