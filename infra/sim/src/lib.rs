//! A seeded simulator of rooms: the real functions over an embedded DynamoDB, in one thread and in simulated time.
//!
//! | module | stands for |
//! |---|---|
//! | [`table`] | DynamoDB, in this process, with delays, refusals, lost answers and callers that die |
//! | [`chance`] | the seed: what goes wrong, and when |
//! | [`server`] | Lambda: instances of the real functions that are warm, cold, busy or dead |
//! | [`gateway`] | API Gateway: messages and posts that are late, lost, doubled or out of order |
//! | [`client`] | those who type, with Yjs and without |
//! | `typing` | what they type |
//! | [`text`] | a copy of the text, and the oracle |
//! | [`seed`] | one run: everybody types, everything goes wrong, then all must be well |

pub mod chance;
pub mod client;
pub mod gateway;
pub mod seed;
pub mod server;
pub mod table;
pub mod text;
mod typing;
