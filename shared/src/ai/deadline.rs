//! How much of a call's time is left.
//!
//! The function's own deadline arrives as a duration; this is the only place that measures against it, on tokio's
//! monotonic timer. Deliberately absent: the time of day.

use std::time::Duration;

use tokio::time::{Instant, Timeout, timeout_at};

/// A moment after which no more work may be done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// The moment `remaining` from now; one too far away to be represented never comes.
    pub(crate) fn after(remaining: Duration) -> Self {
        Self(Instant::now().checked_add(remaining))
    }

    /// The time left; zero once it has passed.
    pub(crate) fn left(self) -> Duration {
        self.0.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()))
    }

    /// Runs `future` until this deadline or for `longest`, whichever ends first.
    pub(crate) fn limit<F: IntoFuture>(self, longest: Duration, future: F) -> Timeout<F::IntoFuture> {
        let now = Instant::now();
        let own = now.checked_add(longest).unwrap_or(now);
        timeout_at(self.0.map_or(own, |at| at.min(own)), future)
    }
}
