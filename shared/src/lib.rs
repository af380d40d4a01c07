//! Aura's domain: the one crate that every function shares.
//!
//! | module | what it decides |
//! |---|---|
//! | [`app`] | what a function holds from its cold start on |
//! | [`config`], [`clock`], [`random`] | the only readers of the environment, the time and randomness |
//! | [`error`] | every way to fail, with stable codes |
//! | [`auth`] | accounts, sessions, tokens, keys, roles |
//! | [`idempotency`] | one effect and one answer for a request that is sent again |
//! | [`limits`] | exact rate limits |
//! | [`ai`] | what a language model does, and what serves without one |
//! | [`store`] | DynamoDB, one file per entity |
//! | [`net`] | the HTTP clients |
//!
//! Deliberately absent: HTTP, WebSockets and the Lambda runtime, which live in `functions/`.

#![warn(missing_docs)]

pub mod ai;
pub mod app;
pub mod auth;
pub mod clock;
pub mod config;
pub mod error;
pub mod idempotency;
pub mod limits;
pub mod net;
pub mod providers;
pub mod random;
pub mod secret;
pub mod store;

pub use app::{App, Need};
pub use error::{Error, Result};
pub use random::{KeyId, SessionId, TenantId, UserId};
pub use secret::Secret;
