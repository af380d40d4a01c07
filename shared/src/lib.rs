//! Aura's domain: the one crate that every function shares.
//!
//! | module | what it decides |
//! |---|---|
//! | [`app`] | what a function holds from its cold start on |
//! | [`config`], [`clock`], [`random`] | the only readers of the environment, the time and randomness |
//! | [`error`] | every way to fail, with stable codes |
//! | [`auth`] | accounts, sessions, tokens, keys, roles |
//! | [`cache`] | answers that are known, and one call for all who ask the same |
//! | [`idempotency`] | one effect and one answer for a request that is sent again |
//! | [`limits`] | exact rate limits |
//! | [`budget`] | leases of money: no call costs more than what is left |
//! | [`spending`] | a call to a model, with its money |
//! | [`prices`], [`tokens`] | what a call can cost at most, and did cost |
//! | [`money`], [`calendar`] | exact amounts; days and months in UTC |
//! | [`ai`] | what language and vision models do, and what serves without one |
//! | [`members`] | who may enter a room, and as what |
//! | [`ticket`] | one use of a room's door, for clients that cannot send headers |
//! | [`sockets`] | who is connected to a room, and what is sent to them |
//! | [`background`] | work for other functions |
//! | [`signed`], [`sigv4`] | requests to AWS without an SDK's client, and their signatures |
//! | [`rooms`] | texts that several people edit at once, and lose nothing |
//! | [`search`] | semantic search over a tenant's own documents |
//! | [`seal`] | texts that the table keeps and cannot read |
//! | [`uploads`] | images that are too large for a request, in S3 |
//! | [`store`] | DynamoDB, one file per entity |
//! | [`net`] | the HTTP clients |
//!
//! Deliberately absent: HTTP, the events of WebSockets and the Lambda runtime, which live in `functions/`.

#![warn(missing_docs)]

pub mod ai;
pub mod app;
pub mod auth;
pub mod background;
pub mod budget;
pub mod cache;
pub mod calendar;
pub mod clock;
pub mod config;
pub mod error;
pub mod idempotency;
pub mod limits;
pub mod members;
pub mod money;
pub mod net;
pub mod prices;
pub mod providers;
pub mod random;
pub mod rooms;
pub mod seal;
pub mod search;
pub mod secret;
pub mod signed;
pub mod sigv4;
pub mod sockets;
pub mod spending;
pub mod store;
#[cfg(test)]
mod test_data;
pub mod ticket;
pub mod tokens;
pub mod uploads;

pub use app::{App, Need};
pub use error::{Error, Result};
pub use random::{JobId, KeyId, LeaseId, RoomId, SessionId, TenantId, UploadId, UserId};
pub use secret::Secret;
