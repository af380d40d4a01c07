//! The ledger's steps in every order that callers, clocks and deaths can make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Clocks disagree by at most this much, either way.
const SKEW_SECS: i64 = 2;
const USERS: u8 = 3;

#[derive(Debug, Clone)]
enum Step {
    /// Somebody reserves.
    Reserve { user: u8, worst: u64, life: u64 },
    /// A holder settles: this share of its worst case, in percent.
    Settle { which: prop::sample::Index, percent: u64 },
    /// A holder gives its lease back.
    Release { which: prop::sample::Index },
    /// A holder dies.
    Die { which: prop::sample::Index },
    /// Somebody gets an answer that was known.
    Save { user: u8, saved: u64 },
    /// Somebody reads usage, of this month and the one before.
    Read,
}

fn steps() -> impl Strategy<Value = Vec<(u64, i64, Step)>> {
    let which = any::<prop::sample::Index>;
    let step = prop_oneof![
        6 => (0..USERS, 0_u64..60, 1_u64..600).prop_map(|(user, worst, life)| Step::Reserve { user, worst, life }),
        4 => (which(), 0_u64..=100).prop_map(|(which, percent)| Step::Settle { which, percent }),
        1 => which().prop_map(|which| Step::Release { which }),
        2 => which().prop_map(|which| Step::Die { which }),
        1 => (0..USERS, 1_u64..60).prop_map(|(user, saved)| Step::Save { user, saved }),
        1 => Just(Step::Read),
    ];
    // Mostly moments, sometimes hours, so that schedules cross midnights and the end of the month.
    let gap = prop_oneof![8 => 0_u64..120, 1 => 3_600_u64..40_000];
    prop::collection::vec((gap, -SKEW_SECS..=SKEW_SECS, step), 1..20)
}

fn user(n: u8) -> UserId {
    UserId::from([n + 1; 16])
}

/// What became of every admitted lease, kept apart from the ledger under test.
#[derive(Debug, Clone)]
struct Truth {
    month: Month,
    held: Held,
    spent: Option<Money>,
    unconfirmed: bool,
}

#[derive(Default)]
struct World {
    months: BTreeMap<Month, Ledger>,
    rows: BTreeMap<(Month, Row), Tally>,
    truth: BTreeMap<LeaseId, Truth>,
    holders: Vec<LeaseId>,
    endings: BTreeSet<LeaseId>,
    pruned: Vec<(Month, u8, UserId)>,
    saved: Money,
    issued: u128,
}

impl World {
    fn book(&mut self, month: Month, row: Row, tally: Tally) {
        let booked = self.rows.entry((month, row)).or_default();
        *booked = booked.plus(tally);
    }

    fn end(&mut self, id: LeaseId, spent: Money) -> bool {
        let month = self.truth[&id].month;
        let ended = self.months.entry(month).or_default().close(id, spent);
        if ended {
            assert!(self.endings.insert(id), "a lease ended twice");
            self.truth.get_mut(&id).unwrap().spent = Some(spent);
        }
        ended
    }

    /// What everybody does who sees a ledger.
    fn meet(&mut self, month: Month, now: Timestamp) {
        let ledger = self.months.entry(month).or_default();
        let overdue: Vec<_> = ledger.overdue(now).map(|(id, held)| (id, held.clone())).collect();
        for (id, held) in overdue {
            assert!(self.end(id, held.worst));
            self.truth.get_mut(&id).unwrap().unconfirmed = true;
            self.book(month, held.row, Tally::unconfirmed(held.worst));
        }
        assert_eq!(self.months[&month].overdue(now).count(), 0, "a lease outlived a meeting");
    }

