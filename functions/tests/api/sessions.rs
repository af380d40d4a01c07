//! Refresh tokens and revocation.

use std::collections::HashSet;
use std::time::Duration;

use aura::auth::session;
use aura::clock::Clock;
use aura::limits::ClientIp;
use aura_local::When;
use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use crate::world::{PASSWORD, Session, World, now};

fn somewhere() -> ClientIp {
    ClientIp::new([127, 0, 0, 1].into())
}

#[tokio::test]
async fn refreshing_goes_on_and_on() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let mut refresh_token = session.refresh_token;
    for _ in 0..3 {
        let reply = world.client().refresh(&refresh_token).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        assert_eq!(
            world.client().with_token(reply.body["token"].as_str().unwrap()).get("/api/auth/verify").await.status,
            200
        );
        refresh_token = reply.body["refreshToken"].as_str().unwrap().to_owned();
    }
}

#[tokio::test]
async fn row_10_a_replay_after_the_grace_period_ends_the_session() {
    let world = World::start().await;
    let first = world.account("ann@example.com").await;
    let clock = Clock::manual(now());
    let app = world.app(&clock);
    let second = session::refresh(app, somewhere(), &first.refresh_token).await.unwrap();
    clock.advance(session::GRACE);
    // At the end of the grace period the same successor once more ...
    let again = session::refresh(app, somewhere(), &first.refresh_token).await.unwrap();
    assert_eq!(again.refresh_token, second.refresh_token);
    clock.advance(Duration::from_secs(1));
    // ... and after it the end, for the thief and for the owner.
    let replay = session::refresh(app, somewhere(), &first.refresh_token).await.unwrap_err();
    assert_eq!(replay.code(), "SESSION_ENDED");
    let owner = session::refresh(app, somewhere(), &second.refresh_token).await.unwrap_err();
    assert_eq!(owner.code(), "SESSION_ENDED");
}

#[tokio::test]
async fn row_11_two_generations_back_ends_the_session_at_once() {
    let world = World::start().await;
    let first = world.account("ann@example.com").await;
    let second = world.client().refresh(&first.refresh_token).await.body["refreshToken"].as_str().unwrap().to_owned();
    let third = world.client().refresh(&second).await.body["refreshToken"].as_str().unwrap().to_owned();
    world.client().refresh(&first.refresh_token).await.assert_problem(401, "SESSION_ENDED");
    world.client().refresh(&third).await.assert_problem(401, "SESSION_ENDED");
    world.stack.log_line("refresh", "refresh_token_reuse").await.unwrap();
}

#[tokio::test]
async fn row_12_forty_uses_have_one_successor() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let uses = (0..40).map(|i| {
        // Forty addresses, so that the limit on failures does not take part.
        let client = world.client_at([127, 0, 3, i + 1]);
        let token = session.refresh_token.clone();
        tokio::spawn(async move { client.refresh(&token).await })
    });
    let mut successors = HashSet::new();
    for reply in uses.collect::<Vec<_>>() {
        let reply = reply.await.unwrap();
        match reply.status {
            200 => drop(successors.insert(reply.body["refreshToken"].as_str().unwrap().to_owned())),
            _ => reply.assert_problem(503, "UNAVAILABLE"),
        }
    }
    assert_eq!(successors.len(), 1);
    let table = world.tables().scan().table_name("IdentityTable").send().await.unwrap().items.unwrap();
    let generations: Vec<_> = table.iter().filter_map(|item| item.get("gen")).collect();
    assert_eq!(generations, [&AttributeValue::N("1".into())], "one rotation");
    let successor = successors.into_iter().next().unwrap();
    assert_eq!(world.client().refresh(&successor).await.status, 200);
}

