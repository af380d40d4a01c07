//! Secrets Manager's errors, by its names.

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: "ResourceNotFoundException", message: message.into() }
    }

    pub(crate) fn exists(message: impl Into<String>) -> Self {
        Self { kind: "ResourceExistsException", message: message.into() }
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self { kind: "InvalidRequestException", message: message.into() }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self { kind: "InvalidParameterException", message: message.into() }
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self { kind: "AccessDeniedException", message: message.into() }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { kind: "InternalServiceError", message: message.into() }
    }
}
