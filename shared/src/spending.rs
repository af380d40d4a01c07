//! A call to a model and its money: the worst case is reserved before it, what it did cost is settled after it.
//!
//! Deliberately absent: what is asked (see [`ai`](crate::ai)) and how leases are kept (see [`budget`](crate::budget)).

use std::time::Duration;

use crate::ai::{Pending, Sent};
use crate::budget::{Payer, Spent};
use crate::{App, Result, prices, tokens};

/// How long a lease lives: longer than any function that calls a model, by a margin for clocks that disagree. A call
/// that nobody settled by then is booked at its worst case.
const LIFE: Duration = Duration::from_secs(35);

/// Sends a call on behalf of its payer.
///
/// # Errors
/// `OverBudget` when a cap has no room for the worst case, `Unpriced` for a model without a price, `Unavailable` when the
/// ledger cannot tell: then nothing was sent. Once it was, there is an answer, whatever becomes of the ledger.
pub async fn send(app: &App, payer: Payer, pending: Pending) -> Result<Sent> {
    let planned = pending.planned().clone();
    let prompt = tokens::of_bytes(planned.messages, planned.message_bytes, planned.schema_bytes);
    let each = prices::worst_case(&planned.model, prompt, u64::from(planned.max_completion_tokens))?;
    let worst = each.times(u64::from(planned.requests));
    let lease = app.budget.reserve(payer, planned.operation, &planned.model, worst, LIFE).await?;
    let sent = pending.send().await;
    let booked = if sent.spent.is_nothing() {
        app.budget.release(lease).await
    } else {
        let counted = prices::Tokens {
            prompt: sent.spent.tokens.prompt,
            cached: sent.spent.tokens.cached,
            completion: sent.spent.tokens.completion,
        };
        let unconfirmed = each.times(u64::from(sent.spent.uncounted));
        let money = prices::actual(&planned.model, counted)?.plus(unconfirmed);
        app.budget.settle(lease, Spent { model: planned.model, money, unconfirmed, tokens: counted }).await
    };
    if let Err(error) = booked {
        // The answer is paid for: the caller gets it, and the lease ends as unconfirmed.
        tracing::warn!(code = error.code(), error = ?error, "a call was not settled");
    }
    Ok(sent)
}
