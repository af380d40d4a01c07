//! Every way a call can fail, with the stable code that clients may switch on.
//!
//! Deliberately absent: HTTP status codes, which `functions/src/http.rs` assigns.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::money::Money;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong. `Display` is a sentence that a client may see; it never holds a secret, another user's data or
/// the text of a source error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request cannot be understood or breaks a rule; sending it again will not help.
    #[error("{message}")]
    Invalid {
        /// Which rule.
        code: Invalid,
        /// What to change, as a sentence.
        message: String,
    },
    /// The caller is not known.
    #[error("{0}")]
    Unauthenticated(Denial),
    /// The caller is known and may not do this.
    #[error("{0}")]
    Forbidden(Refusal),
    /// There is no such thing, or it is not the caller's.
    #[error("There is no such {what}.")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The path exists and takes other methods.
    #[error("This path takes {allowed}.")]
    Method {
        /// The methods, as an `Allow` header has them.
        allowed: String,
    },
    /// The request disagrees with what is stored.
    #[error("{0}")]
    Conflict(Conflict),
    /// A rate limit is used up.
    #[error("Too many requests: try again in {} s.", .0.retry_after.as_secs().max(1))]
    TooMany(TooMany),
    /// The call may cost more than there is left to spend.
    #[error("{0}")]
    OverBudget(OverBudget),
    /// A model whose price is not known.
    #[error("The model {model} has no known price, so it is not called: set another one.")]
    Unpriced {
        /// The model.
        model: String,
    },
    /// A provider that this call needs has no key.
    #[error("{provider} is not configured: set {setting}.")]
    Unconfigured {
        /// The provider's name.
        provider: &'static str,
        /// The setting that configures it.
        setting: &'static str,
    },
    /// A provider failed or gave an answer that cannot be used.
    #[error("{provider} did not give a usable answer.")]
    Upstream {
        /// The provider's name.
        provider: &'static str,
        /// Whether the same call may succeed later.
        retryable: bool,
        /// For the log only.
        source: Source,
    },
    /// Our own state is out of reach: nothing was decided, try again.
    #[error("The service is busy: try again in a moment.")]
    Unavailable {
        /// For the log only.
        source: Source,
    },
    /// A fault of ours.
    #[error("Something went wrong on our side.")]
    Internal {
        /// For the log only.
        source: Source,
    },
}

/// Which rule a request broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// Not JSON, or nested too deeply.
    Json,
    /// JSON of another shape, or a value out of range.
    Request,
    /// More bytes than the route takes.
    TooLarge,
    /// Not `application/json`, or encoded.
    MediaType,
    /// A password that is too short, too long or too common.
    WeakPassword,
    /// A file of a format that is not taken, or an animation.
    UnsupportedImage,
    /// An image that is cut off, not built as its format is, or hides something.
    BrokenImage,
    /// An image of more pixels or bytes than are worked on.
    ImageTooLarge,
    /// An image that is not what it was said to be.
    ImageType,
}

/// Why the caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No `Authorization: Bearer` header.
    #[error("This needs an access token: send `Authorization: Bearer <token>`.")]
    TokenMissing,
    /// Forged, malformed, for somebody else, or not an access token.
    #[error("The token is not valid.")]
    TokenInvalid,
    /// Genuine but too old.
    #[error("The token has expired: refresh it.")]
    TokenExpired,
    /// The session was ended: logout, reuse of a refresh token, or a disabled account.
    #[error("The session has ended: log in again.")]
    SessionEnded,
    /// Unknown account or wrong password; deliberately the same.
    #[error("The email or the password is wrong.")]
    Credentials,
}

/// Why a known caller may not do this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The role, or the key's scopes, lack this permission.
    #[error("This needs the permission {0}, which your role or your API key does not have.")]
    Permission(&'static str),
    /// A page of another origin.
    #[error("Pages of this origin may not connect.")]
    Origin,
    /// A program asks for what only a person may do.
    #[error("An API key may not do this: sign in and send an access token.")]
    InPerson,
}

/// What a request disagrees with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Registration of an address that has an account.
    #[error("An account with this email exists: log in instead.")]
    EmailTaken,
    /// An API key beyond the last that a user may have.
    #[error("You have as many API keys as a user may have: revoke one first.")]
    TooManyKeys,
    /// A namespace whose vectors were made in another way, or are elsewhere.
    #[error(
        "The vectors of this namespace were made with another model or are in another store: delete the whole namespace \
         and index its documents again."
    )]
    VectorsDiffer,
    /// A document that another request is writing.
    #[error("One of these documents is being written by another request: try again in half a minute.")]
    DocumentBusy,
    /// An administrator who would lose the right to administrate.
    #[error("You cannot change your own role: ask another administrator.")]
    OwnRole,
    /// An idempotency key that was used for another body.
    #[error("This `Idempotency-Key` was used for another request: take a new one.")]
    OtherBody,
    /// An idempotency key whose first request is still being worked on.
    #[error("The first request with this `Idempotency-Key` is still being worked on: try again in a moment.")]
    InProgress,
}

