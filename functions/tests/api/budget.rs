//! The ledger's writes as DynamoDB applies them: beside the pure ledger, raced, retried and cut off anywhere.

use std::collections::BTreeMap;
use std::time::Duration;

use aura::budget::{Budget, Lease, Ledger, Money, Payer, Row, Spent, Tally, Tokens};
use aura::calendar::Date;
use aura::clock::{Clock, Timestamp};
use aura::config::Config;
use aura::store::{self, Store};
use aura::{Error, TenantId, UserId};
use aura_local::{DynamoDbFault as Fault, DynamoDbRule as Rule};
use serde_json::Value;

use crate::world::World;

/// The function as which this process spends: its policy, its faults, its counts.
const SPENDER: &str = "generate-form";
const LIFE: Duration = Duration::from_secs(30);
/// 2026-11-30T23:50:00Z.
pub const START: Timestamp = Timestamp::from_secs(1_796_082_600);

/// The settings of the spender, with these budgets in nano-dollars: a user's day, a user's month, a tenant's month.
pub fn config(world: &World, key: &str, caps: [u64; 3]) -> Config {
    let environment = world.stack.addresses()["environment"][SPENDER].clone();
    let dollars = |nanos: u64| Some(Money::from_nanos(nanos).to_string());
    let lookup = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some(key.to_owned()),
        "BUDGET_USER_DAY" => dollars(caps[0]),
        "BUDGET_USER_MONTH" => dollars(caps[1]),
        "BUDGET_TENANT_MONTH" => dollars(caps[2]),
        name => environment.get(name).and_then(Value::as_str).map(str::to_owned),
    };
    Config::from_lookup(lookup).expect("settings")
}

/// A ledger, its operator's view and a clock.
pub struct Bank {
    pub world: World,
    /// As a function has it.
    budget: Budget,
    /// As an operator has it: never hit by a fault.
    auditor: Budget,
    pub store: Store,
    clock: Clock,
}

impl Bank {
    pub async fn open(caps: [u64; 3]) -> Self {
        let world = World::start().await;
        let clock = Clock::manual(START);
        let budget = |key: &str| {
            let config = config(&world, key, caps);
            let store = Store::new(&config).expect("a store");
            (Budget::new(store.clone(), &config, clock.clone()), store)
        };
        let (spender, _) = budget(&format!("AKIALOCAL.{SPENDER}"));
        let (auditor, store) = budget("operator");
        Self { world, budget: spender, auditor, store, clock }
    }

    async fn reserve(&self, payer: Payer, nanos: u64) -> Result<Lease, Error> {
        self.budget.reserve(payer, "summarize", "gpt-6-luna", Money::from_nanos(nanos), LIFE).await
    }

    async fn ledger(&self, payer: Payer) -> Ledger {
        store::budget::ledger(&self.store, payer.tenant, Date::of(START).month).await.expect("the ledger")
    }

    async fn rows(&self, payer: Payer) -> BTreeMap<Row, Tally> {
        let rows = store::budget::rows(&self.store, payer.tenant, Date::of(START).month, None).await.expect("the rows");
        rows.into_iter().collect()
    }

    /// The only row's tally; nothing if there is none.
    async fn tally(&self, payer: Payer) -> Tally {
        let rows = self.rows(payer).await;
        assert!(rows.len() <= 1);
        rows.into_values().next().unwrap_or_default()
    }

    /// Everything has ended, and the rows are the ledger.
    async fn assert_balanced(&self, payer: Payer, total: u64) {
        let ledger = self.ledger(payer).await;
        assert!(ledger.leases.is_empty());
        let booked: Money = self.rows(payer).await.values().map(|tally| tally.spent).sum();
        assert_eq!((ledger.total.nanos(), booked.nanos()), (total, total));
        assert_eq!(ledger.users.values().copied().sum::<Money>(), booked);
    }

    fn fault(&self, fault: Fault, operation: &str) {
        self.world.stack.dynamodb_fault(Rule::new(fault).function(SPENDER).operation(operation));
    }

    fn fault_once(&self, fault: Fault, operation: &str) {
        self.world.stack.dynamodb_fault(Rule::new(fault).function(SPENDER).operation(operation).times(1));
    }

    /// The caller is cut off at its next such call, before or after it took effect: no further try gets through.
    fn cut(&self, operation: &str, applied: bool) {
        if applied {
            self.fault_once(Fault::LoseAnswer, operation);
        }
        self.fault(Fault::Dark, operation);
    }
}

fn payer(n: u8) -> Payer {
    Payer { tenant: TenantId::from([n; 16]), user: UserId::from([n; 16]) }
}

pub fn spent(nanos: u64) -> Spent {
    let tokens = Tokens { prompt: 10, cached: 4, completion: 3 };
    Spent { model: "gpt-6-luna".into(), money: Money::from_nanos(nanos), unconfirmed: Money::ZERO, tokens }
}

