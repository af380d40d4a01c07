//! Leases of money: a paid call first puts its worst case aside, and says afterwards what it did cost.
//!
//! **Invariant.** For every user's day, user's month and tenant's month: what is settled plus what is held by live
//! leases is at most the cap, at every moment, in every interleaving of callers, whatever dies wherever.
//!
//! *Proof.* One item per tenant and month holds one total per scope, equal to settled plus held. DynamoDB serialises
//! the writes of an item, and each of them keeps the equality:
//!
//! - *reserve* adds the worst case to all three totals and stores the lease, in one UpdateItem on condition that each
//!   total is at most its cap less the worst case. So afterwards each is at most its cap.
//! - *settle* and *release* remove the lease and lower the totals by what was not spent, on condition that the lease is
//!   there: at most once per lease. No total rises.
//! - an *expired* lease is removed by whoever meets it, on the same condition, and the totals stay: all of it counts as
//!   spent, marked unconfirmed.
//!
//! A caller that dies in between leaves a lease, which is in the totals until it is settled or expires, and after that
//! too. What is settled is written to a row of usage in the same transaction, so the rows add up to the totals. ∎
//!
//! The proof needs calls to cost at most their worst case. One that cost more is booked as it was, since the provider
//! has charged it, and logged as the fault it is.
//!
//! What can happen to a lease, in the end exactly one of: settled, released, unconfirmed. A settlement that comes after
//! its lease has expired and was met changes nothing: the worst case stays booked. When DynamoDB does not answer a
//! reservation, the call is refused; if the write took effect all the same, it ends as unconfirmed.
//!
//! Deliberately absent: days and months other than UTC's, budgets of single users, refunds of what was settled.

pub mod ledger;
pub mod report;

use std::time::Duration;

use crate::calendar::{Date, Month};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::error::OverBudget;
use crate::random::Random;
use crate::store::budget::{Closed, Closing, Reserved};
use crate::store::{self, Store};
use crate::{Error, LeaseId, Result, TenantId, UserId};

pub use crate::money::Money;
pub use crate::prices::Tokens;
pub use ledger::{Caps, Held, Ledger, Payer, Row, Scope, Tally};
pub use report::{Line, Standing, Usage};

/// Expired leases that one transaction ends; DynamoDB takes a hundred items.
const BATCH: usize = 50;
/// How often a sweep loses a lease to another one before it leaves the rest to it.
const RACES: usize = 5;
/// How far back usage is told; it is kept for a month more.
pub const MONTHS: u32 = 12;

/// Money put aside for one call. Settle it, or release it if the call was certainly not made; dropped, it counts as
/// spent when it expires.
#[must_use = "settle or release it: dropped, it counts as spent"]
#[derive(Debug)]
pub struct Lease {
    payer: Payer,
    month: Month,
    id: LeaseId,
    held: Held,
    stale: Vec<(u8, UserId)>,
}

impl Lease {
    /// What is put aside.
    pub fn worst(&self) -> Money {
        self.held.worst
    }
}

/// What a call did cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The model that was charged, which may be another than was planned.
    pub model: String,
    /// All of it.
    pub money: Money,
    /// The part of it that may not have been charged: requests whose answer was lost.
    pub unconfirmed: Money,
    /// What the provider counted.
    pub tokens: Tokens,
}

/// The ledger of this deployment.
#[derive(Debug)]
pub struct Budget {
    store: Store,
    caps: Caps,
    most: Money,
    clock: Clock,
    random: Random,
}

impl Budget {
    /// The budgets that `config` sets.
    pub fn new(store: Store, config: &Config, clock: Clock) -> Self {
        let caps = Caps {
            user_day: config.budget_user_day,
            user_month: config.budget_user_month,
            tenant_month: config.budget_tenant_month,
        };
        Self { store, caps, most: config.max_cost_per_request, clock, random: Random::system() }
    }

    /// Puts `worst` aside, in one conditional write. `life` is how long the call can take: the function's own deadline
    /// and a margin for clocks that disagree. `worst` covers all that is done under this lease, retries included.
    ///
    /// # Errors
    /// `OverBudget` when a cap has no room for it; `Unavailable` when the store cannot tell: the call must not be made.
    pub async fn reserve(
        &self,
        payer: Payer,
        operation: &'static str,
        model: &str,
        worst: Money,
        life: Duration,
    ) -> Result<Lease> {
        if worst > self.most {
            return Err(Error::OverBudget(OverBudget::Request { cap: self.most, needed: worst }));
        }
        let now = self.clock.now();
        let Date { month, day } = Date::of(now);
        let row = Row { user: payer.user, day, operation: operation.to_owned(), model: model.to_owned() };
        // Stored in whole seconds: never earlier than asked.
        let expires = Timestamp::from_secs((now + life).secs() + 1);
        let held = Held { row, worst, expires };
        let id: LeaseId = self.random.id()?;
        let reserved = store::budget::reserve(&self.store, payer.tenant, month, id, &held, &self.caps).await?;
        let (Reserved::Admitted(ledger) | Reserved::Refused(ledger)) = &reserved;
        if let Err(error) = self.sweep(payer.tenant, month, ledger.clone(), now).await {
            // The leases stay for the next one to meet them.
            tracing::warn!(code = error.code(), error = ?error, "expired leases were left");
        }
        match &reserved {
            Reserved::Admitted(ledger) => {
                let stale = ledger.stale(day).take(BATCH).collect();
                Ok(Lease { payer, month, id, held, stale })
            }
            Reserved::Refused(ledger) => match ledger.refusal(&held, month, &self.caps) {
                Some(over) => Err(Error::OverBudget(over)),
                None => Err(Error::internal("a ledger refused what fits")),
            },
        }
    }

