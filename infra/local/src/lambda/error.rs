//! How an invocation fails, in Lambda's own words where it has them.

use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// Why an invocation has no answer.
#[derive(Debug, Clone)]
pub enum InvokeError {
    /// Its name.
    NoSuchFunction(String),
    /// The event is larger than 6 MB; its bytes.
    RequestTooLarge(usize),
    /// Every process that the stack may run is busy.
    Throttled,
    /// A test's fault dropped it.
    Dropped,
    /// The process ended, reported an error or was silent before its first `/next`.
    Init(String),
    /// The process ended during the invocation.
    Crashed(String),
    /// It outlived the template's timeout and was killed.
    TimedOut(Duration),
    /// The answer is larger than 6 MB; its bytes.
    ResponseTooLarge(usize),
    /// The function answered with an error; its payload.
    Function(Value),
}

impl InvokeError {
    /// The `errorType` and `errorMessage` that the Invoke API returns.
    pub fn payload(&self) -> Value {
        let kind = match self {
            Self::Function(payload) => return payload.clone(),
            Self::NoSuchFunction(_) => "ResourceNotFoundException",
            Self::RequestTooLarge(_) => "RequestTooLargeException",
            Self::Throttled | Self::Dropped => "TooManyRequestsException",
            Self::Init(_) => "Runtime.InitError",
            Self::Crashed(_) => "Runtime.ExitError",
            Self::TimedOut(_) => "Sandbox.Timedout",
            Self::ResponseTooLarge(_) => "Function.ResponseSizeTooLarge",
        };
        json!({ "errorType": kind, "errorMessage": self.to_string() })
    }
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchFunction(name) => write!(f, "Function not found: {name}"),
            Self::RequestTooLarge(size) => {
                write!(f, "{size} byte payload is too large for the invoke operation (limit 6291456 bytes)")
            }
            Self::Throttled => f.write_str("Rate Exceeded."),
            Self::Dropped => f.write_str("the invocation was dropped by a fault"),
            Self::Init(why) => write!(f, "the function failed before its first invocation: {why}"),
            Self::Crashed(status) => write!(f, "Runtime exited with error: {status}"),
            Self::TimedOut(limit) => write!(f, "Task timed out after {:.2} seconds", limit.as_secs_f64()),
            Self::ResponseTooLarge(size) => {
                write!(f, "Response payload size ({size} bytes) exceeded maximum allowed payload size (6291556 bytes).")
            }
            Self::Function(payload) => write!(f, "{payload}"),
        }
    }
}

impl std::error::Error for InvokeError {}
