//! What a function holds from its cold start to its end.

use crate::auth::authority::Authority;
use crate::auth::signing::Signer;
use crate::background::Background;
use crate::budget::Budget;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::limits::Limits;
use crate::providers::Providers;
use crate::random::Random;
use crate::rooms::Rooms;
use crate::sockets::Sockets;
use crate::store::Store;
use crate::uploads::Uploads;
use crate::{Error, Result};

/// State that a function needs; its template entry sets the setting and its policy grants the access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// `IDENTITY_TABLE`.
    Identity,
    /// `EPHEMERAL_TABLE`.
    Ephemeral,
    /// `VECTORS_TABLE`.
    Vectors,
    /// `INDEX_WORKER`.
    IndexWorker,
    /// `ROOMS_TABLE`.
    Rooms,
    /// `CONNECTIONS_URL`.
    Posts,
    /// `WEBSOCKET_URL`.
    Address,
    /// `CORS_ORIGINS`.
    Origins,
    /// `FAN_OUT_FUNCTION`.
    FanOut,
    /// `COMPACT_ROOM_FUNCTION`.
    Compaction,
    /// `SIGNING_KEY_SECRET`.
    SigningKey,
    /// `PROVIDER_SECRET`, or the providers' keys in plain settings.
    Providers,
    /// `UPLOAD_BUCKET`.
    Uploads,
}

impl Need {
    /// The setting that names it.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Identity => "IDENTITY_TABLE",
            Self::Ephemeral => "EPHEMERAL_TABLE",
            Self::Vectors => "VECTORS_TABLE",
            Self::IndexWorker => "INDEX_WORKER",
            Self::Rooms => "ROOMS_TABLE",
            Self::Posts => "CONNECTIONS_URL",
            Self::Address => "WEBSOCKET_URL",
            Self::Origins => "CORS_ORIGINS",
            Self::FanOut => "FAN_OUT_FUNCTION",
            Self::Compaction => "COMPACT_ROOM_FUNCTION",
            Self::SigningKey => "SIGNING_KEY_SECRET",
            Self::Providers => "PROVIDER_SECRET",
            Self::Uploads => "UPLOAD_BUCKET",
        }
    }

    /// Providers may be configured in plain settings, or not at all; the rest must be there.
    fn is_met(self, config: &Config) -> bool {
        match self {
            Self::Identity => config.identity_table.is_some(),
            Self::Ephemeral => config.ephemeral_table.is_some(),
            Self::Vectors => config.vectors_table.is_some(),
            Self::IndexWorker => config.index_worker.is_some(),
            Self::Rooms => config.rooms_table.is_some(),
            Self::Posts => config.connections_url.is_some(),
            Self::Address => config.websocket_url.is_some(),
            Self::Origins => !config.cors_origins.is_empty(),
            Self::FanOut => config.fan_out_function.is_some(),
            Self::Compaction => config.compact_room_function.is_some(),
            Self::SigningKey => config.signing_key_secret.is_some(),
            Self::Providers => true,
            Self::Uploads => config.upload_bucket.is_some(),
        }
    }
}

/// Everything that outlives one call.
#[derive(Debug)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
    /// DynamoDB.
    pub store: Store,
    /// Rate limits.
    pub limits: Limits,
    /// What may be spent.
    pub budget: Budget,
    /// Answers that are known.
    pub cache: Cache,
    /// Verifies access tokens.
    pub authority: Authority,
    /// Texts that several people edit.
    pub rooms: Rooms,
    /// Connections, and what is sent to them.
    pub sockets: Sockets,
    /// Work that is handed to other functions.
    pub background: Background,
    /// Keys of the providers, and what is called with them.
    pub providers: Providers,
    signer: Option<Signer>,
    uploads: Option<Uploads>,
}

impl App {
    /// Builds the parts; connects nothing yet.
    ///
    /// # Errors
    /// A setting that is missing for one of `needs`.
    pub fn new(config: Config, clock: Clock, needs: &[Need]) -> Result<Self, ConfigError> {
        for need in needs {
            if !need.is_met(&config) {
                return Err(ConfigError {
                    name: need.setting(),
                    problem: "is not set, and this function needs it".into(),
                });
            }
        }
        let broken = |error: Error| ConfigError { name: "TLS", problem: error.to_string() };
        let store = Store::new(&config).map_err(broken)?;
        Self::over(config, clock, Random::system(), store)
    }

    /// Builds the parts over a store and a source of randomness.
    ///
    /// # Errors
    /// What TLS needs cannot be set up.
    pub fn over(config: Config, clock: Clock, random: Random, store: Store) -> Result<Self, ConfigError> {
        let broken = |error: Error| ConfigError { name: "TLS", problem: error.to_string() };
        let signer = match &config.signing_key_secret {
            Some(_) => Some(Signer::new(&config, clock.clone()).map_err(broken)?),
            None => None,
        };
        Ok(Self {
            limits: Limits::new(store.clone(), config.clone(), clock.clone()),
            budget: Budget::new(store.clone(), &config, clock.clone()),
            cache: Cache::new(store.clone(), &config, clock.clone()),
            authority: Authority::new(store.clone(), clock.clone()),
            providers: Providers::new(&config, clock.clone()).map_err(broken)?,
            uploads: Uploads::new(&config).map_err(broken)?,
            sockets: Sockets::new(store.clone(), &config, clock.clone()),
            background: Background::new(&config, clock.clone()),
            rooms: Rooms::new(store.clone(), clock.clone(), random.clone()),
            random,
            config,
            clock,
            store,
            signer,
        })
    }

    /// Does during init what the first call would wait for: connections, keys, secrets. What fails here is tried
    /// again by the call that needs it.
    pub async fn warm(&self, needs: &[Need]) {
        let (keys, ring, ai) = tokio::join!(
            async { if needs.contains(&Need::Identity) { self.authority.keys(None).await.err() } else { None } },
            async { if needs.contains(&Need::SigningKey) { self.ring().await.err() } else { None } },
            async { if needs.contains(&Need::Providers) { self.providers.ai().await.err() } else { None } },
        );
        for error in [keys, ring, ai].into_iter().flatten() {
            tracing::warn!(code = error.code(), error = ?error, "not ready at init; the first call tries again");
        }
    }

    async fn ring(&self) -> Result<()> {
        self.signer()?.ring().await.map(drop)
    }

    /// The bucket of uploads, in functions that have one.
    pub fn uploads(&self) -> Result<&Uploads> {
        self.uploads.as_ref().ok_or_else(|| Error::internal("UPLOAD_BUCKET is not set"))
    }

    /// The signer, in functions that have one.
    pub fn signer(&self) -> Result<&Signer> {
        self.signer.as_ref().ok_or_else(|| Error::internal("SIGNING_KEY_SECRET is not set"))
    }
}
