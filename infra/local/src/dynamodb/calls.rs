//! What each function asked of DynamoDB, for tests that count round trips and capacity.

use std::collections::HashMap;
use std::sync::Mutex;

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub operation: String,
    pub tables: Vec<String>,
    /// A condition failed, in a single write or in a transaction.
    pub conditional_failed: bool,
    pub status: u16,
    /// Capacity units, where the engine states them (it does not for refused requests).
    pub capacity: Option<f64>,
}

const KEPT: usize = 20_000;

#[derive(Default)]
pub struct Calls(Mutex<HashMap<String, Vec<Call>>>);

impl Calls {
    pub fn add(&self, function: &str, call: Call) {
        if let Ok(mut calls) = self.0.lock() {
            let calls = calls.entry(function.to_owned()).or_default();
            if calls.len() < KEPT {
                calls.push(call);
            }
        }
    }

    pub fn of(&self, function: &str) -> Vec<Call> {
        self.0.lock().ok().and_then(|calls| calls.get(function).cloned()).unwrap_or_default()
    }

    pub fn clear(&self) {
        if let Ok(mut calls) = self.0.lock() {
            calls.clear();
        }
    }
}
