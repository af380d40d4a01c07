//! What each function asked of DynamoDB, for tests that count round trips and capacity.

use std::collections::HashMap;
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

const KEPT: usize = 20_000;

#[derive(Default)]
pub(crate) struct Calls(Mutex<HashMap<String, Vec<Call>>>);

impl Calls {
    pub(crate) fn add(&self, function: &str, call: Call) {
        if let Ok(mut calls) = self.0.lock() {
            let calls = calls.entry(function.to_owned()).or_default();
            if calls.len() < KEPT {
                calls.push(call);
            }
        }
    }

    pub(crate) fn of(&self, function: &str) -> Vec<Call> {
        self.0.lock().ok().and_then(|calls| calls.get(function).cloned()).unwrap_or_default()
    }

    pub(crate) fn clear(&self) {
        if let Ok(mut calls) = self.0.lock() {
            calls.clear();
        }
    }
}
