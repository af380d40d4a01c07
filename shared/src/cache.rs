//! Answers that are known, and one call for all who ask the same at the same time.
//!
//! An answer that costs money or time is kept twice: in the warm instance's memory, and sealed in the table, where every
//! instance finds it. It is found only by readers of the same tenant with the same permissions, who ask the same in every
//! particular: see [`Key`]. A cache is a convenience: whatever goes wrong with it is logged, and the caller asks as if
//! nothing were known.
//!
//! ```text
//! let key = Key::of(&Reader::of(caller), "describe-image", b"1").with("image", hash).list("features", features).build();
//! match app.cache.single_flight(&key, KEPT, left, || async { Ok(Made::new(describe(app, image).await)) }).await? {
//!     Flown::Known(answer) => ...,  // kept, or made by whoever asked first: it cost this caller nothing
//!     Flown::Made(answer) => ...,   // by this call
//!     Flown::Failed(why) => ...,    // this call, or the one that it waited for; nothing is kept
//!     Flown::Late => ...,           // somebody else was still asking when the time was over
//! }
//! ```
//!
//! **Single flight.** Whoever asks first claims the key in the table, and renews the claim while it works; others look
//! now and then, with jitter, until there is an answer, never beyond their own time. A holder that dies is not believed
//! for longer than eight seconds: then one of the others takes over. A failure is told to those who were waiting for it
//! at that moment, because asking again would most likely fail again, at the price of another call; whoever comes
//! later asks anew. An error (a budget that is used up, say) is the caller's own: the claim is given back, and the next
//! one asks.
//!
//! A claim is a help and not a lock: if two calls are made after all, because the table was out of reach or a holder
//! was late, both are paid for like any others, and the first answer stays.
//!
//! - `key`: what an answer is kept under. `near`: the memory. `pack`: how answers are stored.
//! - `turn`: whose turn it is to ask. `flight`: asking, waiting and sharing.
//!
//! Deliberately absent: what answers are good enough to be kept, which their makers say with [`Made`]; refreshing ahead,
//! negative caching, and invalidation: another prompt, model or permission is another key.

mod flight;
mod key;
mod near;
mod pack;
mod turn;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ai::deadline::Deadline;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::random::Random;
use crate::store::cache::Found;
use crate::store::{self, Store};
use crate::{Error, Result};

pub use key::{Key, KeyBuilder, Name, Reader};
pub use pack::MOST;
pub use turn::Turn;

/// The cache of this instance; it keeps nothing when `ENABLE_AI_CACHING` is false.
#[derive(Debug, Clone)]
pub struct Cache(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    random: Random,
    near: Mutex<near::Near>,
    flights: turn::Flights,
}

/// What was made.
#[must_use]
pub struct Made<'a, T, F> {
    result: Result<T, F>,
    meanwhile: Option<Meanwhile<'a>>,
}

type Meanwhile<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

impl<'a, T, F> Made<'a, T, F> {
    /// An answer to keep, or why there is none. What is not as good as it should be (a fallback, a refusal) is a failure
    /// here, whatever its caller gets.
    pub fn new(result: Result<T, F>) -> Self {
        Self { result, meanwhile: None }
    }

    /// What is still to be done, such as paying, while the answer is stored.
    pub fn meanwhile(self, work: impl Future<Output = ()> + Send + 'a) -> Self {
        Self { meanwhile: Some(Box::pin(work)), ..self }
    }
}

/// What came of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flown<T, F> {
    /// An answer that was kept, or that somebody else made meanwhile.
    Known(T),
    /// An answer of this call's own.
    Made(T),
    /// This call gave nothing to keep, or the one that it waited for did not.
    Failed(F),
    /// Somebody else was still asking when the time was over.
    Late,
}

/// What the table said of a key before it was needed; see [`Cache::peek`].
#[derive(Debug)]
pub struct Peeked {
    key: Key,
    found: Found,
}

impl Cache {
    /// An empty memory over the table.
    pub fn new(store: Store, config: &Config, clock: Clock) -> Self {
        let (near, flights) = Default::default();
        let inner = Inner { store, clock, random: Random::system(), near, flights };
        Self(config.ai_caching.then(|| Arc::new(inner)))
    }

    /// Looks ahead: for callers that know what will be asked before they know whether it may be. What was found is of use
    /// under the same key only, and nobody can see it but [`Cache::single_flight_ahead`].
    pub async fn peek(&self, key: Key) -> Option<Peeked> {
        let cache = self.0.as_ref()?;
        let known = cache.near(&key).is_some();
        let found = if known { Found::Nothing } else { cache.look(&key).await.unwrap_or(Found::Nothing) };
        Some(Peeked { key, found })
    }