    /// Books what the call did cost; what it did not is free again. At most once per lease: one that has expired and
    /// was met meanwhile stays booked at its worst case.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot tell: the lease then ends as settled or as unconfirmed, never as free.
    pub async fn settle(&self, lease: Lease, spent: Spent) -> Result<()> {
        let Lease { payer, month, id, held, stale } = lease;
        let Spent { model, money, unconfirmed, tokens } = spent;
        if money > held.worst {
            tracing::error!(worst = %held.worst, spent = %money, model, "a call cost more than its worst case");
        }
        let row = Row { model, ..held.row.clone() };
        let unconfirmed_calls = u64::from(unconfirmed > Money::ZERO);
        let tally = Tally { calls: 1, spent: money, unconfirmed_calls, unconfirmed, tokens, ..Tally::default() };
        let closing = Closing { leases: vec![id], paid: Some((&held, money)), stale: &stale, rows: vec![(row, tally)] };
        match store::budget::close(&self.store, payer.tenant, month, &closing).await? {
            Closed::Done => {}
            Closed::Gone(_) => {
                tracing::warn!(worst = %held.worst, spent = %money, "settled after its lease had expired");
            }
        }
        Ok(())
    }

    /// Frees what was put aside for a call that was certainly not made; no more than once per lease.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot tell: the lease then ends as released or as unconfirmed.
    pub async fn release(&self, lease: Lease) -> Result<()> {
        let Lease { payer, month, id, held, stale: _ } = lease;
        store::budget::release(&self.store, payer.tenant, month, id, &held).await
    }

    /// Notes an answer that cost nothing because it was known.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot tell: statistics, which no call needs to fail for.
    pub async fn note_saving(&self, payer: Payer, operation: &'static str, model: &str, saved: Money) -> Result<()> {
        let Date { month, day } = Date::of(self.clock.now());
        let row = Row { user: payer.user, day, operation: operation.to_owned(), model: model.to_owned() };
        let tally = Tally { hits: 1, saved, ..Tally::default() };
        store::budget::note(&self.store, payer.tenant, month, &row, tally, self.random.id()?).await
    }

    /// What a user spent in this month and the ones before it, and what is left.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot tell.
    pub async fn usage(&self, payer: Payer, months: u32) -> Result<Usage> {
        self.report(payer.tenant, Some(payer.user), months).await
    }

    /// What all users of a tenant spent together, and what is left.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot tell.
    pub async fn tenant_usage(&self, tenant: TenantId, months: u32) -> Result<Usage> {
        self.report(tenant, None, months).await
    }

    async fn report(&self, tenant: TenantId, user: Option<UserId>, months: u32) -> Result<Usage> {
        let now = self.clock.now();
        let today = Date::of(now);
        let mut usage = Usage::default();
        let mut month = today.month;
        for _ in 0..months.clamp(1, MONTHS) {
            let ledger = store::budget::ledger(&self.store, tenant, month).await?;
            let ledger = self.sweep(tenant, month, ledger, now).await?;
            usage.add(month, store::budget::rows(&self.store, tenant, month, user).await?);
            usage.hold(&ledger, user);
            if month == today.month {
                usage.stand(&ledger, user, today, &self.caps);
            }
            month = month.previous();
        }
        Ok(usage)
    }

    /// Ends the leases that have expired, at their worst case; the ledger afterwards.
    async fn sweep(&self, tenant: TenantId, month: Month, mut ledger: Ledger, now: Timestamp) -> Result<Ledger> {
        let mut races = 0;
        loop {
            let overdue: Vec<_> = ledger.overdue(now).take(BATCH).map(|(id, held)| (id, held.clone())).collect();
            if overdue.is_empty() || races == RACES {
                return Ok(ledger);
            }
            let mut rows = std::collections::BTreeMap::<Row, Tally>::new();
            for (_, held) in &overdue {
                let row = rows.entry(held.row.clone()).or_default();
                *row = row.plus(Tally::unconfirmed(held.worst));
            }
            let closing = Closing {
                leases: overdue.iter().map(|&(id, _)| id).collect(),
                paid: None,
                stale: &[],
                rows: rows.into_iter().collect(),
            };
            match store::budget::close(&self.store, tenant, month, &closing).await? {
                Closed::Done => {
                    tracing::warn!(leases = overdue.len(), "leases expired unsettled: booked at their worst case");
                    for (id, held) in overdue {
                        ledger.close(id, held.worst);
                    }
                }
                // Somebody else met some of them first.
                Closed::Gone(current) => {
                    ledger = current;
                    races += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
