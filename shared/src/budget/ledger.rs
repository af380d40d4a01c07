//! The state of a tenant's month, and every step that it can take.
//!
//! The steps are what the conditional writes of `store::budget` do; the tests run both side by side. Deliberately
//! absent: DynamoDB, clocks.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::error::OverBudget;
use crate::money::Money;
use crate::prices::Tokens;
use crate::random::LeaseId;
use crate::{TenantId, UserId};

use crate::calendar::{Date, Month};

/// Who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Payer {
    /// The tenant, whose budget all its users share.
    pub tenant: TenantId,
    /// The user, who has a budget for the day and one for the month.
    pub user: UserId,
}

/// What may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caps {
    /// By a user on a day.
    pub user_day: Money,
    /// By a user in a month.
    pub user_month: Money,
    /// By a tenant in a month.
    pub tenant_month: Money,
}

/// Whose spending a cap is about, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A user's day.
    UserDay,
    /// A user's month.
    UserMonth,
    /// A tenant's month.
    TenantMonth,
}

impl Scope {
    /// All of them, the one that resets first first.
    pub const ALL: [Self; 3] = [Self::UserDay, Self::UserMonth, Self::TenantMonth];

    /// Its public name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserDay => "per user and day",
            Self::UserMonth => "per user and month",
            Self::TenantMonth => "per tenant and month",
        }
    }

    /// When a budget that is used on `date` is whole again.
    pub const fn resets(self, date: Date) -> Timestamp {
        match self {
            Self::UserDay => date.end(),
            Self::UserMonth | Self::TenantMonth => date.month.next().start(),
        }
    }
}

impl Caps {
    /// The cap of a scope.
    pub const fn of(&self, scope: Scope) -> Money {
        match scope {
            Scope::UserDay => self.user_day,
            Scope::UserMonth => self.user_month,
            Scope::TenantMonth => self.tenant_month,
        }
    }
}

/// Money that is put aside for one call. It says all that a row of usage needs, for whoever finds it expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// For whom, on which day, for what and by which model.
    pub row: Row,
    /// The most that the call can cost.
    pub worst: Money,
    /// From when on the call is over, whatever happened to it.
    pub expires: Timestamp,
}

/// What usage is added up by, within a tenant's month.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// Whose.
    pub user: UserId,
    /// The day of the month.
    pub day: u8,
    /// What for; without a `#`.
    pub operation: String,
    /// Which model, or another metered thing.
    pub model: String,
}

/// What is added to a row, and what a row is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls.
    pub calls: u64,
    /// What they cost, `unconfirmed` included.
    pub spent: Money,
    /// Of those, calls of which nobody knows whether they were charged.
    pub unconfirmed_calls: u64,
    /// What those may have cost.
    pub unconfirmed: Money,
    /// Answers that cost nothing, because they were known.
    pub hits: u64,
    /// What these would have cost.
    pub saved: Money,
    /// Tokens.
    pub tokens: Tokens,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            calls: self.calls.saturating_add(other.calls),
            spent: self.spent.plus(other.spent),
            unconfirmed_calls: self.unconfirmed_calls.saturating_add(other.unconfirmed_calls),
            unconfirmed: self.unconfirmed.plus(other.unconfirmed),
            hits: self.hits.saturating_add(other.hits),
            saved: self.saved.plus(other.saved),
            tokens: Tokens {
                prompt: self.tokens.prompt.saturating_add(other.tokens.prompt),
                cached: self.tokens.cached.saturating_add(other.tokens.cached),
                completion: self.tokens.completion.saturating_add(other.tokens.completion),
            },
        }
    }

    /// What an expired lease leaves: nobody knows, so all of it.
    pub fn unconfirmed(worst: Money) -> Self {
        Self { calls: 1, spent: worst, unconfirmed_calls: 1, unconfirmed: worst, ..Self::default() }
    }
}

