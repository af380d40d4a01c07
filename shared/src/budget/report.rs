//! What was spent, for its payer to read.
//!
//! Deliberately absent: sums over tenants, which would read them all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ledger::{Caps, Ledger, Row, Scope, Tally};
use crate::UserId;
use crate::calendar::{Date, Month};
use crate::money::Money;

/// Spending, in US dollars.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Settled in all these months, `unconfirmed` included.
    pub spent: Money,
    /// The part of it that may not have been charged.
    pub unconfirmed: Money,
    /// Held for calls that are under way.
    pub reserved: Money,
    /// What answers that were known would have cost.
    pub saved: Money,
    /// The budgets that apply now.
    pub budgets: Vec<Standing>,
    /// By day, operation and model: newest day first.
    pub lines: Vec<Line>,
}

/// How a budget stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// Whose, as in `per user and day`.
    pub budget: &'static str,
    /// All of it.
    pub cap: Money,
    /// Settled and reserved.
    pub used: Money,
    /// The rest.
    pub left: Money,
    /// When it is whole again, in RFC 3339.
    pub resets_at: String,
}

/// One day's usage of one model for one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// `2026-11-23`.
    pub day: String,
    /// What for.
    pub operation: String,
    /// Which model.
    pub model: String,
    /// Paid calls.
    pub calls: u64,
    /// What they cost.
    pub spent: Money,
    /// Calls of which nobody knows whether they were charged.
    pub unconfirmed_calls: u64,
    /// What these may have cost, at most; part of `spent`.
    pub unconfirmed: Money,
    /// Answers that were known.
    pub cache_hits: u64,
    /// What these would have cost.
    pub saved: Money,
    /// Tokens read.
    pub prompt_tokens: u64,
    /// Of those, read from the provider's cache.
    pub cached_tokens: u64,
    /// Tokens written.
    pub completion_tokens: u64,
}

impl Usage {
    /// Adds a month's rows; those of several users become one line.
    pub(super) fn add(&mut self, month: Month, rows: Vec<(Row, Tally)>) {
        let mut lines = BTreeMap::<_, Tally>::new();
        for (Row { user: _, day, operation, model }, tally) in rows {
            let line = lines.entry((std::cmp::Reverse(day), operation, model)).or_default();
            *line = line.plus(tally);
        }
        for ((day, operation, model), tally) in lines {
            self.spent = self.spent.plus(tally.spent);
            self.unconfirmed = self.unconfirmed.plus(tally.unconfirmed);
            self.saved = self.saved.plus(tally.saved);
            self.lines.push(Line {
                day: month.day(day.0).to_string(),
                operation,
                model,
                calls: tally.calls,
                spent: tally.spent,
                unconfirmed_calls: tally.unconfirmed_calls,
                unconfirmed: tally.unconfirmed,
                cache_hits: tally.hits,
                saved: tally.saved,
                prompt_tokens: tally.tokens.prompt,
                cached_tokens: tally.tokens.cached,
                completion_tokens: tally.tokens.completion,
            });
        }
    }

    /// Adds what a month's live leases hold.
    pub(super) fn hold(&mut self, ledger: &Ledger, user: Option<UserId>) {
        let held = ledger.leases.values().filter(|held| user.is_none_or(|user| user == held.row.user));
        self.reserved = self.reserved.plus(held.map(|held| held.worst).sum());
    }

    /// Tells how the budgets stand: a user's three, or the tenant's one.
    pub(super) fn stand(&mut self, ledger: &Ledger, user: Option<UserId>, today: Date, caps: &Caps) {
        let standing = |scope: Scope, used: Money| Standing {
            budget: scope.name(),
            cap: caps.of(scope),
            used,
            left: caps.of(scope).saturating_minus(used),
            resets_at: scope.resets(today).rfc3339(),
        };
        self.budgets = match user {
            Some(user) => Scope::ALL.map(|scope| standing(scope, ledger.used(scope, user, today.day))).to_vec(),
            None => vec![standing(Scope::TenantMonth, ledger.total)],
        };
    }
}
