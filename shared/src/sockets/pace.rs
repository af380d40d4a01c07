//! How much one connection may ask for, as far as one instance sees it: a token bucket for all messages, and a
//! distance between those about presence.
//!
//! An instance counts what it gets itself. A flood that spreads over many instances meets the gateway's own throttle.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::ConnectionId;
use crate::clock::{Clock, Timestamp};

/// Messages in a burst.
const BURST: f64 = 100.0;
/// Messages in a second, for long.
const SUSTAINED: f64 = 50.0;
/// After so many refused messages without a pause, the connection is closed.
const PATIENCE: u32 = 100;
/// Connections remembered at most; those that were quiet for longest are forgotten.
const REMEMBERED: usize = 4_000;

/// Rooms with more connections than this are told less about each other.
pub const QUIET: usize = 50;

/// What is answered to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Go on.
    Fine,
    /// Too many messages.
    TooFast,
    /// Too many messages for too long: close.
    Flood,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Timestamp,
    refused: u32,
    present: Option<Timestamp>,
}

/// The buckets.
#[derive(Debug)]
pub struct Paces {
    clock: Clock,
    buckets: Mutex<HashMap<ConnectionId, Bucket>>,
}

impl Paces {
    /// All are full.
    pub fn new(clock: Clock) -> Self {
        Self { clock, buckets: Mutex::default() }
    }

    /// Counts a message.
    pub fn take(&self, id: &ConnectionId) -> Pace {
        self.with(id, |bucket, now| {
            bucket.left = (bucket.left + now.since(bucket.at).as_secs_f64() * SUSTAINED).min(BURST);
            bucket.at = now;
            if bucket.left >= BURST {
                // A pause: whatever was before is forgiven.
                bucket.refused = 0;
            }
            if bucket.left >= 1.0 {
                bucket.left -= 1.0;
                return Pace::Fine;
            }
            bucket.refused += 1;
            if bucket.refused > PATIENCE { Pace::Flood } else { Pace::TooFast }
        })
    }

    /// Whether a message about presence is told in a room of so many connections.
    pub fn presence(&self, id: &ConnectionId, connections: usize) -> bool {
        // Half of what clients are asked to keep: their timers and the way here are not exact.
        let least = between(connections) / 2;
        self.with(id, |bucket, now| {
            let told = bucket.present.is_none_or(|last| now.since(last) >= least);
            if told {
                bucket.present = Some(now);
            }
            told
        })
    }

    fn with<T>(&self, id: &ConnectionId, look: impl FnOnce(&mut Bucket, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED && !buckets.contains_key(id) {
            // A bucket that nobody touched for so long is full again.
            let full = Duration::from_secs_f64(BURST / SUSTAINED);
            buckets.retain(|_, bucket| now.since(bucket.at) < full);
        }
        let new = || Bucket { left: BURST, at: now, refused: 0, present: None };
        look(buckets.entry(id.clone()).or_insert_with(new), now)
    }
}

/// How long clients wait between messages about presence, in a room of so many connections: a post to each of the others
/// for each of them is what presence costs.
pub fn between(connections: usize) -> Duration {
    Duration::from_millis(if connections > QUIET { 500 } else { 100 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ConnectionId {
        "c=".parse().unwrap()
    }

    #[test]
    fn row_57_a_flood_is_refused_and_then_ended() {
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        let paces = Paces::new(clock.clone());
        let mut answers = (0..201).map(|_| paces.take(&id()));
        assert!(answers.by_ref().take(100).all(|pace| pace == Pace::Fine));
        assert!(answers.by_ref().take(100).all(|pace| pace == Pace::TooFast));
        assert_eq!(answers.next(), Some(Pace::Flood));
        assert_eq!(paces.take(&"other=".parse().unwrap()), Pace::Fine);
        clock.advance(Duration::from_millis(20));
        assert_eq!([(); 2].map(|()| paces.take(&id())), [Pace::Fine, Pace::Flood]);
        clock.advance(Duration::from_secs(60));
        assert!((0..100).all(|_| paces.take(&id()) == Pace::Fine));
    }

    #[test]
    fn presence_is_thinned_out_where_many_would_hear_of_it() {
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        let paces = Paces::new(clock.clone());
        let told = |connections: usize, step: u64| {
            let tell = |_| {
                clock.advance(Duration::from_millis(step));
                paces.presence(&id(), connections)
            };
            (0..100).map(tell).filter(|told| *told).count()
        };
        assert_eq!(told(50, 100), 100);
        assert_eq!(told(51, 100), 33, "at most four in a second");
        assert_eq!(told(1_000, 500), 100);
    }
}
