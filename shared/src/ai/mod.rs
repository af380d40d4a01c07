//! What a language model does for the callers, and what serves when there is none.
//!
//! - `form`: a description becomes form fields.
//! - `openai`: the chat-completions client that every operation shares.
//! - `text`: which characters of untrusted text are refused or removed.
//! - `deadline`: how much of a call's time is left.
//!
//! Deliberately absent: HTTP shapes, rate limits, budgets and caches. They wrap the operations from outside.

use std::sync::OnceLock;

use crate::random::Random;
use crate::{Error, Result, net};

mod deadline;
pub mod form;
pub mod openai;
#[cfg(test)]
mod scripted;
mod text;

/// What the operator configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The language model's account; `None` lets the embedded rules serve.
    pub openai: Option<openai::Account>,
    /// The model for simple requests.
    pub model_simple: String,
    /// The model for complex requests.
    pub model_complex: String,
    /// The complexity, 0 to 1, from which on `model_complex` answers; see `form::generate`.
    pub cheaper_threshold: f64,
}

/// The AI operations' shared state, built once per cold start.
#[derive(Debug)]
pub struct Ai {
    settings: Settings,
    random: Random,
    http: OnceLock<reqwest::Client>,
}

impl Ai {
    /// Keeps the settings; nothing is connected or read before the first call that needs it.
    ///
    /// An account with an empty key counts as none.
    pub fn new(mut settings: Settings) -> Self {
        settings.openai = settings.openai.filter(|account| !account.key.is_empty());
        Self { settings, random: Random::system(), http: OnceLock::new() }
    }

    /// Whether a language model is configured: without one, the rules serve.
    pub fn has_model(&self) -> bool {
        self.settings.openai.is_some()
    }

    /// The language model's client.
    ///
    /// # Errors
    /// `Unconfigured` without an account, `Internal` when TLS cannot be set up.
    fn openai(&self) -> Result<openai::Client<'_>> {
        let account = self
            .settings
            .openai
            .as_ref()
            .ok_or(Error::Unconfigured { provider: openai::NAME, setting: "OPENAI_API_KEY" })?;
        Ok(openai::Client { http: self.http()?, account, random: &self.random })
    }

    fn http(&self) -> Result<&reqwest::Client> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = net::http_client()?;
        Ok(self.http.get_or_init(|| client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn an_empty_key_is_no_account() {
        let account = openai::Account { key: Secret::new(""), base_url: "http://127.0.0.1:1/v1".into() };
        let settings = Settings {
            openai: Some(account),
            model_simple: "small".into(),
            model_complex: "large".into(),
            cheaper_threshold: 0.3,
        };
        let ai = Ai::new(settings);
        assert!(!ai.has_model());
        assert!(matches!(ai.openai(), Err(Error::Unconfigured { setting: "OPENAI_API_KEY", .. })));
    }
}
