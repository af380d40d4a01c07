//! One error type: a sentence for the person at the terminal. The stack has no caller that branches
//! on kinds of failure, so there are none; what functions see is built where it is sent.

use std::fmt;

/// A sentence that says what is wrong and where.
#[derive(Debug, Clone)]
pub struct Error(String);

/// What this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// From its sentence.
    pub fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}
