//! The local stack: everything that template.yaml deploys to AWS, on 127.0.0.1, with no container
//! and no account. It is a command (`cargo run -p aura-local`) and a library for tests:
//!
//! ```no_run
//! # async fn example() -> aura_local::Result<()> {
//! let stack = aura_local::Stack::builder()
//!     .template("template.yaml")
//!     .binaries(|name| format!("target/debug/{name}").into())
//!     .setting("RATE_LIMIT_MAX_REQUESTS", "1000")
//!     .start()
//!     .await?;
//! println!("{}", stack.http()); // dropping the stack ends its processes
//! # Ok(())
//! # }
//! ```
//!
//! | module | stands for |
//! |---|---|
//! | `template` | CloudFormation and SAM, as far as template.yaml uses them |
//! | `gateway` | API Gateway's HTTP API |
//! | `sockets` | API Gateway's WebSocket API and `@connections` |
//! | `lambda` | Lambda: Runtime API, processes, Invoke API |
//! | `dynamodb` | DynamoDB, over an embedded engine |
//! | `secrets` | Secrets Manager and its rotations |
//! | `s3` | S3, as far as uploads need it |
//! | `iam` | the functions' policies |
//!
//! What it does not emulate stops it: a template that says more is refused at its line, a request
//! for more is refused by name. It knows nothing of the functions but their binaries.

mod activity;
mod builder;
mod clock;
mod data;
mod dynamodb;
mod error;
mod gateway;
mod hosts;
mod iam;
mod lambda;
mod launch;
mod random;
mod s3;
mod secrets;
mod server;
mod settings;
mod sockets;
mod stack;
mod template;

pub use builder::{Builder, find_template};
pub use dynamodb::{
    Call, Engine as DynamoDbEngine, Fault as DynamoDbFault, Rule as DynamoDbRule, units as dynamodb_units,
};
pub use error::{Error, Result};
pub use lambda::{Fault, InvokeError};
pub use sockets::{Chaos as SocketChaos, Fault as SocketFault, Rule as SocketRule};
pub use stack::{Route, SocketRoute, Stack, When};
