//! An unknown account looks like a wrong password.

use crate::world::World;

/// Row 16: same body, same status, same work. The work is compared by what it consists of: the DynamoDB calls, and
/// the argon2 hash that `aura::auth::password` makes for nobody as for somebody.
#[tokio::test]
async fn row_16_unknown_and_wrong_are_the_same() {
    let world = World::start().await;
    world.account("ann@example.com").await;
    // One sign-in each first, so that neither meets an empty rate-limit log.
    world.client().login("ann@example.com", "not the password").await;
    world.client().login("bob@example.com", "not the password").await;
    let mut seen = Vec::new();
    for email in ["ann@example.com", "bob@example.com"] {
        world.stack.clear_dynamodb_calls();
        let mut reply = world.client().login(email, "not the password").await;
        reply.assert_problem(401, "INVALID_CREDENTIALS");
        reply.body["requestId"] = "".into();
        let mut headers: Vec<_> = reply.headers.keys().map(|name| name.as_str().to_owned()).collect();
        headers.sort_unstable();
        let mut operations = world.operations("login");
        operations.sort_unstable();
        seen.push((reply.body, headers, operations));
    }
    assert_eq!(seen[0], seen[1]);
}