/// Which budget a call would exceed. `needed` is its worst case: what it may cost, not what it would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverBudget {
    /// What may be spent until a date.
    #[error("This call may cost {needed} USD, and {left} USD of the {cap} USD {budget} are left until {resets}.")]
    Used {
        /// Whose, as in `per user and day`.
        budget: &'static str,
        /// All of it.
        cap: Money,
        /// What is neither spent nor reserved.
        left: Money,
        /// The call's worst case.
        needed: Money,
        /// When it is whole again.
        resets: Timestamp,
        /// Whether there would be room if the calls under way cost nothing.
        passing: bool,
    },
    /// What one request may cost, whatever is left: it never resets.
    #[error("This call may cost {needed} USD, more than the {cap} USD that one request may cost: send a smaller one.")]
    Request {
        /// `MAX_COST_PER_REQUEST`.
        cap: Money,
        /// The call's worst case.
        needed: Money,
    },
}

/// A used-up limit, with what the `RateLimit` headers announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// The limit's public name.
    pub policy: &'static str,
    /// Admissions per window.
    pub quota: u32,
    /// The window.
    pub window: Duration,
    /// How long until the next admission.
    pub retry_after: Duration,
}

impl Error {
    /// The request breaks a rule of its shape; `message` tells what to change.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { code: Invalid::Request, message: message.into() }
    }

    /// A fault of ours; `source` goes to the log only.
    pub fn internal(source: impl Into<Source>) -> Self {
        Self::Internal { source: source.into() }
    }

    /// Our own state is out of reach; `source` goes to the log only.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable { source: source.into() }
    }

    /// The stable code: public contract, see ARCHITECTURE.md.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. } => match code {
                Invalid::Json => "INVALID_JSON",
                Invalid::Request => "INVALID_REQUEST",
                Invalid::TooLarge => "PAYLOAD_TOO_LARGE",
                Invalid::MediaType => "UNSUPPORTED_MEDIA_TYPE",
                Invalid::WeakPassword => "WEAK_PASSWORD",
                Invalid::UnsupportedImage => "UNSUPPORTED_IMAGE",
                Invalid::BrokenImage => "INVALID_IMAGE",
                Invalid::ImageTooLarge => "IMAGE_TOO_LARGE",
                Invalid::ImageType => "IMAGE_TYPE_MISMATCH",
            },
            Self::Unauthenticated(denial) => match denial {
                Denial::TokenMissing => "TOKEN_REQUIRED",
                Denial::TokenInvalid => "INVALID_TOKEN",
                Denial::TokenExpired => "TOKEN_EXPIRED",
                Denial::SessionEnded => "SESSION_ENDED",
                Denial::Credentials => "INVALID_CREDENTIALS",
            },
            Self::Forbidden(_) => "INSUFFICIENT_PERMISSIONS",
            Self::NotFound { .. } => "NOT_FOUND",
            Self::Method { .. } => "METHOD_NOT_ALLOWED",
            Self::Conflict(conflict) => match conflict {
                Conflict::EmailTaken => "EMAIL_TAKEN",
                Conflict::TooManyKeys => "TOO_MANY_KEYS",
                Conflict::VectorsDiffer => "VECTORS_DIFFER",
                Conflict::DocumentBusy => "DOCUMENT_BUSY",
                Conflict::OwnRole => "OWN_ROLE",
                Conflict::OtherBody => "IDEMPOTENCY_KEY_REUSED",
                Conflict::InProgress => "IDEMPOTENCY_IN_PROGRESS",
            },
            Self::TooMany(_) => "RATE_LIMITED",
            Self::OverBudget(_) => "BUDGET_EXCEEDED",
            Self::Unpriced { .. } => "MODEL_UNPRICED",
            Self::Unconfigured { .. } => "PROVIDER_UNCONFIGURED",
            Self::Upstream { .. } => "UPSTREAM_UNAVAILABLE",
            Self::Unavailable { .. } => "UNAVAILABLE",
            Self::Internal { .. } => "INTERNAL",
        }
    }

    /// Whether the same request may succeed later.
    pub fn retryable(&self) -> bool {
        match self {
            Self::TooMany(_)
            | Self::Unavailable { .. }
            | Self::Conflict(Conflict::InProgress | Conflict::DocumentBusy) => true,
            Self::Upstream { retryable, .. } => *retryable,
            _ => false,
        }
    }
}
