//! When to stop asking a provider that is down, and when to try again: a state machine without a clock.
//!
//! Closed, every request passes. After `FAILURES` failures in a row it opens, and none passes for `COOL_DOWN`. Then one
//! passes as a probe: if the provider answers, everything passes again; if not, the next cool-down begins. A probe that
//! never reports back (its call was cancelled) is given up after `PROBE`.
//! Deliberately absent: anything shared between instances. A warm instance learns for itself, which takes it a few
//! calls; sharing would cost every call a read.

use std::time::Duration;

use crate::clock::Timestamp;

/// Failures in a row that open the breaker: two calls with their second tries, and one more.
pub(crate) const FAILURES: u32 = 5;
/// How long nothing passes.
pub(crate) const COOL_DOWN: Duration = Duration::from_secs(15);
/// How long a probe may be under way: longer than any request.
pub(crate) const PROBE: Duration = Duration::from_secs(30);

/// What a request told about the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It answered, if only to refuse.
    Up,
    /// It failed in a way that may pass.
    Down,
    /// Nothing: the caller had too little time, or the answer was not the API's.
    Unknown,
}

/// Leave to send one request; its outcome counts only while nothing has changed since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { since: Timestamp },
    Probing { since: Timestamp },
}

/// The breaker of one provider in one instance.
#[derive(Debug)]
pub(crate) struct Breaker {
    state: State,
    /// Counts changes of state, so that a straggler from before the last one has no say.
    turn: u64,
}

impl Breaker {
    /// A closed one.
    pub(crate) const fn new() -> Self {
        Self { state: State::Closed { failures: 0 }, turn: 0 }
    }

    /// Leave to send a request at `now`, or how long to wait.
    pub(crate) fn admit(&mut self, now: Timestamp) -> Result<Pass, Duration> {
        match self.wait(now) {
            Some(wait) => Err(wait),
            None => {
                if !matches!(self.state, State::Closed { .. }) {
                    self.turn_to(State::Probing { since: now });
                }
                Ok(Pass(self.turn))
            }
        }
    }

    /// How long nothing passes from `now` on; `None` when something does. Changes nothing but a start in the future,
    /// which a clock that was set back leaves behind.
    pub(crate) fn wait(&mut self, now: Timestamp) -> Option<Duration> {
        let (since, longest) = match &mut self.state {
            State::Closed { .. } => return None,
            State::Open { since } => (since, COOL_DOWN),
            State::Probing { since } => (since, PROBE),
        };
        *since = now.min(*since);
        let left = longest.saturating_sub(now.since(*since));
        (!left.is_zero()).then_some(left)
    }

    /// Takes in how the request ended that `pass` let through.
    pub(crate) fn record(&mut self, pass: Pass, sign: Sign, now: Timestamp) {
        if pass.0 != self.turn {
            return;
        }
        match (self.state, sign) {
            (State::Closed { failures: 0 }, Sign::Up)
            | (State::Closed { .. }, Sign::Unknown)
            | (State::Open { .. }, _) => {}
            (State::Closed { .. }, Sign::Up) => self.state = State::Closed { failures: 0 },
            (State::Closed { failures }, Sign::Down) if failures + 1 < FAILURES => {
                self.state = State::Closed { failures: failures + 1 };
            }
            (State::Closed { .. }, Sign::Down) | (State::Probing { .. }, Sign::Down | Sign::Unknown) => {
                self.turn_to(State::Open { since: now });
            }
            (State::Probing { .. }, Sign::Up) => self.turn_to(State::Closed { failures: 0 }),
        }
    }

    fn turn_to(&mut self, state: State) {
        self.state = state;
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Timestamp = Timestamp::from_secs(1_795_440_540);

    fn opened() -> Breaker {
        let mut breaker = Breaker::new();
        for _ in 0..FAILURES {
            let pass = breaker.admit(START).expect("closed");
            breaker.record(pass, Sign::Down, START);
        }
        breaker
    }

    #[test]
    fn row_61_it_opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::new();
        for sign in [Sign::Down, Sign::Down, Sign::Down, Sign::Down, Sign::Up, Sign::Down, Sign::Unknown, Sign::Down] {
            let pass = breaker.admit(START).expect("closed");
            breaker.record(pass, sign, START);
        }
        assert!(breaker.admit(START).is_ok());
        assert_eq!(opened().admit(START), Err(COOL_DOWN));
    }

    #[test]
    fn one_probe_decides() {
        let later = START + COOL_DOWN;
        let mut breaker = opened();
        let probe = breaker.admit(later).expect("the probe");
        assert_eq!(breaker.admit(later), Err(PROBE), "one at a time");
        breaker.record(probe, Sign::Down, later);
        assert_eq!(breaker.admit(later), Err(COOL_DOWN));
        let probe = breaker.admit(later + COOL_DOWN).expect("the next probe");
        breaker.record(probe, Sign::Up, later + COOL_DOWN);
        assert!(breaker.admit(later + COOL_DOWN).is_ok() && breaker.admit(later + COOL_DOWN).is_ok());
    }

    #[test]
    fn a_probe_that_is_lost_and_a_straggler_change_nothing_for_good() {
        let mut breaker = opened();
        let lost = breaker.admit(START + COOL_DOWN).expect("the probe");
        let next = breaker.admit(START + COOL_DOWN + PROBE).expect("another probe");
        breaker.record(lost, Sign::Down, START + COOL_DOWN + PROBE);
        breaker.record(next, Sign::Up, START + COOL_DOWN + PROBE);
        assert!(breaker.admit(START + COOL_DOWN + PROBE).is_ok());
    }

    #[test]
    fn a_clock_set_back_does_not_keep_it_open() {
        let mut breaker = opened();
        let past = START - Duration::from_secs(3_600);
        assert_eq!(breaker.admit(past), Err(COOL_DOWN));
        assert!(breaker.admit(past + COOL_DOWN).is_ok());
    }

    proptest! {
        /// Whatever happens: never two probes at a time, never closed without an answer after it was open, and
        /// something passes again after at most one cool-down and one lost probe.
        #[test]
        fn it_never_sticks_and_never_floods(steps in prop::collection::vec((0_u8..6, 0_u64..40_000_000), 1..200)) {
            let mut breaker = Breaker::new();
            let (mut now, mut passes) = (START, Vec::new());
            let (mut failures, mut open) = (0_u32, false);
            for (step, micros) in steps {
                now = now + Duration::from_micros(micros);
                match step {
                    0..=2 => {
                        if let Ok(pass) = breaker.admit(now) {
                            prop_assert!(!open || !passes.contains(&pass), "two probes of one turn");
                            passes.push(pass);
                        } else {
                            prop_assert!(open, "refused though nothing had failed often enough");
                        }
                    }
                    sign => if let Some(pass) = passes.pop() {
                        let sign = [Sign::Up, Sign::Down, Sign::Unknown][usize::from(sign - 3)];
                        let counts = pass.0 == breaker.turn;
                        breaker.record(pass, sign, now);
                        match sign {
                            _ if !counts => {}
                            Sign::Up => (failures, open) = (0, false),
                            Sign::Down => { failures += 1; open |= failures >= FAILURES; }
                            Sign::Unknown => {}
                        }
                    }
                }
            }
            prop_assert!(breaker.admit(now + COOL_DOWN + PROBE).is_ok());
        }
    }
}