    /// The answer, if it is known: at most one read.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        let cache = self.0.as_ref()?;
        if let Some(answer) = cache.near(key) {
            return decoded(&answer);
        }
        match cache.look(key).await? {
            Found::Answer(sealed, expires) => decoded(&cache.open(key, sealed, expires)?),
            Found::Nothing | Found::Claim(_) | Found::Failure(..) => None,
        }
    }

    /// The answers that are known, in the order of `keys`, and what there is of `next`, under which those that are not
    /// would be asked for: at most one read of all that this instance does not have.
    pub async fn get_all<T: DeserializeOwned>(&self, keys: &[Key], next: Key) -> (Vec<Option<T>>, Option<Peeked>) {
        let Some(cache) = &self.0 else { return (keys.iter().map(|_| None).collect(), None) };
        let mut answers: Vec<_> = keys.iter().map(|key| cache.near(key)).collect();
        let far: Vec<&Key> = keys.iter().zip(&answers).filter(|(_, near)| near.is_none()).map(|(key, _)| key).collect();
        let mut peeked = None;
        if !far.is_empty() {
            let mut found = cache.look_all(&[&far[..], &[&next]].concat()).await.into_iter();
            for (key, answer) in keys.iter().zip(&mut answers).filter(|(_, near)| near.is_none()) {
                if let Some(Found::Answer(sealed, expires)) = found.next() {
                    *answer = cache.open(key, sealed, expires);
                }
            }
            peeked = found.next().map(|found| Peeked { key: next, found });
        }
        (answers.into_iter().map(|answer| answer.as_deref().and_then(decoded)).collect(), peeked)
    }

    /// The answer, if this instance has it: no call.
    pub fn get_here<T: DeserializeOwned>(&self, key: &Key) -> Option<T> {
        self.0.as_ref()?.near(key).as_deref().and_then(decoded)
    }

    /// Keeps an answer for `kept` in this instance alone: for what costs less to make again than to write.
    pub fn put_here<T: Serialize>(&self, key: &Key, kept: Duration, answer: &T) {
        let Some(cache) = &self.0 else { return };
        let Some(answer) = encoded(answer) else { return };
        let expires = cache.clock.now() + kept;
        cache.near.lock().unwrap_or_else(PoisonError::into_inner).put(key.name(), answer, expires);
    }

    /// Keeps an answer for `kept`: one write. One that is too large is kept nowhere but here, if at all.
    pub async fn put<T: Serialize>(&self, key: &Key, kept: Duration, answer: &T) {
        let Some(cache) = &self.0 else { return };
        let Some(answer) = encoded(answer) else { return };
        cache.keep(key, None, kept, &answer).await;
    }

    /// Keeps up to 25 answers for `kept`: one write, as [`Self::put`] of each. Of two who put the same, the last one stays.
    pub async fn put_all<T: Serialize>(&self, kept: Duration, answers: impl IntoIterator<Item = (Key, T)>) {
        let Some(cache) = &self.0 else { return };
        let answers = answers.into_iter().filter_map(|(key, answer)| Some((key, encoded(&answer)?)));
        cache.keep_all(kept, answers.collect()).await;
    }

    /// Gives the answer that is known, or lets `make` make it, once for all who ask at the same time, within `left`. The
    /// right to ask is claimed before `make` runs.
    ///
    /// # Errors
    /// What `make` fails with.
    pub async fn single_flight<'a, T, F, Fut>(
        &self,
        key: &Key,
        kept: Duration,
        left: Duration,
        make: impl Fn() -> Fut,
    ) -> Result<Flown<T, F>>
    where
        T: Serialize + DeserializeOwned,
        F: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<Made<'a, T, F>>>,
    {
        let make = &make;
        let in_turn = |turn: Turn| async move {
            if turn.is_mine().await { make().await } else { Err(Error::unavailable("it is another one's turn")) }
        };
        self.single_flight_ahead(key, kept, left, None, in_turn).await
    }

    /// The same for callers who count round trips: what was found by [`Cache::peek`] is not read again, and `make` claims
    /// the right to ask by itself, see [`Turn`], beside what else it looks up first.
    ///
    /// # Errors
    /// What `make` fails with.
    pub async fn single_flight_ahead<'a, T, F, Fut>(
        &self,
        key: &Key,
        kept: Duration,
        left: Duration,
        peeked: Option<Peeked>,
        make: impl Fn(Turn) -> Fut,
    ) -> Result<Flown<T, F>>
    where
        T: Serialize + DeserializeOwned,
        F: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<Made<'a, T, F>>>,
    {
        match &self.0 {
            Some(cache) => cache.fly(key, kept, Deadline::after(left), peeked, make).await,
            None => flight::alone(make(Turn::always())).await,
        }
    }
}