#[tokio::test]
async fn row_13_a_function_killed_after_the_commit_costs_nothing() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    world.stack.kill_on_dynamodb_call("refresh", "TransactWriteItems", When::After);
    let lost = world.client().refresh(&session.refresh_token).await;
    assert_eq!(lost.status, 502, "{}", lost.text);
    let retried = world.client().refresh(&session.refresh_token).await;
    assert_eq!(retried.status, 200, "{}", retried.text);
    let successor = retried.body["refreshToken"].as_str().unwrap();
    assert_eq!(world.client().refresh(&session.refresh_token).await.body["refreshToken"], successor);
    assert_eq!(world.client().refresh(successor).await.status, 200, "the session lives");
}

#[tokio::test]
async fn row_13_killed_before_any_call_the_token_still_works() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    for operation in ["BatchGetItem", "UpdateItem", "TransactWriteItems"] {
        world.stack.kill_on_dynamodb_call("refresh", operation, When::Before);
        assert_eq!(world.client().refresh(&session.refresh_token).await.status, 502, "{operation}");
    }
    assert_eq!(world.client().refresh(&session.refresh_token).await.status, 200);
}

#[tokio::test]
async fn row_13_a_lost_answer_of_dynamodb_is_asked_for_again() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let lose = Rule::new(Fault::LoseAnswer).function("refresh").operation("TransactWriteItems").times(1);
    world.stack.dynamodb_fault(lose);
    let reply = world.client().refresh(&session.refresh_token).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(world.client().refresh(reply.body["refreshToken"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn row_14_a_logout_between_read_and_write_wins() {
    let world = World::start().await;
    // The function that logs out is warm: it must be faster than the write below.
    let other = world.account("other@example.com").await;
    assert_eq!(other.client.post("/api/auth/logout", &json!({})).await.status, 200);
    for change in ["logout", "disabled", "epoch"] {
        let session = world.account(&format!("{change}@example.com")).await;
        world.stack.clear_dynamodb_calls();
        let slow =
            Rule::new(Fault::Delay(Duration::from_millis(1_200))).function("refresh").operation("TransactWriteItems");
        world.stack.dynamodb_fault(slow.times(1));
        let (client, token) = (world.client(), session.refresh_token.clone());
        let refresh = tokio::spawn(async move { client.refresh(&token).await });
        // The refresh has read the session, and its write is on the way.
        while !world.operations("refresh").contains(&"BatchGetItem".to_owned()) {
            tokio::task::yield_now().await;
        }
        match change {
            "logout" => assert_eq!(session.client.post("/api/auth/logout", &json!({})).await.status, 200),
            "disabled" => world.set_user(&session.id, "st", AttributeValue::S("disabled".into())).await,
            _ => world.set_user(&session.id, "epoch", AttributeValue::N("1".into())).await,
        }
        let reply = refresh.await.unwrap();
        world.stack.end_faults();
        if reply.status == 200 {
            // This machine was too slow for the race: the refresh was first, and what it gave out is dead by now.
            let late = world.client().refresh(reply.body["refreshToken"].as_str().unwrap()).await;
            late.assert_problem(401, "SESSION_ENDED");
        } else {
            reply.assert_problem(401, "SESSION_ENDED");
        }
    }
}

#[tokio::test]
async fn row_15_sessions_end_by_the_clock_not_by_deletion() {
    let world = World::with(|builder| builder.setting("REFRESH_TOKEN_EXPIRES_IN", "1h").ttl_sweep(None)).await;
    let clock = Clock::manual(now());
    let app = world.app(&clock);
    let idle = world.account("idle@example.com").await;
    let busy = world.account("busy@example.com").await;
    let mut token = busy.refresh_token;
    // Refreshed every half hour, a session ends after four lives all the same.
    for _ in 0..7 {
        clock.advance(Duration::from_secs(1_800));
        token = session::refresh(app, somewhere(), &token).await.unwrap().refresh_token;
    }
    // The sessions are a little younger than the clock.
    clock.advance(Duration::from_secs(1_860));
    assert_eq!(session::refresh(app, somewhere(), &token).await.unwrap_err().code(), "SESSION_ENDED");
    assert_eq!(session::refresh(app, somewhere(), &idle.refresh_token).await.unwrap_err().code(), "SESSION_ENDED");
}

#[tokio::test]
async fn forged_refresh_tokens_are_refused() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    let client = world.client_at([127, 0, 0, 5]);
    let (kept, last) = session.refresh_token.split_at(session.refresh_token.len() - 4);
    for forged in
        [String::new(), "aurart_".into(), session.token.clone(), format!("{kept}AAAA"), format!("x{kept}{last}")]
    {
        client.refresh(&forged).await.assert_problem(401, "INVALID_TOKEN");
    }
    client.post("/api/auth/refresh", &json!({"refreshToken": 7})).await.assert_problem(400, "INVALID_REQUEST");
    assert_eq!(client.refresh(&session.refresh_token).await.status, 200, "a forgery harms nobody");
}

/// Logout, a lost permission and a disabled account bite within 60 s, in an instance that has just seen them well.
#[tokio::test]
async fn revocation_bites_within_a_minute() {
    let world = World::start().await;
    let clock = Clock::manual(now());
    let app = world.app(&clock);
    for change in ["logout", "disabled"] {
        let session = world.account(&format!("{change}@example.com")).await;
        let claims = app.authority.verify(&session.token).await.unwrap();
        app.authority.confirm(&claims).await.unwrap();
        match change {
            "logout" => assert_eq!(session.client.post("/api/auth/logout", &json!({})).await.status, 200),
            _ => world.set_user(&session.id, "st", AttributeValue::S("disabled".into())).await,
        }
        clock.advance(Duration::from_secs(30));
        assert_eq!(app.authority.confirm(&claims).await.unwrap_err().code(), "SESSION_ENDED", "{change}");
        // And the function that ended it forgets at once.
        if change == "logout" {
            session.client.post("/api/auth/logout", &json!({})).await.assert_problem(401, "SESSION_ENDED");
        }
    }
    let session = world.account("role@example.com").await;
    let claims = app.authority.verify(&session.token).await.unwrap();
    world.set_user(&session.id, "role", AttributeValue::S("admin".into())).await;
    assert_eq!(app.authority.confirm(&claims).await.unwrap().user.role.name(), "admin");
    world.set_user(&session.id, "role", AttributeValue::S("user".into())).await;
    clock.advance(Duration::from_secs(30));
    assert_eq!(app.authority.confirm(&claims).await.unwrap().user.role.name(), "user");
}

#[tokio::test]
async fn calls_are_counted() {
    let world = World::start().await;
    let session = world.account("ann@example.com").await;
    world.client().login("ann@example.com", PASSWORD).await;
    session.client.get("/api/auth/verify").await;
    world.stack.clear_dynamodb_calls();

    session.client.get("/api/auth/verify").await;
    assert_eq!(world.operations("verify"), ["UpdateItem"], "a warm verify is the rate limit alone");

    let login = world.client().login("ann@example.com", PASSWORD).await;
    let mut operations = world.operations("login");
    operations.sort_unstable();
    // Round 1: three reservations and the credentials; round 2: the user; round 3: the session, three refunds and
    // the known address.
    let round_1_and_2 = ["GetItem"; 2].into_iter().chain(["PutItem"]).chain(["TransactWriteItems"]);
    assert_eq!(operations, round_1_and_2.chain(["UpdateItem"; 6]).collect::<Vec<_>>());

    let session = Session::of(world.client(), &login.body);
    let refreshed = world.client().refresh(&session.refresh_token).await;
    world.stack.clear_dynamodb_calls();
    world.client().refresh(refreshed.body["refreshToken"].as_str().unwrap()).await;
    let mut operations = world.operations("refresh");
    operations.sort_unstable();
    assert_eq!(operations, ["BatchGetItem", "TransactWriteItems", "UpdateItem", "UpdateItem"]);
}
