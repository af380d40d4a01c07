//! What language and vision models do.

use std::time::Duration;

use aura::ai::vision::analyze::Asking;
use aura::ai::{Memory, Spend};
use aura::auth::authority::Authorized;
use aura::budget::Payer;
use aura::cache::{Peeked, Reader};
use aura::{App, Result, spending};

use crate::http::Caller;

mod analyze_image;
mod complete_code;
mod create_upload;
mod delete_documents;
mod describe_image;
mod enhance_query;
mod generate_form;
mod index_documents;
mod index_job;
mod index_worker;
mod remove_background;
mod search;
mod summarize;

pub use analyze_image::analyze_image;
pub use complete_code::complete_code;
pub use create_upload::create_upload;
pub use delete_documents::delete_documents;
pub use describe_image::describe_image;
pub use enhance_query::enhance_query;
pub use generate_form::generate_form;
pub use index_documents::index_documents;
pub use index_job::index_job;
pub use index_worker::{NEEDS as INDEX_WORKER_NEEDS, index_worker};
pub use remove_background::remove_background;
pub use search::search;
pub use summarize::summarize;

/// What a call may take in all, so that an answer is there in under 25 s.
const TIME: Duration = Duration::from_secs(23);

/// Who asks about an image, on whose bill, and until when.
///
/// # Errors
/// TOKEN_REQUIRED on a route that is public.
fn asking<'a>(app: &'a App, caller: &Caller, operation: &'static str) -> Result<Asking<'a>> {
    Ok(Asking::new(app, payer(caller)?, Reader::of(caller.user()?), operation, TIME))
}

/// Who pays for what a caller asks for, and whose it is.
///
/// # Errors
/// TOKEN_REQUIRED on a route that is public.
fn payer(caller: &Caller) -> Result<Payer> {
    let Authorized { user, .. } = caller.user()?;
    Ok(Payer { tenant: user.tenant, user: user.id })
}

/// How a caller's calls to models are paid for, and which answers the caller may be given without one: the one place
/// between a caller and a provider's bill.
///
/// # Errors
/// TOKEN_REQUIRED on a route that is public.
fn spend<'a>(app: &'a App, caller: &'a Caller, peeked: Option<Peeked>) -> Result<Spend<'a>> {
    let payer = payer(caller)?;
    let memory = Memory::new(app, payer, Reader::of(caller.user()?), peeked);
    let spend = Spend::new(move |pending, turn| async move { spending::send(app, payer, pending, &turn).await });
    Ok(spend.remembering(memory))
}
