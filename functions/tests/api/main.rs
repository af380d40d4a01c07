//! Black-box tests: the built functions behind the local stack, spoken to over HTTP as clients do.
//!
//! Tests named `row_NN_...` prove the rows of the attack and fault table in ARCHITECTURE.md.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a panic is a failed test, in helpers too")]
#![expect(clippy::print_stderr, reason = "a test that cannot check something says so")]

mod api_keys;
mod bad_input;
mod budget;
mod cache;
mod contract;
mod enumeration;
mod faults;
mod flights;
mod forms;
mod idempotency;
mod images;
mod jobs;
mod leaks;
mod ledger;
mod limits;
mod local_stack;
mod pinecone;
mod provider;
mod roles;
mod rooms;
mod rooms_attacks;
mod rooms_cost;
mod rooms_faults;
mod rooms_http;
mod rotation;
mod search;
mod sessions;
mod sign_in;
mod socket;
mod spending;
mod table;
mod tenants;
mod text;
mod tokens;
mod vectors;
mod world;
