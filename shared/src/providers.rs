//! The providers' keys: plain settings locally, one Secrets Manager secret when deployed.
//!
//! A plain setting wins over the secret. The secret is read once per instance and five minutes.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_secretsmanager::Client;
use tokio::sync::Mutex;

use crate::ai::vision::google::{Credentials, ServiceAccount};
use crate::ai::{self, Ai, Images, background, openai, vision};
use crate::auth::signing::{CACHE, secret_text, secrets_client};
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::search::embedded::Embedded;
use crate::search::engine::Engine;
use crate::search::pinecone::{Account, Pinecone};
use crate::search::vectors::Vectors;
use crate::{Error, Result, Secret};

/// A provider, as `/health` and `/ready` show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Its public name.
    pub name: &'static str,
    /// The setting that configures it.
    pub setting: &'static str,
    /// Another one that does, if there is one.
    pub instead: Option<&'static str>,
    /// What it is for, and what serves that without it.
    pub features: &'static [(&'static str, Without)],
    /// What happens without it.
    pub without: &'static str,
}

/// What serves a feature whose provider has no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    /// The embedded rules.
    Rules,
    /// Nothing.
    Nothing,
}

/// Every provider that this version calls.
pub const ALL: [Provider; 4] = [
    Provider {
        name: "openai",
        setting: "OPENAI_API_KEY",
        instead: None,
        features: &[
            ("formGeneration", Without::Rules),
            ("queryEnhancement", Without::Rules),
            ("summaries", Without::Rules),
            ("codeCompletion", Without::Nothing),
            ("embeddings", Without::Rules),
        ],
        without: "forms, queries and summaries come from the built-in rules, marked \"source\": \"fallback\"; searches compare words and letters, not meaning; code completion is off",
    },
    Provider {
        name: "pinecone",
        setting: "PINECONE_API_KEY",
        instead: None,
        features: &[("vectorStore", Without::Rules)],
        without: "searches use the built-in store, up to 20,000 passages per namespace",
    },
    Provider {
        name: "vision",
        setting: "GOOGLE_VISION_API_KEY",
        instead: Some("GOOGLE_SERVICE_ACCOUNT"),
        features: &[("imageAnalysis", Without::Nothing)],
        without: "images are not analysed, but for their colours, which are counted here",
    },
    Provider {
        name: "removeBg",
        setting: "REMOVEBG_API_KEY",
        instead: None,
        features: &[("backgroundRemoval", Without::Nothing)],
        without: "backgrounds are not removed",
    },
];

/// The keys and the clients made with them.
#[derive(Debug)]
pub struct Providers {
    secret: Option<(Client, String)>,
    config: Config,
    clock: Clock,
    held: Mutex<Option<Held>>,
}

#[derive(Debug, Clone)]
struct Held {
    keys: Arc<BTreeMap<String, Secret>>,
    ai: Arc<Ai>,
    images: Arc<Images>,
    search: Arc<OnceLock<Arc<Engine>>>,
    read: Timestamp,
}

impl Providers {
    /// Reads nothing yet.
    pub fn new(config: &Config, clock: Clock) -> Result<Self> {
        // A client costs start-up time: only functions that read the secret make one.
        let secret = match config.provider_secret.clone() {
            Some(id) => Some((secrets_client(config)?, id)),
            None => None,
        };
        Ok(Self { secret, config: config.clone(), clock, held: Mutex::default() })
    }

    /// The AI operations, with the keys as they are now.
    pub async fn ai(&self) -> Result<Arc<Ai>> {
        Ok(self.held().await?.ai)
    }

    /// Who looks at images and cuts them out, with the keys as they are now.
    pub async fn images(&self) -> Result<Arc<Images>> {
        Ok(self.held().await?.images)
    }

    /// Search, with the keys as they are now. What an instance has read of the built-in store is kept until they change.
    ///
    /// # Errors
    /// As [`Self::ai`], and `Internal` when TLS cannot be set up.
    pub async fn search(&self) -> Result<Arc<Engine>> {
        let held = self.held().await?;
        if let Some(engine) = held.search.get() {
            return Ok(Arc::clone(engine));
        }
        let vectors: Box<dyn Vectors> = match held.keys.get("PINECONE_API_KEY") {
            Some(key) => Box::new(Pinecone::new(self.pinecone(key), self.clock.clone())?),
            None => Box::new(Embedded::default()),
        };
        let fresh = || Arc::new(Engine::new(Arc::clone(&held.ai), self.config.embedding_model.clone(), vectors));
        Ok(Arc::clone(held.search.get_or_init(fresh)))
    }

    fn pinecone(&self, key: &Secret) -> Account {
        Account {
            key: key.clone(),
            base_url: self.config.pinecone_base_url.clone(),
            index: self.config.pinecone_index.clone(),
            cloud: self.config.pinecone_cloud.clone(),
            region: self.config.pinecone_region.clone(),
        }
    }

    /// Which providers have a key.
    pub async fn configured(&self) -> Result<Vec<(Provider, bool)>> {
        let held = self.held().await?;
        let has = |provider: &Provider| {
            let mut settings = [provider.setting].into_iter().chain(provider.instead);
            settings.any(|setting| held.keys.contains_key(setting))
        };
        Ok(ALL.map(|provider| (provider, has(&provider))).to_vec())
    }

