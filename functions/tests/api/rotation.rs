//! Rotation of the signing key, by the protocol of Secrets Manager.

use serde_json::json;

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_rotation_disturbs_nobody() {
    let world = World::start().await;
    let before = world.account("ann@example.com").await;
    assert_eq!(before.client.get("/api/auth/verify").await.status, 200);
    for rotation in 1..=2 {
        world.stack.rotate("SigningKeySecret").await.unwrap();
        // Warm and cold functions alike accept what was signed before.
        assert_eq!(before.client.get("/api/auth/verify").await.status, 200);
        world.stack.kill("verify").await;
        world.stack.kill("login").await;
        world.stack.kill("jwks").await;
        assert_eq!(before.client.get("/api/auth/verify").await.status, 200);
        // The new key is public, and the old one signs until every verifier has it.
        let login = world.client().login("ann@example.com", PASSWORD).await;
        let after = world.client().with_token(login.body["token"].as_str().unwrap());
        assert_eq!(after.get("/api/auth/verify").await.status, 200);
        let keys = world.client().get("/.well-known/jwks.json").await;
        assert_eq!(keys.body["keys"].as_array().unwrap().len(), rotation + 1);
        let kid = |token: &str| token.split('.').next().unwrap().to_owned();
        assert_eq!(kid(login.body["token"].as_str().unwrap()), kid(&before.token));
    }
    assert_eq!(world.client().refresh(&before.refresh_token).await.status, 200, "refresh tokens outlive rotations");
}

#[tokio::test]
async fn steps_may_be_repeated_and_other_secrets_are_refused() {
    let world = World::start().await;
    let event =
        |step: &str, secret: &str| json!({"Step": step, "SecretId": secret, "ClientRequestToken": "0".repeat(32)});
    let foreign = event("createSecret", "arn:aws:secretsmanager:us-east-1:000000000000:secret:Other-abcdef");
    let refused = world.stack.invoke("rotate-signing-key", foreign).await.unwrap_err().to_string();
    assert!(refused.contains("INVALID_REQUEST"), "{refused}");
    let malformed =
        world.stack.invoke("rotate-signing-key", json!({"Step": "dropTables"})).await.unwrap_err().to_string();
    assert!(malformed.contains("INVALID_REQUEST"), "{malformed}");
}

#[tokio::test]
async fn before_the_first_key_sign_in_says_so() {
    let world = World::with(|builder| builder.rotate(false)).await;
    world.client().register("ann@example.com", PASSWORD).await.assert_problem(503, "UNAVAILABLE");
    world.client().get("/ready").await.assert_problem(503, "UNAVAILABLE");
    world.stack.rotate("SigningKeySecret").await.unwrap();
    assert_eq!(world.client().register("bob@example.com", PASSWORD).await.status, 201, "without a restart");
    assert_eq!(world.client().get("/ready").await.status, 200);
}