    fn step(&mut self, step: &Step, now: Timestamp, caps: &Caps) {
        let Date { month, day } = Date::of(now);
        let holder = |world: &mut Self, which: &prop::sample::Index| {
            let n = world.holders.len();
            (n > 0).then(|| world.holders.swap_remove(which.index(n)))
        };
        match step {
            Step::Reserve { user: n, worst, life } => {
                self.issued += 1;
                let id = LeaseId::from(self.issued.to_be_bytes());
                let row = Row { user: user(*n), day, operation: "op".into(), model: "m".into() };
                let held = Held { row, worst: Money::from_nanos(*worst), expires: now + Duration::from_secs(*life) };
                let ledger = self.months.entry(month).or_default();
                let before = ledger.clone();
                if ledger.admit(id, &held, caps) {
                    assert!(!ledger.clone().admit(id, &held, caps), "a retried write is not a second lease");
                    self.truth.insert(id, Truth { month, held, spent: None, unconfirmed: false });
                    self.holders.push(id);
                } else {
                    assert_eq!(*ledger, before);
                    assert!(ledger.refusal(&held, month, caps).is_some(), "a refusal has a reason");
                }
                self.meet(month, now);
            }
            Step::Settle { which, percent } => {
                let Some(id) = holder(self, which) else { return };
                let Truth { month, held, .. } = self.truth[&id].clone();
                let spent = held.worst.share_up(*percent, 100);
                if self.end(id, spent) {
                    self.book(month, held.row.clone(), Tally { calls: 1, spent, ..Tally::default() });
                    // Days that are over go along with a settlement.
                    let ledger = self.months.entry(month).or_default();
                    let stale: Vec<_> = ledger.stale(held.row.day).collect();
                    for (day, user) in stale {
                        ledger.days.remove(&(day, user));
                        self.pruned.push((month, day, user));
                    }
                } else {
                    assert!(self.truth[&id].unconfirmed, "only an expired lease ends before its holder ends it");
                }
            }
            Step::Release { which } => {
                let Some(id) = holder(self, which) else { return };
                self.end(id, Money::ZERO);
            }
            Step::Die { which } => drop(holder(self, which)),
            Step::Save { user: n, saved } => {
                let row = Row { user: user(*n), day, operation: "op".into(), model: "m".into() };
                let saved = Money::from_nanos(*saved);
                self.saved = self.saved.plus(saved);
                self.book(month, row, Tally { hits: 1, saved, ..Tally::default() });
            }
            Step::Read => {
                self.meet(month, now);
                self.meet(month.previous(), now);
            }
        }
    }

    /// The invariant, computed from what became of each lease and not from the ledger's totals.
    fn check(&self, caps: &Caps) {
        // By month, by user and month, by user and day: settled plus live, as they should be and as they are booked.
        let (mut truth, mut booked) = (Sums::default(), Sums::default());
        let mut unconfirmed = BTreeMap::<Month, Money>::new();
        for Truth { month, held, spent, unconfirmed: of_nobody } in self.truth.values() {
            truth.add(*month, &held.row, spent.unwrap_or(held.worst));
            if *of_nobody {
                let sum = unconfirmed.entry(*month).or_default();
                *sum = sum.plus(held.worst);
            }
        }
        let mut marked = BTreeMap::<Month, Money>::new();
        for ((month, row), tally) in &self.rows {
            booked.add(*month, row, tally.spent);
            if tally.unconfirmed_calls > 0 {
                let sum = marked.entry(*month).or_default();
                *sum = sum.plus(tally.unconfirmed);
            }
        }
        for (&month, ledger) in &self.months {
            for held in ledger.leases.values() {
                booked.add(month, &held.row, held.worst);
            }
        }
        // Leases that were released are nowhere but in the truth, at nothing.
        truth.0.retain(|_, sum| *sum > Money::ZERO);
        booked.0.retain(|_, sum| *sum > Money::ZERO);
        assert_eq!(truth, booked);
        for (&(month, user, day), &sum) in &truth.0 {
            let ledger = &self.months[&month];
            let (scope, known) = match (user, day) {
                (None, _) => (Scope::TenantMonth, true),
                (Some(_), None) => (Scope::UserMonth, true),
                (Some(user), Some(day)) => (Scope::UserDay, !self.pruned.contains(&(month, day, user))),
            };
            assert!(sum <= caps.of(scope), "{scope:?}");
            if known {
                assert_eq!(ledger.used(scope, user.unwrap_or(self::user(0)), day.unwrap_or(0)), sum);
            }
        }
        let noted: Money = self.rows.values().map(|tally| tally.saved).sum();
        assert_eq!(noted, self.saved, "what was saved is noted, and spent nowhere");
        assert_eq!(unconfirmed.values().copied().sum::<Money>(), marked.values().copied().sum::<Money>());
    }
}

#[derive(Debug, Default, PartialEq)]
struct Sums(BTreeMap<(Month, Option<UserId>, Option<u8>), Money>);

impl Sums {
    fn add(&mut self, month: Month, row: &Row, money: Money) {
        for key in [(month, None, None), (month, Some(row.user), None), (month, Some(row.user), Some(row.day))] {
            let sum = self.0.entry(key).or_default();
            *sum = sum.plus(money);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100_000))]

    /// Rows 49 and 62: no schedule of callers, deaths and clocks spends more than a cap, books anything twice, or loses
    /// a lease.
    #[test]
    fn row_62_no_schedule_overspends(
        caps in (20_u64..150, 50_u64..300, 80_u64..500),
        start in 1_795_900_000_u64..1_796_083_200,
        schedule in steps(),
    ) {
        let [user_day, user_month, tenant_month] = [caps.0, caps.1, caps.2].map(Money::from_nanos);
        let caps = Caps { user_day, user_month, tenant_month };
        let mut world = World::default();
        let mut secs = start;
        for (gap, skew, step) in &schedule {
            secs += gap;
            world.step(step, Timestamp::from_secs(secs.saturating_add_signed(*skew)), &caps);
            world.check(&caps);
        }
        // When everything is over and has been met, each lease has ended in exactly one way.
        let end = Timestamp::from_secs(secs + 10_000);
        let months: Vec<_> = world.months.keys().copied().collect();
        for month in months {
            world.meet(month, end);
        }
        world.check(&caps);
        prop_assert_eq!(world.endings.len(), world.truth.len());
        prop_assert!(world.truth.values().all(|truth| truth.spent.is_some()));
    }
}

