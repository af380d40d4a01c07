//! What the embedded engine never does: two writes that meet in the same moment.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::calendar::Date;
use crate::config::Config;

const CONFLICT: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"Transaction is ongoing for the item"}"#;
const CANCELED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled","CancellationReasons":[{"Code":"TransactionConflict","Message":"Transaction is ongoing for the item"},{"Code":"None"}]}"#;
const GONE: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"Transaction cancelled","CancellationReasons":[{"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"t":{"N":"7"}}},{"Code":"TransactionConflict"}]}"#;

/// A DynamoDB that answers from a script, and the bodies of the requests that it got.
async fn dynamodb(script: Vec<(u16, &'static str)>) -> (Store, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::<Mutex<Vec<String>>>::default();
    let kept = Arc::clone(&bodies);
    tokio::spawn(async move {
        for (status, answer) in script {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (mut request, mut buffer) = (Vec::new(), [0; 4_096]);
            let body = loop {
                let n = stream.read(&mut buffer).await.unwrap();
                assert!(n > 0, "the request is whole");
                request.extend_from_slice(&buffer[..n]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() == length.unwrap_or(0) {
                    break body.to_owned();
                }
            };
            kept.lock().unwrap().push(body);
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.write_all(format!("{head}{answer}").as_bytes()).await.unwrap();
        }
    });
    let config = Config::from_lookup(|name| match name {
        "AWS_ENDPOINT_URL_DYNAMODB" => Some(endpoint.clone()),
        "EPHEMERAL_TABLE" => Some("EphemeralTable".to_owned()),
        "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
        _ => None,
    });
    (Store::new(&config.unwrap()).unwrap(), bodies)
}

fn held() -> Held {
    let row = Row { user: UserId::from([1; 16]), day: 1, operation: "op".into(), model: "m".into() };
    Held { row, worst: Money::from_nanos(5), expires: Timestamp::from_secs(100) }
}

const TENANT: [u8; 16] = [2; 16];
const LEASE: [u8; 16] = [3; 16];

fn month() -> Month {
    Date::of(Timestamp::from_secs(0)).month
}

fn caps() -> Caps {
    let ten = Money::from_nanos(10);
    Caps { user_day: ten, user_month: ten, tenant_month: ten }
}

async fn settle(store: &Store) -> Result<Closed> {
    let held = held();
    let paid = Some((&held, Money::from_nanos(2)));
    let rows = vec![(held.row.clone(), Tally { calls: 1, ..Tally::default() })];
    let closing = Closing { leases: vec![LEASE.into()], paid, stale: &[], rows };
    close(store, TENANT.into(), month(), &closing).await
}

#[tokio::test]
async fn row_59_writes_that_meet_a_transaction_are_tried_again() {
    let (store, bodies) =
        dynamodb(vec![(400, CONFLICT), (400, CONFLICT), (200, "{}"), (400, CONFLICT), (200, "{}")]).await;
    let reserved = reserve(&store, TENANT.into(), month(), LEASE.into(), &held(), &caps()).await.unwrap();
    assert!(matches!(reserved, Reserved::Admitted(_)));
    release(&store, TENANT.into(), month(), LEASE.into(), &held()).await.unwrap();
    let bodies: Vec<_> =
        bodies.lock().unwrap().iter().map(|b| serde_json::from_str::<serde_json::Value>(b).unwrap()).collect();
    assert_eq!((&bodies[0], bodies.len()), (&bodies[2], 5));
}

#[tokio::test]
async fn row_59_a_settlement_is_the_same_one_whenever_it_is_tried() {
    let (store, bodies) = dynamodb(vec![(400, CANCELED), (400, CONFLICT), (200, "{}")]).await;
    assert!(matches!(settle(&store).await.unwrap(), Closed::Done));
    let bodies = bodies.lock().unwrap();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| body.contains(r#""ClientRequestToken":"03030303030303030303030303030303""#)));
}

#[tokio::test]
async fn row_60_a_ledger_that_stays_busy_is_given_up() {
    let (store, _) = dynamodb(vec![(400, CANCELED); TRIES as usize]).await;
    assert_eq!(settle(&store).await.unwrap_err().code(), "UNAVAILABLE");
    let (store, _) = dynamodb(vec![(400, CONFLICT); TRIES as usize]).await;
    let refused = reserve(&store, TENANT.into(), month(), LEASE.into(), &held(), &caps()).await;
    assert_eq!(refused.unwrap_err().code(), "UNAVAILABLE");
}

#[tokio::test]
async fn a_lease_that_is_gone_is_so_whatever_else_failed() {
    let (store, _) = dynamodb(vec![(400, GONE)]).await;
    let Closed::Gone(ledger) = settle(&store).await.unwrap() else { panic!("it is gone") };
    assert_eq!(ledger.total, Money::from_nanos(7));
}

/// Futures are spawned and boxed by whoever spends.
#[test]
fn every_step_can_move_between_threads() {
    fn moves<T: Send>(_: T) {}
    let config = Config::from_lookup(|_| None).unwrap();
    let store = Store::new(&config).unwrap();
    let (held, caps) = (held(), caps());
    moves(reserve(&store, TENANT.into(), month(), LEASE.into(), &held, &caps));
    moves(release(&store, TENANT.into(), month(), LEASE.into(), &held));
    moves(settle(&store));
    moves(rows(&store, TENANT.into(), month(), None));
}
