//! Who is calling: accounts, sessions, tokens, keys and what each role may do.

pub mod account;
pub mod api_key;
pub mod authority;
mod email;
pub mod password;
pub mod refresh_token;
mod role;
pub mod rotation;
pub mod session;
pub mod signing;
pub mod token;

pub use email::Email;
pub use role::{Permission, Role};
