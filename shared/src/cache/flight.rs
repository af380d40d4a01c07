//! Asking once for all: who asks, who waits, and what those who wait are told.
//!
//! Deliberately absent: how claims are made and renewed (`turn`), and how answers are stored.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::turn::{Landed, Pilot, Seat, give_up};
use super::{Flown, Inner, Key, Made, Peeked, Turn, decoded, encoded};
use crate::Result;
use crate::ai::deadline::Deadline;
use crate::store::cache::Found;

/// Before the second look at what somebody else is asking for; doubled for each further one.
const PAUSE: Duration = Duration::from_millis(40);
/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(640);
/// Longer than any function runs.
const FOREVER: Duration = Duration::from_secs(900);

/// Asks without a claim, and shares nothing.
pub(super) async fn alone<'a, T, F>(made: impl Future<Output = Result<Made<'a, T, F>>>) -> Result<Flown<T, F>> {
    let Made { result, meanwhile } = made.await?;
    if let Some(work) = meanwhile {
        work.await;
    }
    Ok(result.map_or_else(Flown::Failed, Flown::Made))
}

impl Inner {
    /// See [`super::Cache::single_flight_ahead`].
    pub(super) async fn fly<'a, T, F, Fut>(
        self: &Arc<Self>,
        key: &Key,
        kept: Duration,
        deadline: Deadline,
        peeked: Option<Peeked>,
        make: impl Fn(Turn) -> Fut,
    ) -> Result<Flown<T, F>>
    where
        T: Serialize + DeserializeOwned,
        F: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<Made<'a, T, F>>>,
    {
        loop {
            if let Some(answer) = self.near(key).as_deref().and_then(decoded) {
                return Ok(Flown::Known(answer));
            }
            let mut flight = match self.flights.board(key.name()) {
                Seat::Pilot(pilot) => return self.lead(key, kept, deadline, peeked, &pilot, make).await,
                Seat::Passenger(flight) => flight,
            };
            let landed = deadline.limit(FOREVER, flight.wait_for(|landed| !matches!(landed, Landed::Not))).await;
            let known = match landed {
                Err(_) => return Ok(Flown::Late),
                Ok(Ok(landed)) => match &*landed {
                    Landed::Answer(answer) => decoded(answer).map(Flown::Known),
                    Landed::Failure(why) => decoded(why).map(Flown::Failed),
                    Landed::Not => None,
                },
                // The pilot left without anything to share: the next one asks.
                Ok(Err(_)) => None,
            };
            if let Some(known) = known {
                return Ok(known);
            }
        }
    }

    /// Asks for this instance, when no other one does.
    async fn lead<'a, T, F, Fut>(
        self: &Arc<Self>,
        key: &Key,
        kept: Duration,
        deadline: Deadline,
        peeked: Option<Peeked>,
        pilot: &Pilot<'_>,
        make: impl Fn(Turn) -> Fut,
    ) -> Result<Flown<T, F>>
    where
        T: Serialize + DeserializeOwned,
        F: Serialize + DeserializeOwned,
        Fut: Future<Output = Result<Made<'a, T, F>>>,
    {
        let mut found = match peeked.filter(|peeked| peeked.key == *key) {
            Some(peeked) => peeked.found,
            None => self.look(key).await.unwrap_or(Found::Nothing),
        };
        let (mut waited_for, mut pause) = (None, PAUSE);
        loop {
            match found {
                Found::Claim(owner) => {
                    waited_for = Some(owner);
                    if !self.pause(&mut pause, deadline).await {
                        return Ok(Flown::Late);
                    }
                    match deadline.limit(FOREVER, self.look(key)).await {
                        Ok(seen) => found = seen.unwrap_or(Found::Claim(owner)),
                        Err(_) => return Ok(Flown::Late),
                    }
                    continue;
                }
                Found::Failure(owner, why) if waited_for == Some(owner) => {
                    let why = self.unpack(key, why);
                    if let Some(failed) = why.as_deref().and_then(decoded) {
                        pilot.land(why.map_or(Landed::Not, Landed::Failure));
                        return Ok(Flown::Failed(failed));
                    }
                }
                Found::Answer(sealed, expires) => {
                    let answer = self.open(key, sealed, expires);
                    let Some(known) = answer.as_deref().and_then(decoded) else {
                        // It cannot be read and stands in the way of a better one until its time is over.
                        return alone(make(Turn::always())).await;
                    };
                    pilot.land(answer.map_or(Landed::Not, Landed::Answer));
                    return Ok(Flown::Known(known));
                }
                Found::Nothing | Found::Failure(..) => {}
            }
            let turn = Turn::new(Arc::clone(self), key.clone())?;
            // After waiting, nobody prepares anything before it is certain whose turn it is.
            let mine = match waited_for {
                None => true,
                Some(_) => match deadline.limit(FOREVER, turn.is_mine()).await {
                    Ok(mine) => mine,
                    Err(_) => return Ok(Flown::Late),
                },
            };
            if mine {
                let made = turn.renewing(make(turn.clone())).await;
                if turn.lost().is_none() {
                    return self.land(key, kept, &turn, pilot, made).await;
                }
            }
            found = turn.lost().unwrap_or(Found::Nothing);
        }
    }

    /// Shares what was made with those who wait, here and elsewhere, while the rest of the work is done.
    async fn land<T: Serialize, F: Serialize>(
        &self,
        key: &Key,
        kept: Duration,
        turn: &Turn,
        pilot: &Pilot<'_>,
        made: Result<Made<'_, T, F>>,
    ) -> Result<Flown<T, F>> {
        let owner = turn.published_as();
        let Made { result, meanwhile } = match made {
            Ok(made) => made,
            Err(error) => {
                if let Some(Some(owner)) = owner {
                    give_up(self, key, owner).await;
                }
                return Err(error);
            }
        };
        let encoded = match &result {
            Ok(answer) => encoded(answer),
            Err(why) => encoded(why),
        };
        let share = async {
            match (&encoded, result.is_ok(), owner) {
                (Some(answer), true, Some(owner)) => {
                    pilot.land(Landed::Answer(Arc::clone(answer)));
                    self.keep(key, owner, kept, answer).await;
                }
                (Some(why), false, Some(Some(owner))) => {
                    pilot.land(Landed::Failure(Arc::clone(why)));
                    self.fail(key, owner, why).await;
                }
                _ => {}
            }
        };
        match meanwhile {
            Some(work) => drop(tokio::join!(work, share)),
            None => share.await,
        }
        Ok(result.map_or_else(Flown::Failed, Flown::Made))
    }

    /// Waits before the next look, longer each time; false when the time is over.
    async fn pause(&self, pause: &mut Duration, deadline: Deadline) -> bool {
        let share = self.random.bytes().map_or(u8::MAX, |[share]| share);
        // Half of it to all of it, so that those who wait together do not look together.
        let wait = *pause / 2 + *pause * u32::from(share) / (2 * u32::from(u8::MAX));
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        if deadline.left() <= wait {
            return false;
        }
        tokio::time::sleep(wait).await;
        true
    }
}
