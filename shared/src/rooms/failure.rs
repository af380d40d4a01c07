//! Why a room does not do what it is asked, with the codes of the protocol's `nack`.

use crate::Error;

/// The result of everything that a room does.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The room says no; sending the same again does not help.
    #[error("{0}")]
    Refused(Refusal),
    /// Something else failed.
    #[error("{0}")]
    Other(#[from] Error),
}

/// Why a room says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A change of a text that is no longer known: take the text as it is now and decide again.
    #[error("The text that this change was made for is no longer kept: take the text as it is now.")]
    StaleBase,
    /// The author may not write.
    #[error("You may not change this room.")]
    Forbidden,
    /// More bytes than one change may have.
    #[error("A change has at most {} bytes: send it in parts.", super::MAX_UPDATE)]
    TooBig,
    /// More bytes than a room may have.
    #[error("The room is full: it holds at most {} bytes, its history included.", super::MAX_ROOM)]
    Full,
    /// A Yjs update that builds on something which the room does not have.
    #[error("The update builds on what this room does not have: send that first.")]
    Gap,
    /// There is no such room, or not any more.
    #[error("There is no such room.")]
    Gone,
    /// Not an update or an edit as this room takes it.
    #[error("{0}")]
    Bad(&'static str),
}

impl Failure {
    /// The code of a `nack`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => match refusal {
                Refusal::StaleBase => "stale_base",
                Refusal::Forbidden => "forbidden",
                Refusal::TooBig => "too_big",
                Refusal::Full => "room_full",
                Refusal::Gap => "gap",
                Refusal::Gone => "room_gone",
                Refusal::Bad(_) => "bad_request",
            },
            Self::Other(error) if error.retryable() => "retry",
            Self::Other(_) => "internal",
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
