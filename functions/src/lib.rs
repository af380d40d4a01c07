//! One Lambda function per endpoint.
//!
//! | module | what it knows |
//! |---|---|
//! | [`route`] | the endpoint table: path, access, limit, state of every function |
//! | [`serve`] | the Lambda runtime, alone |
//! | `event` | what the gateway sends and takes |
//! | [`http`] | status codes, headers and bodies, alone |
//! | `announced` | the headers that tell of a rate limit |
//! | `request` | what a request must be before anyone works on it |
//! | `gate` | who may pass: token, permission, rate limit |
//! | [`socket`] | events of the WebSocket API, and its frames |
//! | [`socket_route`] | the table of what comes by WebSocket |
//! | [`auth`], [`ai`], [`rooms`], [`ops`] | a handler per file |
//!
//! A request goes `serve` -> `http` -> `gate` -> handler -> `aura`, and back.

#![warn(missing_docs)]

pub mod ai;
mod announced;
pub mod auth;
mod event;
mod gate;
pub mod http;
pub mod ops;
mod request;
pub mod rooms;
pub mod route;
pub mod serve;
pub mod socket;
pub mod socket_route;
