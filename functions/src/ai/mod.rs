//! What language and vision models do.

use std::time::Duration;

use aura::ai::vision::analyze::Asking;
use aura::ai::{Memory, Spend};
use aura::budget::Payer;
use aura::cache::{Peeked, Reader};
use aura::{App, Result, spending};

use crate::http::Caller;

mod analyze_image;
mod complete_code;
mod create_upload;
mod describe_image;
mod enhance_query;
mod generate_form;
mod remove_background;
mod summarize;

pub use analyze_image::analyze_image;
pub use complete_code::complete_code;
pub use create_upload::create_upload;
pub use describe_image::describe_image;
pub use enhance_query::enhance_query;
pub use generate_form::generate_form;
pub use remove_background::remove_background;
pub use summarize::summarize;

/// What a call may take in all, so that an answer is there in under 25 s.
const TIME: Duration = Duration::from_secs(23);

/// Who asks about an image, on whose bill, and until when.
///
/// # Errors
/// TOKEN_REQUIRED on a route that is public.
fn asking<'a>(app: &'a App, caller: &Caller, operation: &'static str) -> Result<Asking<'a>> {
    let caller = caller.user()?;
    let payer = Payer { tenant: caller.user.tenant, user: caller.user.id };
    Ok(Asking::new(app, payer, Reader::of(caller), operation, TIME))
}

/// How a caller's calls to models are paid for, and which answers the caller may be given without one: the one place
/// between a caller and a provider's bill.
///
/// # Errors
/// TOKEN_REQUIRED on a route that is public.
fn spend<'a>(app: &'a App, caller: &'a Caller, peeked: Option<Peeked>) -> Result<Spend<'a>> {
    let caller = caller.user()?;
    let payer = Payer { tenant: caller.user.tenant, user: caller.user.id };
    let memory = Memory::new(app, payer, Reader::of(caller), peeked);
    let spend = Spend::new(move |pending, turn| async move { spending::send(app, payer, pending, &turn).await });
    Ok(spend.remembering(memory))
}
