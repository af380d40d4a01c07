//! Row 26: every route, every role, every kind of credential. What is not declared is denied.

use aura_functions::route::{self, Access};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn row_26_every_route_for_every_caller() {
    let world = World::with(|builder| builder.setting("RATE_LIMIT_MAX_REQUESTS", "300")).await;
    let mut sessions = Vec::new();
    for role in aura::auth::Role::ALL {
        let session = world.account(&format!("{role}@example.com")).await;
        world.set_user(&session.id, "role", AttributeValue::S(role.name().into())).await;
        sessions.push((role, session));
    }
    for route in route::ALL.iter().filter(|route| !route.method.is_empty() && route.name != "logout") {
        let call = async |client: &crate::world::Client| match route.method {
            "GET" => client.get(route.path).await,
            _ => client.post(route.path, &json!({})).await,
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
        for (role, session) in &sessions {
            let reply = call(&session.client).await;
            let may = match route.access {
                Access::Public | Access::SignedIn => true,
                Access::May(permission) => role.may(permission),
            };
            if may {
                assert!(!matches!(reply.status, 401 | 403), "{role} at {}: {}", route.name, reply.text);
            } else {
                reply.assert_problem(403, "INSUFFICIENT_PERMISSIONS");
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
