//! Black-box tests: the built functions behind the local stack, spoken to over HTTP as clients do.
//!
//! Tests named `row_NN_...` prove the rows of the attack and fault table in ARCHITECTURE.md.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a panic is a failed test, in helpers too")]

mod api_keys;
mod bad_input;
mod budget;
mod cache;
mod enumeration;
mod faults;
mod flights;
mod forms;
mod idempotency;
mod images;
mod leaks;
mod ledger;
mod limits;
mod local_stack;
mod provider;
mod roles;
mod rotation;
mod sessions;
mod sign_in;
mod spending;
mod table;
mod text;
mod tokens;
mod world;