/// A tenant's month. Each total is what is settled plus what is held by live leases: one number, because a condition
/// can compare but not add.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Of the tenant.
    pub total: Money,
    /// Of each user.
    pub users: BTreeMap<UserId, Money>,
    /// Of each user on each recent day.
    pub days: BTreeMap<(u8, UserId), Money>,
    /// The live leases.
    pub leases: BTreeMap<LeaseId, Held>,
}

impl Ledger {
    /// What a scope has used.
    pub fn used(&self, scope: Scope, user: UserId, day: u8) -> Money {
        match scope {
            Scope::UserDay => self.days.get(&(day, user)).copied().unwrap_or_default(),
            Scope::UserMonth => self.users.get(&user).copied().unwrap_or_default(),
            Scope::TenantMonth => self.total,
        }
    }

    /// Which scope has no room for `worst`; if there are several, the one that resets last, since waiting for another
    /// would not help.
    pub fn lacks(&self, user: UserId, day: u8, worst: Money, caps: &Caps) -> Option<Scope> {
        let fits = |scope: Scope| caps.of(scope).minus(worst).is_some_and(|room| self.used(scope, user, day) <= room);
        Scope::ALL.into_iter().rev().find(|&scope| !fits(scope))
    }

    /// The refusal of a call in `month`, with what is left; `None` if there is room.
    pub fn refusal(&self, held: &Held, month: Month, caps: &Caps) -> Option<OverBudget> {
        let Row { user, day, .. } = held.row;
        let scope = self.lacks(user, day, held.worst, caps)?;
        Some(OverBudget::Used {
            budget: scope.name(),
            cap: caps.of(scope),
            left: caps.of(scope).saturating_minus(self.used(scope, user, day)),
            needed: held.worst,
            resets: scope.resets(month.day(day)),
            passing: self.settled(scope, user, day).plus(held.worst) <= caps.of(scope),
        })
    }

    /// What a scope has used without what live leases hold.
    fn settled(&self, scope: Scope, user: UserId, day: u8) -> Money {
        let counts = |row: &Row| match scope {
            Scope::UserDay => row.user == user && row.day == day,
            Scope::UserMonth => row.user == user,
            Scope::TenantMonth => true,
        };
        let live = self.leases.values().filter(|held| counts(&held.row)).map(|held| held.worst);
        self.used(scope, user, day).saturating_minus(live.sum())
    }

    /// Puts money aside, if every cap has room for it; false if not, or if the lease is there already.
    pub fn admit(&mut self, id: LeaseId, held: &Held, caps: &Caps) -> bool {
        let Row { user, day, .. } = held.row;
        if self.leases.contains_key(&id) || self.lacks(user, day, held.worst, caps).is_some() {
            return false;
        }
        self.each(user, day, |total| total.plus(held.worst));
        self.leases.insert(id, held.clone());
        true
    }

    /// Ends a lease: its worst case becomes what was spent. False if it has ended before; nothing changes then.
    pub fn close(&mut self, id: LeaseId, spent: Money) -> bool {
        let Some(held) = self.leases.remove(&id) else { return false };
        let lower = |total: Money| total.plus(spent).saturating_minus(held.worst);
        self.each(held.row.user, held.row.day, lower);
        true
    }

    fn each(&mut self, user: UserId, day: u8, change: impl Fn(Money) -> Money) {
        self.total = change(self.total);
        for total in [self.users.entry(user).or_default(), self.days.entry((day, user)).or_default()] {
            *total = change(*total);
        }
    }

    /// Leases that have expired: whoever meets them ends them at their worst case.
    pub fn overdue(&self, now: Timestamp) -> impl Iterator<Item = (LeaseId, &Held)> {
        self.leases.iter().filter(move |(_, held)| held.expires <= now).map(|(&id, held)| (id, held))
    }

    /// Totals of days that are over and have no lease: no condition will look at them again. Yesterday's stay, for
    /// callers whose clocks are slow.
    pub fn stale(&self, today: u8) -> impl Iterator<Item = (u8, UserId)> {
        let idle = |day, user| !self.leases.values().any(|held| held.row.day == day && held.row.user == user);
        self.days.keys().copied().filter(move |&(day, user)| day + 1 < today && idle(day, user))
    }
}
