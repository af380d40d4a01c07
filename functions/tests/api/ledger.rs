//! The ledger in DynamoDB beside the pure one, step for step.

use std::collections::BTreeMap;
use std::time::Duration;

use aura::budget::{Budget, Caps, Held, Lease, Ledger, Money, Payer, Row, Spent, Tally};
use aura::calendar::{Date, Month};
use aura::clock::{Clock, Timestamp};
use aura::store::{self, Store};
use aura::{Error, LeaseId, TenantId, UserId};

use crate::budget::{Bank, START, config, spent};

/// A repeatable source of numbers below a bound.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// What the pure ledger makes of a schedule.
#[derive(Default)]
struct Model {
    months: BTreeMap<Month, Ledger>,
    rows: BTreeMap<(Month, Row), Tally>,
    issued: u128,
}

struct Holder {
    lease: Lease,
    id: LeaseId,
    month: Month,
    held: Held,
    stale: Vec<(u8, UserId)>,
}

impl Model {
    fn book(&mut self, month: Month, row: Row, tally: Tally) {
        let booked = self.rows.entry((month, row)).or_default();
        *booked = booked.plus(tally);
    }

    fn meet(&mut self, month: Month, now: Timestamp) {
        let ledger = self.months.entry(month).or_default();
        let overdue: Vec<_> = ledger.overdue(now).map(|(id, held)| (id, held.clone())).collect();
        for (id, held) in overdue {
            assert!(self.months.entry(month).or_default().close(id, held.worst));
            self.book(month, held.row, Tally::unconfirmed(held.worst));
        }
    }

    async fn assert_same(&self, store: &Store, tenant: TenantId) {
        let sorted = |ledger: &Ledger| {
            let mut held: Vec<_> = ledger.leases.values().cloned().collect();
            held.sort_by_key(|held| (held.row.clone(), held.worst, held.expires));
            held
        };
        for (&month, expected) in &self.months {
            let actual = store::budget::ledger(store, tenant, month).await.expect("the ledger");
            assert_eq!((actual.total, &actual.users), (expected.total, &expected.users));
            assert_eq!(actual.days, expected.days);
            assert_eq!(sorted(&actual), sorted(expected));
            let rows: BTreeMap<_, _> =
                store::budget::rows(store, tenant, month, None).await.expect("the rows").into_iter().collect();
            let expected: BTreeMap<_, _> = self
                .rows
                .iter()
                .filter(|((m, _), _)| *m == month)
                .map(|((_, row), tally)| (row.clone(), *tally))
                .collect();
            assert_eq!(rows, expected);
        }
    }
}

/// The conditional writes do what the pure ledger does, step for step, across midnights, the end of a month, deaths
/// and clocks that disagree.
#[tokio::test]
async fn row_62_dynamodb_does_as_the_pure_ledger_does() {
    const CAPS: [u64; 3] = [120, 260, 400];
    let bank = Bank::open(CAPS).await;
    let [user_day, user_month, tenant_month] = CAPS.map(Money::from_nanos);
    let caps = Caps { user_day, user_month, tenant_month };
    let mut refused = 0;
    for schedule in 0..25_u8 {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15 ^ u64::from(schedule + 1));
        let tenant = TenantId::from([100 + schedule; 16]);
        let clocks: Vec<_> = [0, 2, 4].map(|skew| Clock::manual(START + Duration::from_secs(skew))).into();
        let budgets: Vec<_> = clocks
            .iter()
            .map(|clock| Budget::new(bank.store.clone(), &config(&bank.world, "operator", CAPS), clock.clone()))
            .collect();
        let (mut model, mut holders) = (Model::default(), Vec::<Holder>::new());
        for _ in 0..40 {
            let gap = if dice.below(10) == 0 { dice.below(60_000) } else { dice.below(40) };
            clocks.iter().for_each(|clock| clock.advance(Duration::from_secs(gap)));
            let at = usize::try_from(dice.below(3)).unwrap();
            let (budget, now) = (&budgets[at], clocks[at].now());
            let Date { month, day } = Date::of(now);
            let payer = Payer { tenant, user: UserId::from([u8::try_from(dice.below(3)).unwrap() + 1; 16]) };
            let any = |dice: &mut Dice, holders: &mut Vec<Holder>| {
                let n = u64::try_from(holders.len()).unwrap();
                (n > 0).then(|| holders.swap_remove(usize::try_from(dice.below(n)).unwrap()))
            };
            match dice.below(14) {
                0..6 => {
                    let (worst, life) = (Money::from_nanos(dice.below(60)), Duration::from_secs(1 + dice.below(300)));
                    let reserved = budget.reserve(payer, "op", "m", worst, life).await;
                    model.issued += 1;
                    let id = LeaseId::from(model.issued.to_be_bytes());
                    let row = Row { user: payer.user, day, operation: "op".into(), model: "m".into() };
                    let held = Held { row, worst, expires: Timestamp::from_secs((now + life).secs() + 1) };
                    let ledger = model.months.entry(month).or_default();
                    let admitted = ledger.admit(id, &held, &caps);
                    let stale = ledger.stale(day).collect();
                    match reserved {
                        Ok(lease) if admitted => holders.push(Holder { lease, id, month, held, stale }),
                        Err(Error::OverBudget(over)) if !admitted => {
                            refused += 1;
                            assert_eq!(Some(over), ledger.refusal(&held, month, &caps));
                        }
                        other => panic!("{other:?} instead of {admitted}"),
                    }
                    model.meet(month, now);
                }
                6..10 => {
                    let Some(Holder { lease, id, month, held, stale }) = any(&mut dice, &mut holders) else { continue };
                    let money = held.worst.share_up(dice.below(101), 100);
                    budget.settle(lease, Spent { model: "m".into(), ..spent(money.nanos()) }).await.unwrap();
                    let ledger = model.months.entry(month).or_default();
                    if ledger.close(id, money) {
                        for key in stale {
                            ledger.days.remove(&key);
                        }
                        let tally = Tally { calls: 1, spent: money, tokens: spent(0).tokens, ..Tally::default() };
                        model.book(month, held.row, tally);
                    }
                }
                10 => {
                    let Some(Holder { lease, id, month, .. }) = any(&mut dice, &mut holders) else { continue };
                    budget.release(lease).await.unwrap();
                    model.months.entry(month).or_default().close(id, Money::ZERO);
                }
                11 => drop(any(&mut dice, &mut holders)),
                12 => {
                    budget.note_saving(payer, "op", "m", Money::from_nanos(5)).await.unwrap();
                    let row = Row { user: payer.user, day, operation: "op".into(), model: "m".into() };
                    model.months.entry(month).or_default();
                    model.book(month, row, Tally { hits: 1, saved: Money::from_nanos(5), ..Tally::default() });
                }
                _ => {
                    drop(budget.usage(payer, 2).await.unwrap());
                    model.meet(month, now);
                    model.meet(month.previous(), now);
                }
            }
            model.assert_same(&bank.store, tenant).await;
        }
    }
    assert!(refused > 20, "the caps were met {refused} times only");
}
