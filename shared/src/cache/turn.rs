//! Whose turn it is to ask: one among all instances, by a claim in the table, and one within an instance.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};

use super::key::Name;
use super::{Inner, Key};
use crate::store::cache::{Found, Owner, claim, renew};
use crate::{Result, store};

/// How long a claim is believed without a renewal: what a waiter loses when the holder dies. Long enough for a renewal that
/// DynamoDB did not answer (2 s) and the next one; clocks disagree by far less.
pub(super) const BELIEVED: Duration = Duration::from_secs(8);
/// How often a claim is renewed while its holder works.
const RENEWED: Duration = Duration::from_secs(2);

/// The right to ask, which is claimed when it is first asked for. Whoever makes an answer asks for it before anything
/// costly is done, beside whatever else has to be looked up by then.
#[derive(Debug, Clone)]
pub struct Turn(Option<Arc<Attempt>>);

#[derive(Debug)]
struct Attempt {
    cache: Arc<Inner>,
    key: Key,
    owner: Owner,
    outcome: OnceCell<Outcome>,
}

#[derive(Debug)]
enum Outcome {
    /// The claim is ours.
    Mine,
    /// The table cannot tell: everybody asks alone, and the ledger bounds what that costs.
    Alone,
    /// This is there instead.
    Lost(Found),
}

impl Turn {
    /// Always one's own: nothing is cached.
    pub fn always() -> Self {
        Self(None)
    }

    pub(super) fn new(cache: Arc<Inner>, key: Key) -> Result<Self> {
        let owner = cache.random.bytes()?;
        Ok(Self(Some(Arc::new(Attempt { cache, key, owner, outcome: OnceCell::new() }))))
    }

    /// Whether others may ask the same at the same time.
    pub fn is_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Whether to go on. If not, somebody else asks, or has an answer already: end with any error, which nobody sees.
    pub async fn is_mine(&self) -> bool {
        let Some(attempt) = &self.0 else { return true };
        !matches!(attempt.outcome.get_or_init(|| attempt.claim()).await, Outcome::Lost(_))
    }

    /// What is there instead of our claim.
    pub(super) fn lost(&self) -> Option<Found> {
        match self.0.as_ref()?.outcome.get()? {
            Outcome::Lost(found) => Some(found.clone()),
            Outcome::Mine | Outcome::Alone => None,
        }
    }

    /// The owner to publish as; `None` inside when nothing was claimed, which is no reason not to publish.
    pub(super) fn published_as(&self) -> Option<Option<Owner>> {
        match self.0.as_ref()?.outcome.get() {
            None => Some(None),
            Some(Outcome::Mine) => self.0.as_ref().map(|attempt| Some(attempt.owner)),
            Some(Outcome::Alone | Outcome::Lost(_)) => None,
        }
    }

    /// Does the work, and renews the claim meanwhile.
    pub(super) async fn renewing<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::select! {
            biased;
            done = work => done,
            never = self.renew() => match never {},
        }
    }

    async fn renew(&self) -> Infallible {
        loop {
            tokio::time::sleep(RENEWED).await;
            let Some(attempt) = &self.0 else { continue };
            if let Some(Outcome::Mine) = attempt.outcome.get() {
                let Inner { store, clock, .. } = &*attempt.cache;
                if let Err(error) = renew(store, &attempt.key, attempt.owner, clock.now() + BELIEVED).await {
                    tracing::warn!(code = error.code(), "a claim was not renewed");
                }
            }
        }
    }
}

impl Attempt {
    async fn claim(&self) -> Outcome {
        let Inner { store, clock, .. } = &*self.cache;
        let now = clock.now();
        match claim(store, &self.key, self.owner, now, now + BELIEVED).await {
            Ok(None) => Outcome::Mine,
            Ok(Some(found)) => Outcome::Lost(found),
            Err(error) => {
                tracing::warn!(code = error.code(), error = ?error, "a claim was not answered");
                self.doubt().await
            }
        }
    }

    /// Nobody knows whether the claim took effect: what is there tells. Where that cannot be read either, or is nothing,
    /// the caller asks alone.
    async fn doubt(&self) -> Outcome {
        let Inner { store, clock, .. } = &*self.cache;
        match store::cache::read(store, &self.key, clock.now()).await {
            Ok(Found::Claim(owner)) if owner == self.owner => Outcome::Mine,
            Ok(found @ (Found::Claim(_) | Found::Answer(..))) => Outcome::Lost(found),
            Ok(Found::Nothing | Found::Failure(..)) | Err(_) => Outcome::Alone,
        }
    }
}

/// Gives a claim back; what fails here ends by itself in a few seconds.
pub(super) async fn give_up(cache: &Inner, key: &Key, owner: Owner) {
    if let Err(error) = store::cache::give_up(&cache.store, key, owner).await {
        tracing::warn!(code = error.code(), "a claim was not given back and will end");
    }
}

/// Who asks within this instance.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Name, watch::Receiver<Landed>>>);

/// How a flight ended.
#[derive(Debug, Clone)]
pub(super) enum Landed {
    /// It has not, or without anything to share.
    Not,
    /// With an answer.
    Answer(Arc<[u8]>),
    /// With a failure.
    Failure(Arc<[u8]>),
}

/// A place in a flight.
pub(super) enum Seat<'a> {
    /// Nobody else asks: ask, and land.
    Pilot(Pilot<'a>),
    /// Somebody asks: wait.
    Passenger(watch::Receiver<Landed>),
}

/// Whoever asks; dropped, the next one does.
pub(super) struct Pilot<'a> {
    flights: &'a Flights,
    name: Name,
    landed: watch::Sender<Landed>,
}

impl Flights {
    pub(super) fn board(&self, name: Name) -> Seat<'_> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(&name) {
            return Seat::Passenger(flight.clone());
        }
        let (landed, flight) = watch::channel(Landed::Not);
        flights.insert(name, flight);
        Seat::Pilot(Pilot { flights: self, name, landed })
    }
}

impl Pilot<'_> {
    pub(super) fn land(&self, how: Landed) {
        self.landed.send_replace(how);
    }
}

impl Drop for Pilot<'_> {
    fn drop(&mut self) {
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}
