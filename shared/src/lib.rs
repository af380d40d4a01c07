//! The one crate that every function shares.

pub mod ai;
pub mod error;
pub mod net;
pub mod secret;

pub use error::{Error, Result};