#[tokio::test]
async fn row_49_forty_parallel_reservations_at_a_cap_for_five() {
    for caps in [[509, 100_000, 100_000], [100_000, 509, 100_000], [100_000, 100_000, 509]] {
        let bank = std::sync::Arc::new(Bank::open(caps).await);
        let calls: Vec<_> = (0..40)
            .map(|_| {
                let bank = std::sync::Arc::clone(&bank);
                tokio::spawn(async move { bank.reserve(payer(1), 100).await })
            })
            .collect();
        let mut admitted = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(lease) => {
                    admitted += 1;
                    drop(lease);
                }
                Err(Error::OverBudget(_)) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(admitted, 5);
        assert_eq!(bank.ledger(payer(1)).await.total.nanos(), 500);
        let refused = bank.reserve(payer(1), 10).await.unwrap_err();
        assert_eq!(refused.code(), "BUDGET_EXCEEDED");
        assert!(refused.to_string().contains("0.000000009 USD of the 0.000000509 USD"), "{refused}");
        drop(bank.reserve(payer(1), 9).await.unwrap());
    }
}

#[tokio::test]
async fn row_59_an_answer_that_was_lost_counts_once() {
    let bank = Bank::open([1_000; 3]).await;
    let payer = payer(1);
    bank.fault_once(Fault::LoseAnswer, "UpdateItem");
    let first = bank.reserve(payer, 600).await.unwrap();
    assert_eq!(bank.ledger(payer).await.total.nanos(), 600);
    bank.fault_once(Fault::LoseAnswer, "TransactWriteItems");
    bank.budget.settle(first, spent(250)).await.unwrap();
    bank.assert_balanced(payer, 250).await;
    let expected = Tally { calls: 1, spent: Money::from_nanos(250), tokens: spent(0).tokens, ..Tally::default() };
    assert_eq!(bank.tally(payer).await, expected);

    let second = bank.reserve(payer, 700).await.unwrap();
    bank.fault_once(Fault::LoseAnswer, "UpdateItem");
    bank.budget.release(second).await.unwrap();
    bank.assert_balanced(payer, 250).await;

    bank.fault_once(Fault::LoseAnswer, "UpdateItem");
    bank.budget.note_saving(payer, "summarize", "gpt-6-luna", Money::from_nanos(40)).await.unwrap();
    let tally = bank.tally(payer).await;
    assert_eq!((tally.hits, tally.saved.nanos(), tally.calls), (1, 40, 1));
    bank.assert_balanced(payer, 250).await;
}

