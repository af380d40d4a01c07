//! Whether it runs, and what to do if it does not.

mod health;
mod no_route;
mod ready;

pub use health::health;
pub use no_route::no_route;
pub use ready::ready;
