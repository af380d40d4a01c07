//! Row 26: every route, every role, every kind of credential. What is not declared is denied.

use aura_functions::route::{self, Access, Body};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::{Client, World};

const ID: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn row_26_every_route_for_every_caller() {
    let world = World::with(|builder| builder.setting("RATE_LIMIT_MAX_REQUESTS", "300")).await;
    let mut callers = Vec::new();
    for role in aura::auth::Role::ALL {
        let session = world.account(&format!("{role}@example.com")).await;
        world.set_user(&session.id, "role", AttributeValue::S(role.name().into())).await;
        let all: Vec<_> = role.permissions().iter().map(|permission| permission.name()).collect();
        let key = world.client().with_token(&session.client.api_key(&all).await.0);
        // A scope that no route asks for: nothing but being somebody.
        let narrow = world.client().with_token(&session.client.api_key(&["collab:edit_document"]).await.0);
        callers.push((role, session.client, key, narrow));
    }
    for route in route::ALL.iter().filter(|route| !route.method.is_empty() && route.name != "logout") {
        let path = route.path.replace("{id}", ID).replace("{userId}", ID);
        let call = async |client: &Client| match route.method {
            "GET" => client.get(&path).await,
            "DELETE" if route.body != Body::None => client.delete_with(&path, &json!({})).await,
            "DELETE" => client.delete(&path).await,
            "PUT" => client.put(&path, &json!({})).await,
            _ => client.post(&path, &json!({})).await,
        };
        let anonymous = call(&world.client()).await;
        let forged = call(&world.client().with_token("e30.e30.e30")).await;
        if route.access == Access::Public {
            // Public routes do not look at tokens: a bad one neither helps nor harms.
            assert!(!matches!(anonymous.status, 401 | 403), "{}: {}", route.name, anonymous.text);
            assert_eq!(forged.status, anonymous.status, "{}", route.name);
            continue;
        }
        anonymous.assert_problem(401, "TOKEN_REQUIRED");
        forged.assert_problem(401, "INVALID_TOKEN");
        for (role, by_token, by_key, by_narrow_key) in &callers {
            let (token, key, narrow) = match route.access {
                Access::Public | Access::SignedIn => (true, true, true),
                Access::InPerson => (true, false, false),
                Access::May(permission) => (role.may(permission), role.may(permission), false),
                Access::InPersonMay(permission) => (role.may(permission), false, false),
            };
            for (client, may, kind) in
                [(by_token, token, "token"), (by_key, key, "key"), (by_narrow_key, narrow, "narrow key")]
            {
                let reply = call(client).await;
                if may {
                    assert!(!matches!(reply.status, 401 | 403), "{role} by {kind} at {}: {}", route.name, reply.text);
                } else {
                    assert_eq!(reply.status, 403, "{role} by {kind} at {}", route.name);
                    reply.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
                }
            }
        }
    }
}

#[tokio::test]
async fn only_unlimited_roles_have_no_ai_limit() {
    let world = World::with(|builder| builder.setting("AI_RATE_LIMIT_MAX_REQUESTS", "1")).await;
    let session = world.account("dev@example.com").await;
    world.set_user(&session.id, "role", AttributeValue::S("developer".into())).await;
    // The token was signed for a user: it asks for an admission, and the stored role does not take it back.
    let login = world.client().login("dev@example.com", crate::world::PASSWORD).await;
    let developer = world.client().with_token(login.body["token"].as_str().unwrap());
    for _ in 0..3 {
        assert_eq!(developer.form("a login form").await.status, 200);
    }
    // The role is lost, the token still says developer: the limit holds as soon as the instance has noticed.
    world.set_user(&session.id, "role", AttributeValue::S("user".into())).await;
    world.stack.kill("generate-form").await;
    assert_eq!(developer.form("a login form").await.status, 200);
    developer.form("a login form").await.assert_problem(429, "RATE_LIMITED");
}