#[tokio::test]
async fn row_62_a_caller_killed_anywhere_leaves_nothing_free_and_nothing_twice() {
    let bank = Bank::open([10_000; 3]).await;
    // (killed in, after the write took effect) and what is booked when the lease has expired: spent, unconfirmed.
    for (n, (killed_in, applied, total, unconfirmed)) in [
        ("reserve", false, 0, 0),
        ("reserve", true, 100, 100),
        ("call", true, 100, 100),
        ("settle", false, 100, 100),
        ("settle", true, 30, 0),
        ("release", false, 100, 100),
        ("release", true, 0, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let payer = payer(u8::try_from(n).unwrap());
        if killed_in == "reserve" {
            bank.cut("UpdateItem", applied);
            assert_eq!(bank.reserve(payer, 100).await.unwrap_err().code(), "UNAVAILABLE");
        } else {
            let lease = bank.reserve(payer, 100).await.unwrap();
            let error = match killed_in {
                "settle" => {
                    bank.cut("TransactWriteItems", applied);
                    bank.budget.settle(lease, spent(30)).await.unwrap_err().code()
                }
                "release" => {
                    bank.cut("UpdateItem", applied);
                    bank.budget.release(lease).await.unwrap_err().code()
                }
                _ => "UNAVAILABLE",
            };
            assert_eq!(error, "UNAVAILABLE");
        }
        bank.world.stack.end_faults();
        // Held, or ended, and never above what may be.
        let before = bank.auditor.usage(payer, 1).await.unwrap();
        assert_eq!(before.unconfirmed, Money::ZERO, "{killed_in} {applied}");
        bank.clock.advance(LIFE + Duration::from_secs(1));
        // Met by several at once, and once more.
        let (a, b, c) = tokio::join!(
            bank.auditor.usage(payer, 1),
            bank.auditor.tenant_usage(payer.tenant, 1),
            bank.budget.reserve(payer, "other", "m", Money::ZERO, LIFE),
        );
        bank.budget.release(c.unwrap()).await.unwrap();
        drop((a.unwrap(), b.unwrap()));
        let usage = bank.auditor.usage(payer, 1).await.unwrap();
        let seen = (usage.spent.nanos(), usage.unconfirmed.nanos(), usage.reserved.nanos());
        assert_eq!(seen, (total, unconfirmed, 0), "{killed_in} {applied}");
        bank.assert_balanced(payer, total).await;
    }
}

#[tokio::test]
async fn row_62_a_settlement_after_the_sweep_changes_nothing() {
    let bank = Bank::open([1_000; 3]).await;
    let payer = payer(1);
    let (late, late_too) = (bank.reserve(payer, 100).await.unwrap(), bank.reserve(payer, 200).await.unwrap());
    bank.clock.advance(LIFE + Duration::from_secs(1));
    // Expired and not met: still as good as ever.
    let met = bank.reserve(payer, 1).await.unwrap();
    assert_eq!(bank.tally(payer).await.unconfirmed.nanos(), 300);
    bank.budget.settle(late, spent(10)).await.unwrap();
    bank.budget.release(late_too).await.unwrap();
    bank.budget.release(met).await.unwrap();
    bank.assert_balanced(payer, 300).await;
    let tally = bank.tally(payer).await;
    assert_eq!((tally.calls, tally.unconfirmed_calls, tally.tokens), (2, 2, Tokens::default()));
}

#[tokio::test]
async fn row_62_an_expired_lease_that_nobody_met_can_still_be_settled() {
    let bank = Bank::open([1_000; 3]).await;
    let lease = bank.reserve(payer(1), 100).await.unwrap();
    bank.clock.advance(LIFE * 2);
    bank.budget.settle(lease, spent(10)).await.unwrap();
    bank.assert_balanced(payer(1), 10).await;
    assert_eq!(bank.tally(payer(1)).await.unconfirmed_calls, 0);
}

#[tokio::test]
async fn row_59_without_dynamodb_nothing_is_spent() {
    let bank = Bank::open([1_000; 3]).await;
    for fault in [Fault::Dark, Fault::Throttling, Fault::InternalServerError] {
        bank.fault(fault, "UpdateItem");
        assert_eq!(bank.reserve(payer(1), 1).await.unwrap_err().code(), "UNAVAILABLE", "{fault:?}");
        bank.world.stack.end_faults();
    }
    assert_eq!(bank.ledger(payer(1)).await, Ledger::default());
}

#[tokio::test]
async fn a_request_may_cost_no_more_than_its_own_cap() {
    let bank = Bank::open([10_000_000_000; 3]).await;
    bank.world.stack.clear_dynamodb_calls();
    let refused = bank.reserve(payer(1), 250_000_001).await.unwrap_err();
    assert_eq!(refused.code(), "BUDGET_EXCEEDED");
    let sentence =
        "This call may cost 0.250000001 USD, more than the 0.25 USD that one request may cost: send a smaller one.";
    assert_eq!(refused.to_string(), sentence);
    assert!(bank.world.stack.dynamodb_calls(SPENDER).is_empty(), "known without asking");
    drop(bank.reserve(payer(1), 250_000_000).await.unwrap());
}

#[tokio::test]
async fn a_cap_below_one_call_refuses_the_first() {
    let bank = Bank::open([0, 1_000, 1_000]).await;
    let refused = bank.reserve(payer(1), 5).await.unwrap_err();
    let sentence = "This call may cost 0.000000005 USD, and 0 USD of the 0 USD per user and day are left until 2026-12-01T00:00:00Z.";
    assert_eq!(refused.to_string(), sentence);
    assert_eq!(bank.ledger(payer(1)).await, Ledger::default());
}

#[tokio::test]
async fn steps_cost_few_units() {
    let bank = Bank::open([1_000_000; 3]).await;
    let payer = payer(1);
    // With two leases under way: the item stays below a kilobyte, the size of a unit.
    let others: Vec<_> = [bank.reserve(payer, 1).await.unwrap(), bank.reserve(payer, 1).await.unwrap()].into();
    bank.world.stack.clear_dynamodb_calls();
    let lease = bank.reserve(payer, 100).await.unwrap();
    bank.budget.settle(lease, spent(30)).await.unwrap();
    let lease = bank.reserve(payer, 100).await.unwrap();
    bank.budget.release(lease).await.unwrap();
    bank.budget.note_saving(payer, "summarize", "gpt-6-luna", Money::from_nanos(40)).await.unwrap();
    let calls = bank.world.stack.dynamodb_calls(SPENDER);
    let units: Vec<_> = calls.iter().map(|call| (call.operation.as_str(), call.capacity)).collect();
    assert_eq!(
        units,
        [
            ("UpdateItem", Some(1.0)),
            ("TransactWriteItems", Some(4.0)),
            ("UpdateItem", Some(1.0)),
            ("UpdateItem", Some(1.0)),
            ("UpdateItem", Some(1.0)),
        ]
    );
    drop(others);
}

#[tokio::test]
async fn days_that_are_over_leave_the_ledger() {
    let bank = Bank::open([1_000_000; 3]).await;
    let start = Date::of(START).month.start();
    let clock = Clock::manual(start);
    let config = config(&bank.world, "operator", [1_000_000; 3]);
    let budget = Budget::new(bank.store.clone(), &config, clock.clone());
    for day in 1..=30 {
        let lease = budget.reserve(payer(1), "op", "m", Money::from_nanos(10), LIFE).await.unwrap();
        budget.settle(lease, spent(7)).await.unwrap();
        let ledger = bank.ledger(payer(1)).await;
        assert!(ledger.days.len() <= 2, "day {day}: {:?}", ledger.days);
        clock.advance(Duration::from_secs(86_400));
    }
    bank.assert_balanced(payer(1), 30 * 7).await;
    assert_eq!(bank.rows(payer(1)).await.len(), 30);
}
