//! The seed's numbers, and how bad the weather is.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aura::random::Random;
use serde_json::Value;

use crate::table::{Fate, Fates};

/// Numbers that follow from a seed.
#[derive(Debug, Clone)]
pub struct Chance(Random);

impl Chance {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Random::seeded(seed))
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&self, end: u64) -> u64 {
        self.0.bytes().map_or(0, |bytes| u64::from_le_bytes(bytes) % end.max(1))
    }

    /// The same, for places in a list.
    pub fn place(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// True so many times in a thousand.
    pub fn permille(&self, times: u64) -> bool {
        self.below(1_000) < times
    }

    /// A time up to `most`.
    pub fn up_to(&self, most: Duration) -> Duration {
        Duration::from_micros(self.below(u64::try_from(most.as_micros()).unwrap_or(u64::MAX)))
    }

    /// How long something is under way: mostly short, seldom long.
    pub fn delay(&self, usual: Duration, seldom: Duration) -> Duration {
        if self.permille(30) { self.up_to(seldom) } else { self.up_to(usual) }
    }
}

/// Whether things go wrong now.
#[derive(Debug, Clone, Default)]
pub struct Weather(Arc<AtomicBool>);

impl Weather {
    /// From now on things go wrong, or do not.
    pub fn set(&self, bad: bool) {
        self.0.store(bad, Ordering::SeqCst);
    }

    /// Whether they do.
    pub fn is_bad(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What happens to calls of DynamoDB.
#[derive(Debug)]
pub struct Storm {
    /// The numbers.
    pub chance: Chance,
    /// Whether things go wrong.
    pub weather: Weather,
    /// Callers that die, in a thousand calls.
    pub deaths: u64,
}

impl Fates for Storm {
    fn next(&mut self, _: &str, _: &Value) -> Fate {
        if !self.weather.is_bad() {
            return Fate::Answered(self.chance.up_to(Duration::from_millis(6)));
        }
        let deaths = self.deaths;
        match self.chance.below(1_000) {
            roll if roll < deaths => Fate::DeathBefore,
            roll if roll < deaths * 2 => Fate::DeathAfter,
            roll if roll < deaths * 2 + 5 => Fate::Lost,
            roll if roll < deaths * 2 + 10 => Fate::AnswerLost,
            roll if roll < deaths * 2 + 20 => Fate::Throttled,
            _ => Fate::Answered(self.chance.delay(Duration::from_millis(8), Duration::from_millis(3_500))),
        }
    }
}

/// How often things happened.
#[derive(Debug, Clone, Default)]
pub struct Count(Rc<Cell<u64>>);

impl Count {
    /// Once more.
    pub fn up(&self) {
        self.0.set(self.0.get() + 1);
    }

    /// How often so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}