fn held(worst: u64, day: u8) -> Held {
    let row = Row { user: user(0), day, operation: "op".into(), model: "m".into() };
    Held { row, worst: Money::from_nanos(worst), expires: Timestamp::from_secs(100) }
}

fn id(n: u8) -> LeaseId {
    LeaseId::from([n; 16])
}

#[test]
fn a_refusal_names_the_budget_that_resets_last() {
    let caps = Caps {
        user_day: Money::from_dollars(1),
        user_month: Money::from_dollars(2),
        tenant_month: Money::from_dollars(3),
    };
    let month = Date::of(Timestamp::from_secs(1_795_440_540)).month;
    let mut ledger = Ledger::default();
    let dollar = Held { worst: Money::from_dollars(1), ..held(0, 23) };
    assert!(ledger.admit(id(1), &dollar, &caps));
    let says =
        |ledger: &Ledger, held: &Held| Error::OverBudget(ledger.refusal(held, month, &caps).unwrap()).to_string();
    assert_eq!(
        says(&ledger, &dollar),
        "This call may cost 1 USD, and 0 USD of the 1 USD per user and day are left until 2026-11-24T00:00:00Z."
    );
    let next_day = Held { row: Row { day: 24, ..dollar.row.clone() }, ..dollar.clone() };
    assert!(ledger.admit(id(2), &next_day, &caps));
    assert_eq!(
        says(&ledger, &next_day),
        "This call may cost 1 USD, and 0 USD of the 2 USD per user and month are left until 2026-12-01T00:00:00Z."
    );
}

#[test]
fn a_call_dearer_than_its_worst_case_is_booked_as_it_was() {
    let caps = Caps {
        user_day: Money::from_nanos(10),
        user_month: Money::from_nanos(10),
        tenant_month: Money::from_nanos(10),
    };
    let mut ledger = Ledger::default();
    assert!(ledger.admit(id(1), &held(10, 1), &caps));
    assert!(ledger.close(id(1), Money::from_nanos(12)));
    assert_eq!(ledger.total, Money::from_nanos(12));
    assert!(!ledger.admit(id(2), &held(0, 1), &caps), "not even what is free, until it resets");
}

#[test]
fn a_refusal_that_may_pass_is_told_from_one_that_does_not() {
    let ten = Money::from_nanos(10);
    let caps = Caps { user_day: ten, user_month: ten, tenant_month: ten };
    let month = Date::of(Timestamp::from_secs(1_795_440_540)).month;
    let mut ledger = Ledger::default();
    assert!(ledger.admit(id(1), &held(8, 1), &caps));
    let may_pass = |ledger: &Ledger| match ledger.refusal(&held(4, 1), month, &caps) {
        Some(OverBudget::Used { passing, .. }) => passing,
        other => panic!("{other:?}"),
    };
    assert!(may_pass(&ledger), "the call under way may cost less");
    assert!(ledger.close(id(1), Money::from_nanos(7)));
    assert!(!may_pass(&ledger));
}

#[test]
fn a_cap_of_nothing_admits_what_is_free_only() {
    let caps = Caps { user_day: Money::ZERO, user_month: Money::ZERO, tenant_month: Money::ZERO };
    let mut ledger = Ledger::default();
    assert!(ledger.admit(id(1), &held(0, 1), &caps));
    assert!(!ledger.admit(id(2), &held(1, 1), &caps));
}

#[test]
fn usage_is_told_in_dollars() {
    let month = Date::of(Timestamp::from_secs(1_795_440_540)).month;
    let mut usage = Usage::default();
    let row = |user, day| Row { user, day, operation: "summarize".into(), model: "gpt-6-luna".into() };
    let tally = Tally { calls: 1, spent: Money::from_nanos(1_500_000), ..Tally::default() };
    usage.add(month, vec![(row(user(0), 2), tally), (row(user(1), 2), tally), (row(user(0), 3), tally)]);
    let json = serde_json::to_value(&usage).unwrap();
    assert_eq!(json["spent"].to_string(), "0.0045");
    assert_eq!(json["lines"][0]["day"], "2026-11-03");
    assert_eq!(json["lines"][1]["calls"], 2);
    assert_eq!(json["lines"][1]["spent"].to_string(), "0.003");
}