    async fn held(&self) -> Result<Held> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some(held) = &*held
            && now.since(held.read) < CACHE
        {
            return Ok(held.clone());
        }
        let fresh = match (self.keys().await, &*held) {
            (Ok(keys), Some(old)) if *old.keys == keys => Held { read: now, ..old.clone() },
            (Ok(keys), _) => {
                let (ai, images) = (Arc::new(self.build(&keys)), Arc::new(self.images_of(&keys)));
                Held { ai, images, search: Arc::default(), keys: Arc::new(keys), read: now }
            }
            (Err(error), Some(old)) => {
                tracing::warn!(code = error.code(), "the provider secret could not be renewed");
                old.clone()
            }
            (Err(error), None) => return Err(error),
        };
        *held = Some(fresh.clone());
        Ok(fresh)
    }

    async fn keys(&self) -> Result<BTreeMap<String, Secret>> {
        let mut keys: BTreeMap<String, Secret> = match &self.secret {
            // serde_json's messages may quote the value: they stay out of the error.
            Some((client, id)) => serde_json::from_str(&secret_text(client, id).await?)
                .map_err(|_| Error::internal("the provider secret is not a JSON object of texts"))?,
            None => BTreeMap::new(),
        };
        let Config { openai_api_key, pinecone_api_key, google_vision_api_key, google_service_account, .. } =
            &self.config;
        for (name, key) in [
            ("OPENAI_API_KEY", openai_api_key),
            ("PINECONE_API_KEY", pinecone_api_key),
            ("GOOGLE_VISION_API_KEY", google_vision_api_key),
            ("GOOGLE_SERVICE_ACCOUNT", google_service_account),
            ("REMOVEBG_API_KEY", &self.config.removebg_api_key),
        ] {
            keys.extend(key.clone().map(|key| (name.to_owned(), key)));
        }
        keys.retain(|_, key| !key.is_empty());
        Ok(keys)
    }

    fn images_of(&self, keys: &BTreeMap<String, Secret>) -> Images {
        let Config { google_vision_base_url, removebg_base_url, .. } = &self.config;
        let credentials = match (keys.get("GOOGLE_VISION_API_KEY"), keys.get("GOOGLE_SERVICE_ACCOUNT")) {
            (Some(key), _) => Some(Credentials::ApiKey(key.clone())),
            (None, Some(file)) => match ServiceAccount::read(file, self.clock.clone()) {
                Ok(account) => Some(Credentials::ServiceAccount(Arc::new(account))),
                Err(error) => {
                    tracing::error!(code = error.code(), error = ?error, "the service account cannot be used");
                    None
                }
            },
            (None, None) => None,
        };
        let vision =
            credentials.map(|credentials| vision::Account { credentials, base_url: google_vision_base_url.clone() });
        let background = keys
            .get("REMOVEBG_API_KEY")
            .map(|key| background::Account { key: key.clone(), base_url: removebg_base_url.clone() });
        Images::new(vision, background, self.clock.clone())
    }

    fn build(&self, keys: &BTreeMap<String, Secret>) -> Ai {
        let openai = keys
            .get("OPENAI_API_KEY")
            .map(|key| openai::Account { key: key.clone(), base_url: self.config.openai_base_url.clone() });
        let settings = ai::Settings {
            openai,
            model_simple: self.config.model_simple.clone(),
            model_complex: self.config.model_complex.clone(),
            cheaper_threshold: self.config.cheaper_models_threshold,
        };
        Ai::new(settings, self.clock.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A Secrets Manager that counts how often it is asked, and answers after everybody has had the time to ask.
    async fn secrets_manager() -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4_096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                let body = r#"{"ARN": "arn", "Name": "keys", "SecretString": "{\"OPENAI_API_KEY\": \"sk-test\"}"}"#;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                stream.write_all((head + body).as_bytes()).await.unwrap();
            }
        });
        (endpoint, asked)
    }

    #[tokio::test]
    async fn row_65_an_instance_fetches_its_secret_once() {
        let (endpoint, asked) = secrets_manager().await;
        let config = Config::from_lookup(|name| match name {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER" => Some(endpoint.clone()),
            "PROVIDER_SECRET" => Some("keys".to_owned()),
            "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => Some("test".to_owned()),
            _ => None,
        });
        let clock = Clock::manual(Timestamp::from_secs(1_000_000));
        let providers = Arc::new(Providers::new(&config.unwrap(), clock.clone()).unwrap());
        for fetches in [1, 2] {
            let herd: Vec<_> = (0..50)
                .map(|_| {
                    let providers = Arc::clone(&providers);
                    tokio::spawn(async move { providers.ai().await.unwrap().has_model() })
                })
                .collect();
            for caller in herd {
                assert!(caller.await.unwrap());
            }
            assert_eq!(asked.load(Ordering::SeqCst), fetches);
            clock.advance(CACHE + Duration::from_secs(1));
        }
    }
}
