//! What answers say of a limit: the `RateLimit` headers (draft-ietf-httpapi-ratelimit-headers-11).

use std::time::Duration;

use aura::error::TooMany;
use aura::limits::{Admission, Quota};
use lambda_http::http::header::{HeaderMap, HeaderName};

use crate::http::value;

/// A limit, and what is left of it where that is known.
pub(crate) struct Announced {
    policy: String,
    state: Option<String>,
}

impl Announced {
    /// The limit alone.
    pub(crate) fn policy_only(quota: Quota) -> Self {
        Self { policy: format!("\"{}\";q={};w={}", quota.policy, quota.limit, ceil_secs(quota.window)), state: None }
    }

    /// For who was let through.
    pub(crate) fn admitted(admission: &Admission) -> Self {
        let Admission { quota, remaining, reset, .. } = admission;
        let state = format!("\"{}\";r={remaining};t={}", quota.policy, ceil_secs(*reset));
        Self { state: Some(state), ..Self::policy_only(*quota) }
    }

    /// For who was not.
    pub(crate) fn denied(too_many: &TooMany) -> Self {
        let TooMany { policy, quota, window, retry_after } = *too_many;
        let state = format!("\"{policy}\";r=0;t={}", ceil_secs(retry_after));
        Self { state: Some(state), ..Self::policy_only(Quota { policy, limit: quota, window }) }
    }

    /// Says it.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(HeaderName::from_static("ratelimit-policy"), value(self.policy.clone()));
        if let Some(state) = &self.state {
            headers.insert(HeaderName::from_static("ratelimit"), value(state.clone()));
        }
    }
}

/// Whole seconds, so that nobody comes too early.
pub(crate) fn ceil_secs(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
