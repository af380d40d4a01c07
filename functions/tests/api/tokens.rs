//! Access tokens over HTTP; the verifier's own tests are beside it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::world::World;

/// The claims of a token, unverified.
pub fn claims(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("three segments");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON")
}

fn segment(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn rows_01_to_09_forged_tokens_get_one_answer() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let mut parts = session.token.split('.');
    let (header, body, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let none = segment(&json!({"alg": "none", "typ": "at+jwt", "kid": "k"}));
    let mut admin = claims(&session.token);
    admin["role"] = json!("admin");
    let path = segment(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "../../IdentityTable"}));
    let huge = segment(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "k".repeat(3_000)}));
    for forged in [
        format!("{none}.{body}."),
        format!("{none}.{body}.{signature}"),
        format!("{header}.{}.{signature}", segment(&admin)),
        format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
        format!("{header}.{body}"),
        format!("{}.{signature}", session.token),
        format!("{path}.{body}.{signature}"),
        format!("{huge}.{body}.{signature}"),
        session.refresh_token.clone(),
        "x".repeat(5_000),
    ] {
        let reply = world.client().with_token(&forged).get("/api/auth/verify").await;
        reply.assert_problem(401, "INVALID_TOKEN");
        assert_eq!(reply.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    let anonymous = world.client().get("/api/auth/verify").await;
    anonymous.assert_problem(401, "TOKEN_REQUIRED");
    assert_eq!(anonymous.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn row_04_unknown_key_ids_cost_one_read_a_minute() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    session.client.get("/api/auth/verify").await;
    world.stack.clear_dynamodb_calls();
    let (_, rest) = session.token.split_once('.').unwrap();
    for i in 0..20 {
        let header = segment(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": format!("unknown-{i}")}));
        world
            .client()
            .with_token(&format!("{header}.{rest}"))
            .get("/api/auth/verify")
            .await
            .assert_problem(401, "INVALID_TOKEN");
    }
    // The keys were read at init, less than a minute ago.
    assert_eq!(world.operations("verify"), [""; 0]);
}

#[tokio::test]
async fn the_published_keys_verify_the_tokens() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let keys = world.client().get("/.well-known/jwks.json").await;
    assert_eq!((keys.status, keys.header("cache-control")), (200, "public, max-age=60"));
    let key = &keys.body["keys"][0];
    let header = session.token.split('.').next().unwrap();
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({"alg": "EdDSA", "typ": "at+jwt", "kid": key["kid"]}));
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let x = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
    let (message, signature) = session.token.rsplit_once('.').unwrap();
    let verifier = aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, x);
    verifier.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    assert!(key.get("d").is_none(), "nothing private");
}
