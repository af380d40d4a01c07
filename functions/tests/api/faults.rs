//! Functions that die and DynamoDB that hesitates.

use aura_local::When;
use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};

use crate::world::{PASSWORD, World};

#[tokio::test]
async fn a_registration_killed_anywhere_leaves_all_or_nothing() {
    let world = World::start().await;
    for (i, (operation, when)) in [
        ("UpdateItem", When::Before),
        ("TransactWriteItems", When::Before),
        ("TransactWriteItems", When::After),
        ("PutItem", When::Before),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("user{i}@example.com");
        world.stack.kill_on_dynamodb_call("register", operation, when);
        assert_eq!(world.client().register(&email, PASSWORD).await.status, 502, "{operation} {when:?}");
        let committed = (operation, when) == ("TransactWriteItems", When::After) || operation == "PutItem";
        let login = world.client_at([127, 0, 0, 2]).login(&email, PASSWORD).await;
        assert_eq!(login.status, if committed { 200 } else { 401 }, "{operation} {when:?}: {}", login.text);
        let again = world.client().register(&email, PASSWORD).await;
        assert_eq!(again.status, if committed { 409 } else { 201 }, "{operation} {when:?}: {}", again.text);
    }
}

#[tokio::test]
async fn one_hiccup_of_dynamodb_is_not_noticed() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    for fault in
        [Fault::Throttling, Fault::ProvisionedThroughputExceeded, Fault::InternalServerError, Fault::LoseAnswer]
    {
        world.stack.dynamodb_fault(Rule::new(fault).times(1));
        assert_eq!(session.client.get("/api/auth/verify").await.status, 200, "{fault:?}");
        world.stack.end_faults();
        world.stack.dynamodb_fault(Rule::new(fault).times(1));
        let login = world.client().login("ann@example.com", PASSWORD).await;
        assert_eq!(login.status, 200, "{fault:?}: {}", login.text);
        world.stack.end_faults();
    }
}

/// A write whose answer was lost is not counted twice: the limiter recognises its own admission.
#[tokio::test]
async fn a_lost_answer_costs_one_admission_only() {
    let world = World::with(|builder| builder.setting("RATE_LIMIT_MAX_REQUESTS", "4")).await;
    let session = world.account("ann@example.com").await;
    for left in [3, 2, 1, 0] {
        world.stack.dynamodb_fault(Rule::new(Fault::LoseAnswer).function("verify").operation("UpdateItem").times(1));
        let reply = session.client.get("/api/auth/verify").await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert!(
            reply.header("ratelimit").starts_with(&format!("\"default\";r={left};")),
            "{}",
            reply.header("ratelimit")
        );
        world.stack.end_faults();
    }
    session.client.get("/api/auth/verify").await.assert_problem(429, "RATE_LIMITED");
}
