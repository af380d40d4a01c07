//! Faults of invocations, for tests: the n-th invocation of a function from now is delayed, dropped,
//! delivered twice, or its process is killed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

/// What happens to one invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Deliver it this much later.
    Delay(Duration),
    /// Never deliver it; the caller is told that it was throttled.
    Drop,
    /// Deliver it twice, at the same time; the caller gets the first answer.
    Duplicate,
    /// Kill the process this long after the delivery, unless it has answered.
    KillAfter(Duration),
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<HashMap<String, Vec<(usize, Fault)>>>);

impl Faults {
    /// `nth` counts from 1, the next invocation.
    pub(crate) fn add(&self, function: &str, nth: usize, fault: Fault) {
        if let Ok(mut faults) = self.0.lock() {
            faults.entry(function.to_owned()).or_default().push((nth.max(1), fault));
        }
    }

    pub(crate) fn clear(&self) {
        if let Ok(mut faults) = self.0.lock() {
            faults.clear();
        }
    }

    /// The fault of this invocation, if one is due.
    pub(crate) fn next(&self, function: &str) -> Option<Fault> {
        let mut faults = self.0.lock().ok()?;
        let waiting = faults.get_mut(function)?;
        for (left, _) in waiting.iter_mut() {
            *left -= 1;
        }
        let due = waiting.iter().position(|(left, _)| *left == 0)?;
        let (_, fault) = waiting.remove(due);
        waiting.iter_mut().for_each(|(left, _)| *left = (*left).max(1));
        Some(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_invocation_gets_the_fault() {
        let faults = Faults::default();
        faults.add("login", 2, Fault::Drop);
        faults.add("login", 3, Fault::Duplicate);
        let seen: Vec<_> = (0..4).map(|_| faults.next("login")).collect();
        assert_eq!(seen, [None, Some(Fault::Drop), Some(Fault::Duplicate), None]);
        assert_eq!(faults.next("other"), None);
    }
}
