//! Secrets Manager's errors, by its names.

#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub kind: &'static str,
    pub message: String,
}

impl Refusal {
    pub fn not_found(message: impl Into<String>) -> Self {
        Self { kind: "ResourceNotFoundException", message: message.into() }
    }

    pub fn exists(message: impl Into<String>) -> Self {
        Self { kind: "ResourceExistsException", message: message.into() }
    }

    pub fn invalid_request(message: impl Into<String>) -> Self {
        Self { kind: "InvalidRequestException", message: message.into() }
    }

    pub fn invalid_parameter(message: impl Into<String>) -> Self {
        Self { kind: "InvalidParameterException", message: message.into() }
    }

    pub fn denied(message: impl Into<String>) -> Self {
        Self { kind: "AccessDeniedException", message: message.into() }
    }

    pub fn internal(message: impl Into<String>) -> Self {
        Self { kind: "InternalServiceError", message: message.into() }
    }
}
