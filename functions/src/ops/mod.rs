//! Whether it runs, what it costs, and what to do if it does not.

mod health;
mod no_route;
mod ready;
mod usage;

pub use health::health;
pub use no_route::no_route;
pub use ready::ready;
pub use usage::usage;
