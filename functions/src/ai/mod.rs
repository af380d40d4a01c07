//! What language and vision models do.

use std::time::Duration;

use aura::ai::Spend;
use aura::budget::Payer;
use aura::{App, spending};

use crate::http::Caller;

mod complete_code;
mod enhance_query;
mod generate_form;
mod summarize;

pub use complete_code::complete_code;
pub use enhance_query::enhance_query;
pub use generate_form::generate_form;
pub use summarize::summarize;

/// What a call may take in all, so that an answer is there in under 25 s.
const TIME: Duration = Duration::from_secs(23);

/// How a caller's calls to models are paid for: the one place between a caller and a provider's bill.
fn spend<'a>(app: &'a App, caller: &'a Caller) -> Spend<'a> {
    Spend::new(move |pending| async move {
        let user = &caller.user()?.user;
        spending::send(app, Payer { tenant: user.tenant, user: user.id }, pending).await
    })
}
