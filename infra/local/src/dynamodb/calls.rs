//! What each function asked of DynamoDB, for tests that count round trips and capacity.

use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;

/// One request of a function.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Such as `TransactWriteItems`.
    pub operation: String,
    /// The tables it touches, in the request's order.
    pub tables: Vec<String>,
    /// A condition failed, in a single write or in a transaction.
    pub conditional_failed: bool,
    /// Of the HTTP response.
    pub status: u16,
    /// Capacity units, where the engine states them (it does not for refused requests).
    pub capacity: Option<f64>,
}

/// What a function asked for by one operation since the stack started.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Tally {
    calls: u64,
    /// Capacity units, of reads or of writes as the operation is one or the other.
    units: f64,
}

const KEPT: usize = 20_000;

#[derive(Default)]
pub(crate) struct Calls {
    kept: Mutex<HashMap<String, Vec<Call>>>,
    tallies: Mutex<BTreeMap<String, BTreeMap<String, Tally>>>,
}

impl Calls {
    pub(crate) fn add(&self, function: &str, call: Call) {
        if let Ok(mut tallies) = self.tallies.lock() {
            let tally = tallies.entry(function.to_owned()).or_default().entry(call.operation.clone()).or_default();
            tally.calls += 1;
            tally.units += call.capacity.unwrap_or_default();
        }
        if let Ok(mut calls) = self.kept.lock() {
            let calls = calls.entry(function.to_owned()).or_default();
            if calls.len() < KEPT {
                calls.push(call);
            }
        }
    }

    pub(crate) fn of(&self, function: &str) -> Vec<Call> {
        self.kept.lock().ok().and_then(|calls| calls.get(function).cloned()).unwrap_or_default()
    }

    pub(crate) fn clear(&self) {
        if let Ok(mut calls) = self.kept.lock() {
            calls.clear();
        }
    }

    /// By function, then by operation.
    pub(crate) fn tallies(&self) -> BTreeMap<String, BTreeMap<String, Tally>> {
        self.tallies.lock().map(|tallies| tallies.clone()).unwrap_or_default()
    }
}
