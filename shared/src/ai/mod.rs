//! What a language model does for the callers, and what serves when there is none.
//!
//! - `form`: a description becomes form fields.
//! - `query`: a search query becomes terms and an intent.
//! - `summary`: a text becomes a shorter one.
//! - `code`: code is carried on; only a model can do that.
//! - `vision`: what is to be seen in an image. `background`: an image without what is behind its subject. `image`: what an
//!   image is, before anybody looks at it.
//! - `complexity`: how much a request asks for, and which model answers it.
//! - `ask`: what is known of an answer, and otherwise `call`: the one way to the model; money stands there. `openai`: the API; `provider`: how requests travel.
//! - `embeddings`: texts become vectors.
//! - `leak`: whether an answer repeats our instructions. `text`: which characters are refused or removed.
//! - `usage`: who answered, and what it cost. `deadline`: how much of a call's time is left.
//!
//! Deliberately absent: HTTP shapes and rate limits, which wrap the operations from outside; how budgets and caches work.

use std::sync::{Arc, OnceLock};

use crate::clock::Clock;
use crate::{Result, net};

mod ask;
pub mod background;
mod call;
pub mod code;
pub mod complexity;
pub(crate) mod deadline;
pub(crate) mod embeddings;
pub mod form;
pub mod image;
mod leak;
pub mod openai;
pub(crate) mod provider;
pub mod query;
#[cfg(test)]
mod scripted;
pub mod summary;
pub(crate) mod text;
mod usage;
pub mod vision;

pub use ask::{Ask, Memory};
pub use call::{Booking, Paid, Spend};
pub use openai::{Pending, Planned, Sent, Spent};
pub use usage::{Reason, Source, Usage};

/// Who looks at images and cuts them out; what is not configured is absent.
#[derive(Debug)]
pub struct Images {
    /// Google Vision.
    pub vision: Option<vision::Vision>,
    /// remove.bg.
    pub background: Option<background::RemoveBg>,
}

impl Images {
    /// Connects nothing yet.
    pub fn new(vision: Option<vision::Account>, background: Option<background::Account>, clock: Clock) -> Self {
        Self {
            vision: vision.map(|account| vision::Vision::new(account, clock.clone())),
            background: background.map(|account| background::RemoveBg::new(account, clock)),
        }
    }
}

/// What the operator configured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The language model's account; `None` lets the embedded rules serve.
    pub openai: Option<openai::Account>,
    /// The model for simple requests.
    pub model_simple: String,
    /// The model for complex requests.
    pub model_complex: String,
    /// The complexity, 0 to 1, from which on `model_complex` answers; see `complexity`.
    pub cheaper_threshold: f64,
}

/// The AI operations' shared state, built once per cold start.
#[derive(Debug)]
pub struct Ai {
    settings: Settings,
    clock: Clock,
    openai: OnceLock<Arc<provider::Provider>>,
    embeddings: OnceLock<Arc<provider::Provider>>,
}

impl Ai {
    /// Keeps the settings; nothing is connected or read before the first call that needs it.
    ///
    /// An account with an empty key counts as none.
    pub fn new(mut settings: Settings, clock: Clock) -> Self {
        settings.openai = settings.openai.filter(|account| !account.key.is_empty());
        Self { settings, clock, openai: OnceLock::new(), embeddings: OnceLock::new() }
    }

    /// Whether a language model is configured: without one, the rules serve.
    pub fn has_model(&self) -> bool {
        self.settings.openai.is_some()
    }

    /// The language model's client; `None` without an account.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up.
    fn openai(&self) -> Result<Option<openai::Client<'_>>> {
        let Some(account) = &self.settings.openai else { return Ok(None) };
        let provider = match self.openai.get() {
            Some(provider) => provider,
            None => {
                let http = net::http_client()?;
                let fresh = || Arc::new(provider::Provider::new(&openai::DIALECT, http, self.clock.clone()));
                self.openai.get_or_init(fresh)
            }
        };
        Ok(Some(openai::Client { provider, account }))
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
        let ai = Ai::new(settings, Clock::system());
        assert!(!ai.has_model());
        assert!(ai.openai().expect("no need for TLS").is_none());
    }
}
