//! A paid call and its money: the worst case is reserved before it, what it did cost is settled after it.
//!
//! [`pay`] is for every provider, and [`pay_in_turn`] for calls that are made once for all who ask the same; [`send`] is
//! what a chat with a language model makes of it.
//! Deliberately absent: what is asked (see [`ai`](crate::ai)) and how leases are kept (see [`budget`]).

use std::time::Duration;

use crate::ai::{Booking, Paid, Pending};
use crate::budget::{Lease, Payer, Spent};
use crate::cache::Turn;
use crate::error::OverBudget;
use crate::{App, Error, Result, budget, prices, tokens};

/// How long a lease lives: longer than any function that calls a provider, by a margin for clocks that disagree. A call
/// that nobody settled by then is booked at its worst case.
const LIFE: Duration = Duration::from_secs(35);
/// How long to wait for those who put money aside for a call that turned out not to be theirs, time after time, in ms.
const SECOND_THOUGHTS: [u64; 3] = [50, 150, 450];

/// Makes a call that costs at most `worst`, all its requests together. `call` gives the result and what it did cost;
/// `None` when certainly nothing was charged.
///
/// # Errors
/// `OverBudget` when a cap has no room for the worst case, `Unavailable` when the ledger cannot tell: then `call` was not
/// polled. Once it was, its result is given back, whatever becomes of the ledger.
pub async fn pay<T>(
    app: &App,
    payer: Payer,
    operation: &'static str,
    model: &str,
    worst: budget::Money,
    call: impl Future<Output = (T, Option<Spent>)>,
) -> Result<T> {
    let (result, booking) = pay_in_turn(app, payer, operation, model, worst, &Turn::always(), call).await?;
    booking.await;
    Ok(result)
}

/// The same for one of many who may ask the same: whether it is this one's `turn` is found out beside the reservation, in
/// one round trip. What is left to do for the books is given back, to be done beside whatever follows: dropped, the call
/// ends as unconfirmed.
///
/// # Errors
/// As [`pay`], and any error when it is not this one's turn: then nothing is left reserved.
pub async fn pay_in_turn<'a, T>(
    app: &'a App,
    payer: Payer,
    operation: &'static str,
    model: &str,
    worst: budget::Money,
    turn: &Turn,
    call: impl Future<Output = (T, Option<Spent>)>,
) -> Result<(T, Booking<'a>)> {
    let reserve = || app.budget.reserve(payer, operation, model, worst, LIFE);
    let (mut lease, mine) = tokio::join!(reserve(), turn.is_mine());
    if !mine {
        if let Ok(lease) = lease {
            book(app, lease, None).await;
        }
        return Err(Error::unavailable("it is another one's turn"));
    }
    for pause in SECOND_THOUGHTS.map(Duration::from_millis) {
        // What is missing may be held by those who lost the turn a moment ago.
        let Err(Error::OverBudget(OverBudget::Used { passing: true, .. })) = lease else { break };
        if !turn.is_shared() {
            break;
        }
        tokio::time::sleep(pause).await;
        lease = reserve().await;
    }
    let lease = lease?;
    let (result, spent) = call.await;
    Ok((result, Box::pin(book(app, lease, spent))))
}

async fn book(app: &App, lease: Lease, spent: Option<Spent>) {
    let booked = match spent {
        None => app.budget.release(lease).await,
        Some(spent) => app.budget.settle(lease, spent).await,
    };
    if let Err(error) = booked {
        // The answer is paid for: the caller gets it, and the lease ends as unconfirmed.
        tracing::warn!(code = error.code(), error = ?error, "a call was not settled");
    }
}

/// What a call cost that is sold by the piece: `each` for the answer and for every request whose answer was lost; `None`
/// when nothing was charged.
pub fn by_the_piece(model: &str, each: budget::Money, answered: bool, uncounted: u32) -> Option<Spent> {
    let unconfirmed = each.times(u64::from(uncounted));
    let money = if answered { each.plus(unconfirmed) } else { unconfirmed };
    let tokens = prices::Tokens::default();
    (answered || uncounted > 0).then(|| Spent { model: model.to_owned(), money, unconfirmed, tokens })
}

/// Sends a chat on behalf of its payer.
///
/// # Errors
/// As [`pay_in_turn`], and `Unpriced` for a model without a price.
pub async fn send<'a>(app: &'a App, payer: Payer, pending: Pending, turn: &Turn) -> Result<Paid<'a>> {
    let planned = pending.planned().clone();
    let prompt = tokens::of_bytes(planned.messages, planned.message_bytes, planned.schema_bytes);
    let each = prices::worst_case(&planned.model, prompt, u64::from(planned.max_completion_tokens))?;
    let worst = each.times(u64::from(planned.requests));
    let call = async {
        let sent = pending.send().await;
        let spent = (!sent.spent.is_nothing()).then(|| {
            let tokens = sent.spent.tokens;
            let unconfirmed = each.times(u64::from(sent.spent.uncounted));
            // A price was there a moment ago; without one the worst case stands.
            let counted = prices::actual(&planned.model, tokens).unwrap_or(worst);
            Spent { model: planned.model.clone(), money: counted.plus(unconfirmed), unconfirmed, tokens }
        });
        (sent, spent)
    };
    let (sent, booking) = pay_in_turn(app, payer, planned.operation, &planned.model, worst, turn, call).await?;
    Ok(Paid { sent, booking })
}
