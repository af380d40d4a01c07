//! Medians and the like.

use std::time::Duration;

/// Times, in the order in which they were taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub(crate) fn median(&self) -> Option<Duration> {
        self.rank(50)
    }

    pub(crate) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn p99(&self) -> Option<Duration> {
        self.rank(99)
    }

    pub(crate) fn p95(&self) -> Option<Duration> {
        self.rank(95)
    }

    /// The smallest time that at least `percent` of all do not exceed.
    fn rank(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted.get((sorted.len() * percent).div_ceil(100).saturating_sub(1)).copied()
    }
}

/// Milliseconds with two digits, or a dash.
pub(crate) fn ms(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.2}", time.as_secs_f64() * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_times_that_were_taken() {
        let mut times = Times::default();
        assert_eq!(times.median(), None);
        (1..=30).rev().for_each(|n| times.add(Duration::from_millis(n)));
        assert_eq!(times.median(), Some(Duration::from_millis(15)));
        assert_eq!(times.p95(), Some(Duration::from_millis(29)));
        assert_eq!(ms(times.p95()), "29.00");
    }
}
