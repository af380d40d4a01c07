//! Faults of DynamoDB as a function sees them. Operators (tests reading tables) are never hit.

use crate::server::{self, Response};
use hyper::StatusCode;
use serde_json::json;
use std::sync::Mutex;
use std::time::Duration;
use tokio::sync::oneshot;

/// What happens to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// 400 ThrottlingException; nothing is applied.
    Throttling,
    /// 400 ProvisionedThroughputExceededException; nothing is applied.
    ProvisionedThroughputExceeded,
    /// 500 InternalServerError; nothing is applied.
    InternalServerError,
    /// Apply and answer, this much later.
    Delay(Duration),
    /// Close the connection; nothing is applied.
    Dark,
    /// Kill the calling process; nothing is applied.
    KillBefore,
    /// Apply, then kill the calling process before it gets the answer.
    KillAfter,
    /// Apply, then close the connection: the answer is lost and the function lives on.
    LoseAnswer,
    /// Apply and answer once a call of another operation is held here too: what is sent one after the other never goes
    /// on, so that calls which do are beyond doubt one round trip.
    Meet,
}

/// Which calls a fault hits; all of them, unless narrowed.
#[derive(Debug, Clone)]
pub struct Rule {
    fault: Fault,
    function: Option<String>,
    operation: Option<String>,
    skip: usize,
    times: Option<usize>,
}

impl Rule {
    /// Every call of every function.
    pub fn new(fault: Fault) -> Self {
        Self { fault, function: None, operation: None, skip: 0, times: None }
    }

    /// Of this function only.
    pub fn function(self, name: &str) -> Self {
        Self { function: Some(name.to_owned()), ..self }
    }

    /// Of this operation only, such as `UpdateItem`.
    pub fn operation(self, name: &str) -> Self {
        Self { operation: Some(name.to_owned()), ..self }
    }

    /// Let this many matching calls pass first.
    pub fn skip(self, calls: usize) -> Self {
        Self { skip: calls, ..self }
    }

    /// Hit this many calls, then end.
    pub fn times(self, calls: usize) -> Self {
        Self { times: Some(calls), ..self }
    }
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Rule>>, Mutex<Vec<(String, oneshot::Sender<()>)>>);

impl Faults {
    pub(crate) fn add(&self, rule: Rule) {
        if let Ok(mut rules) = self.0.lock() {
            rules.push(rule);
        }
    }

    pub(crate) fn clear(&self) {
        if let Ok(mut rules) = self.0.lock() {
            rules.clear();
        }
    }

    /// Waits for a call of another operation. One whose caller hung up is not met.
    pub(crate) async fn meet(&self, operation: &str) {
        let held = {
            let Ok(mut waiting) = self.1.lock() else { return };
            waiting.retain(|(_, waiter)| !waiter.is_closed());
            if let Some(other) = waiting.iter().position(|(name, _)| name != operation) {
                let (_, waiter) = waiting.remove(other);
                let _ = waiter.send(());
                return;
            }
            let (waiter, held) = oneshot::channel();
            waiting.push((operation.to_owned(), waiter));
            held
        };
        let _ = held.await;
    }

    pub(crate) fn next(&self, function: &str, operation: &str) -> Option<Fault> {
        let mut rules = self.0.lock().ok()?;
        let matches = |rule: &Rule| {
            rule.function.as_deref().is_none_or(|name| name == function)
                && rule.operation.as_deref().is_none_or(|name| name == operation)
                && rule.times != Some(0)
        };
        for rule in rules.iter_mut().filter(|rule| matches(rule)) {
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            return Some(rule.fault);
        }
        None
    }
}

/// The answers of a service that refuses.
pub(crate) fn refusal(fault: Fault) -> Option<Response> {
    let (status, kind, text) = match fault {
        Fault::Throttling => (
            StatusCode::BAD_REQUEST,
            "com.amazon.coral.availability#ThrottlingException",
            "Rate of requests exceeds the allowed throughput.",
        ),
        Fault::ProvisionedThroughputExceeded => (
            StatusCode::BAD_REQUEST,
            "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        Fault::InternalServerError => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "com.amazonaws.dynamodb.v20120810#InternalServerError",
            "Internal server error",
        ),
        Fault::Delay(_) | Fault::Dark | Fault::KillBefore | Fault::KillAfter | Fault::LoseAnswer | Fault::Meet => {
            return None;
        }
    };
    Some(server::respond(status, "application/x-amz-json-1.0", json!({ "__type": kind, "message": text }).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_skips_hits_and_ends() {
        let faults = Faults::default();
        faults.add(Rule::new(Fault::Dark).function("login").operation("PutItem").skip(1).times(2));
        let hit = |function, operation| faults.next(function, operation).is_some();
        assert!(!hit("login", "GetItem"));
        assert!(!hit("register", "PutItem"));
        assert_eq!([0; 4].map(|_| hit("login", "PutItem")), [false, true, true, false]);
    }
}
