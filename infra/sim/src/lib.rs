//! A seeded simulator of rooms: the real code over an embedded DynamoDB, in one thread and in simulated time.
//!
//! | module | stands for |
//! |---|---|
//! | [`table`] | DynamoDB, in this process, with delays, refusals, lost answers and writers that die |

pub mod table;
