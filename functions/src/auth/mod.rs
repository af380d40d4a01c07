//! Accounts, sessions and keys.

mod create_api_key;
mod grant_admin;
mod jwks;
mod list_api_keys;
mod login;
mod logout;
mod refresh;
mod register;
mod revoke_api_key;
mod rotate_signing_key;
mod set_user_role;
mod verify;

pub use create_api_key::create_api_key;
pub use grant_admin::{NEEDS as GRANT_NEEDS, grant_admin};
pub use jwks::jwks;
pub use list_api_keys::list_api_keys;
pub use login::login;
pub use logout::logout;
pub use refresh::refresh;
pub use register::register;
pub use revoke_api_key::revoke_api_key;
pub use rotate_signing_key::{NEEDS as ROTATION_NEEDS, rotate_signing_key};
pub use set_user_role::set_user_role;
pub use verify::verify;
