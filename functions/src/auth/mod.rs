//! Accounts, sessions and keys.

mod jwks;
mod login;
mod logout;
mod refresh;
mod register;
mod rotate_signing_key;
mod verify;

pub use jwks::jwks;
pub use login::login;
pub use logout::logout;
pub use refresh::refresh;
pub use register::register;
pub use rotate_signing_key::{NEEDS as ROTATION_NEEDS, rotate_signing_key};
pub use verify::verify;