impl Inner {
    fn near(&self, key: &Key) -> Option<Arc<[u8]>> {
        self.near.lock().unwrap_or_else(PoisonError::into_inner).get(key.name(), self.clock.now())
    }

    /// What the table has; `None` when it cannot tell.
    async fn look(&self, key: &Key) -> Option<Found> {
        match store::cache::read(&self.store, key, self.clock.now()).await {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::warn!(code = error.code(), error = ?error, "the cache could not be read");
                None
            }
        }
    }

    /// The same of several keys; nothing of none when it cannot tell.
    async fn look_all(&self, keys: &[&Key]) -> Vec<Found> {
        store::cache::read_all(&self.store, keys, self.clock.now()).await.unwrap_or_else(|error| {
            tracing::warn!(code = error.code(), error = ?error, "the cache could not be read");
            Vec::new()
        })
    }

    fn unpack(&self, key: &Key, sealed: Vec<u8>) -> Option<Arc<[u8]>> {
        match pack::unpack(key, sealed) {
            Ok(answer) => Some(answer.into()),
            Err(error) => {
                tracing::warn!(code = error.code(), error = ?error, "a cached answer could not be read");
                None
            }
        }
    }

    /// Opens an answer and remembers it.
    fn open(&self, key: &Key, sealed: Vec<u8>, expires: Timestamp) -> Option<Arc<[u8]>> {
        let answer = self.unpack(key, sealed)?;
        self.near.lock().unwrap_or_else(PoisonError::into_inner).put(key.name(), Arc::clone(&answer), expires);
        Some(answer)
    }

    async fn keep(&self, key: &Key, owner: Option<store::cache::Owner>, kept: Duration, answer: &Arc<[u8]>) {
        let now = self.clock.now();
        let expires = Timestamp::from_secs((now + kept).secs());
        self.near.lock().unwrap_or_else(PoisonError::into_inner).put(key.name(), Arc::clone(answer), expires);
        let stored = async {
            match (pack::pack(key, &self.random.bytes()?, answer)?, owner) {
                (Some(value), owner) => store::cache::keep(&self.store, key, owner, value, now, expires).await,
                (None, Some(owner)) => store::cache::give_up(&self.store, key, owner).await,
                (None, None) => Ok(()),
            }
        };
        if let Err(error) = stored.await {
            tracing::warn!(code = error.code(), error = ?error, "an answer was not kept");
        }
    }

    async fn keep_all(&self, kept: Duration, answers: Vec<(Key, Arc<[u8]>)>) {
        let expires = Timestamp::from_secs((self.clock.now() + kept).secs());
        let stored = async {
            let mut sealed = Vec::new();
            for (key, answer) in answers {
                let packed = pack::pack(&key, &self.random.bytes()?, &answer)?;
                self.near.lock().unwrap_or_else(PoisonError::into_inner).put(key.name(), answer, expires);
                sealed.extend(packed.map(|packed| (key, packed)));
            }
            if sealed.is_empty() { Ok(()) } else { store::cache::keep_all(&self.store, sealed, expires).await }
        };
        if let Err(error) = stored.await {
            tracing::warn!(code = error.code(), error = ?error, "answers were not kept");
        }
    }

    async fn fail(&self, key: &Key, owner: store::cache::Owner, why: &[u8]) {
        let told = async {
            match pack::pack(key, &self.random.bytes()?, why)? {
                Some(why) => store::cache::fail(&self.store, key, owner, why, self.clock.now()).await,
                None => store::cache::give_up(&self.store, key, owner).await,
            }
        };
        if let Err(error) = told.await {
            tracing::warn!(code = error.code(), error = ?error, "a failure was not told to those who wait");
        }
    }
}

fn encoded<T: Serialize>(value: &T) -> Option<Arc<[u8]>> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Some(bytes.into()),
        Err(error) => {
            tracing::error!(error = %error, "an answer has no JSON");
            None
        }
    }
}

fn decoded<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}
