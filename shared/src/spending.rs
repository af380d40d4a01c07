//! A paid call and its money: the worst case is reserved before it, what it did cost is settled after it.
//!
//! [`pay`] is for every provider; [`send`] is what a chat with a language model makes of it.
//! Deliberately absent: what is asked (see [`ai`](crate::ai)) and how leases are kept (see [`budget`]).

use std::time::Duration;

use crate::ai::{Pending, Sent};
use crate::budget::{Payer, Spent};
use crate::{App, Result, budget, prices, tokens};

/// How long a lease lives: longer than any function that calls a provider, by a margin for clocks that disagree. A call
/// that nobody settled by then is booked at its worst case.
const LIFE: Duration = Duration::from_secs(35);

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
    let lease = app.budget.reserve(payer, operation, model, worst, LIFE).await?;
    let (result, spent) = call.await;
    let booked = match spent {
        None => app.budget.release(lease).await,
        Some(spent) => app.budget.settle(lease, spent).await,
    };
    if let Err(error) = booked {
        // The answer is paid for: the caller gets it, and the lease ends as unconfirmed.
        tracing::warn!(code = error.code(), error = ?error, "a call was not settled");
    }
    Ok(result)
}

/// Sends a chat on behalf of its payer.
///
/// # Errors
/// As [`pay`], and `Unpriced` for a model without a price.
pub async fn send(app: &App, payer: Payer, pending: Pending) -> Result<Sent> {
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
    pay(app, payer, planned.operation, &planned.model, worst, call).await
}
