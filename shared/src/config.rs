//! The only reader of the environment: every setting, its default and its limits.
//!
//! A setting that is absent takes its default; one that is wrong stops the function at init with a sentence that names
//! it. Deliberately absent: anything read later than init.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::Secret;
use crate::money::Money;

/// A setting that is missing or wrong, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {problem}")]
pub struct ConfigError {
    /// The setting.
    pub name: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

/// Every setting, parsed.
#[derive(Debug, Clone)]
pub struct Config {
    /// `AURA_VERSION`: what `/health` reports.
    pub version: String,
    /// `LOG_LEVEL`: error, warn, info (default), debug or trace.
    pub log_level: LogLevel,
    /// Region, credentials and endpoints of AWS.
    pub aws: Aws,
    /// `IDENTITY_TABLE`: users, sessions, public keys.
    pub identity_table: Option<String>,
    /// `EPHEMERAL_TABLE`: rate-limit logs.
    pub ephemeral_table: Option<String>,
    /// `VECTORS_TABLE`: searchable documents and jobs that index them.
    pub vectors_table: Option<String>,
    /// `INDEX_WORKER`: the function that indexes in the background.
    pub index_worker: Option<String>,
    /// `ROOMS_TABLE`: logs and snapshots of rooms, and who may enter them.
    pub rooms_table: Option<String>,
    /// `CONNECTIONS_URL`: the stage of the WebSocket API, for `@connections`.
    pub connections_url: Option<String>,
    /// `WEBSOCKET_URL`: where clients connect.
    pub websocket_url: Option<String>,
    /// `HTTP_URL`: our own HTTP API, whose pages may connect.
    pub http_url: Option<String>,
    /// `CORS_ORIGINS`, separated by commas: origins whose pages may connect.
    pub cors_origins: Vec<String>,
    /// `FAN_OUT_FUNCTION`: who posts to large rooms.
    pub fan_out_function: Option<String>,
    /// `COMPACT_ROOM_FUNCTION`: who makes snapshots.
    pub compact_room_function: Option<String>,
    /// `SIGNING_KEY_SECRET`: the secret with the signing keys.
    pub signing_key_secret: Option<String>,
    /// `PROVIDER_SECRET`: the secret with the providers' keys.
    pub provider_secret: Option<String>,
    /// `UPLOAD_BUCKET`: images that are too large for a request.
    pub upload_bucket: Option<String>,
    /// `GOOGLE_VISION_API_KEY`: wins over the provider secret.
    pub google_vision_api_key: Option<Secret>,
    /// `GOOGLE_SERVICE_ACCOUNT`: the JSON of a service account's key; used when there is no API key.
    pub google_service_account: Option<Secret>,
    /// `GOOGLE_VISION_BASE_URL`, default `https://vision.googleapis.com`.
    pub google_vision_base_url: String,
    /// `REMOVEBG_API_KEY`: wins over the provider secret.
    pub removebg_api_key: Option<Secret>,
    /// `REMOVEBG_BASE_URL`, default `https://api.remove.bg/v1.0`.
    pub removebg_base_url: String,
    /// `OPENAI_API_KEY`: wins over the provider secret.
    pub openai_api_key: Option<Secret>,
    /// `OPENAI_BASE_URL`, default `https://api.openai.com/v1`.
    pub openai_base_url: String,
    /// `EMBEDDING_MODEL`, default text-embedding-3-small.
    pub embedding_model: String,
    /// `PINECONE_API_KEY`: wins over the provider secret.
    pub pinecone_api_key: Option<Secret>,
    /// `PINECONE_BASE_URL`: the control plane, default `https://api.pinecone.io`.
    pub pinecone_base_url: String,
    /// `PINECONE_INDEX`: the index, made if it is absent, default aura.
    pub pinecone_index: String,
    /// `PINECONE_CLOUD`: where a new index is made, aws, gcp or azure, default aws.
    pub pinecone_cloud: String,
    /// `PINECONE_REGION`: where in that cloud, default us-east-1.
    pub pinecone_region: String,
    /// `MODEL_SIMPLE`, default gpt-6-luna.
    pub model_simple: String,
    /// `MODEL_COMPLEX`, default gpt-6.1-terra.
    pub model_complex: String,
    /// `USE_CHEAPER_MODELS_THRESHOLD`, 0 to 1, default 0.5.
    pub cheaper_models_threshold: f64,
    /// `ENABLE_AI_CACHING`: whether answers of models are kept and repeated, true or false, default true.
    pub ai_caching: bool,
    /// `JWT_EXPIRES_IN`: life of an access token, 1m to 1h, default 15m.
    pub access_token_life: Duration,
    /// `REFRESH_TOKEN_EXPIRES_IN`: life of a refresh token, 1h to 90d, default 7d.
    pub refresh_token_life: Duration,
    /// `PASSWORD_MIN_LENGTH` in characters, 8 to 64, default 15.
    pub password_min_length: usize,
    /// `RATE_LIMIT_WINDOW_MS`, 1 s to 24 h, default 15 min.
    pub rate_limit_window: Duration,
    /// `RATE_LIMIT_MAX_REQUESTS`, 1 to 300, default 100.
    pub rate_limit_requests: u32,
    /// `AI_RATE_LIMIT_MAX_REQUESTS`, 1 to 300, default 50.
    pub rate_limit_ai_requests: u32,
    /// `BUDGET_USER_DAY`: what a user may spend on a day (UTC), in dollars, 0 to 100,000, default 1.
    pub budget_user_day: Money,
    /// `BUDGET_USER_MONTH`: in a month, default 10.
    pub budget_user_month: Money,
    /// `BUDGET_TENANT_MONTH`: all users of a tenant in a month, default 100.
    pub budget_tenant_month: Money,
    /// `MAX_COST_PER_REQUEST`: the worst case of one request, default 0.25.
    pub max_cost_per_request: Money,
}

/// Where AWS is and who we are there; Lambda sets all of it.
#[derive(Debug, Clone)]
pub struct Aws {
    /// `AWS_REGION`, default us-east-1.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: Secret,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: Option<Secret>,
    /// `AWS_ENDPOINT_URL_DYNAMODB`, or `AWS_ENDPOINT_URL`: another DynamoDB than the region's.
    pub dynamodb_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_LAMBDA`, or `AWS_ENDPOINT_URL`: another Lambda than the region's.
    pub lambda_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_SECRETS_MANAGER`, or `AWS_ENDPOINT_URL`: another Secrets Manager than the region's.
    pub secrets_manager_endpoint: Option<String>,
    /// `AWS_ENDPOINT_URL_S3`, or `AWS_ENDPOINT_URL`: another S3 than the region's.
    pub s3_endpoint: Option<String>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(pub tracing::Level);

impl FromStr for LogLevel {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "use error, warn, info, debug or trace".to_owned())
    }
}

impl Config {
    /// Reads the process's environment.
    #[expect(clippy::disallowed_methods, reason = "this is where settings come from")]
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(|name| std::env::var(name).ok())
    }

    /// Reads settings from `lookup`; an empty value counts as absent.
    pub fn from_lookup(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = Reader(&|name| lookup(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()));
        let endpoint =
            |name| read.url(name).and_then(|own| own.map_or_else(|| read.url("AWS_ENDPOINT_URL"), |u| Ok(Some(u))));
        Ok(Self {
            version: read.text("AURA_VERSION").unwrap_or_else(|| env!("CARGO_PKG_VERSION").to_owned()),
            log_level: read.parsed("LOG_LEVEL", LogLevel(tracing::Level::INFO))?,
            aws: Aws {
                region: read.text("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
                access_key_id: read.text("AWS_ACCESS_KEY_ID").unwrap_or_default(),
                secret_access_key: Secret::new(read.text("AWS_SECRET_ACCESS_KEY").unwrap_or_default()),
                session_token: read.text("AWS_SESSION_TOKEN").map(Secret::new),
                dynamodb_endpoint: endpoint("AWS_ENDPOINT_URL_DYNAMODB")?,
                lambda_endpoint: endpoint("AWS_ENDPOINT_URL_LAMBDA")?,
                secrets_manager_endpoint: endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER")?,
                s3_endpoint: endpoint("AWS_ENDPOINT_URL_S3")?,
            },
            identity_table: read.text("IDENTITY_TABLE"),
            ephemeral_table: read.text("EPHEMERAL_TABLE"),
            vectors_table: read.text("VECTORS_TABLE"),
            index_worker: read.text("INDEX_WORKER"),
            rooms_table: read.text("ROOMS_TABLE"),
            connections_url: read.url("CONNECTIONS_URL")?,
            websocket_url: read.text("WEBSOCKET_URL"),
            http_url: read.url("HTTP_URL")?,
            cors_origins: read.text("CORS_ORIGINS").map(|list| words(&list)).unwrap_or_default(),
            fan_out_function: read.text("FAN_OUT_FUNCTION"),
            compact_room_function: read.text("COMPACT_ROOM_FUNCTION"),
            signing_key_secret: read.text("SIGNING_KEY_SECRET"),
            provider_secret: read.text("PROVIDER_SECRET"),
            upload_bucket: read.text("UPLOAD_BUCKET"),
            google_vision_api_key: read.text("GOOGLE_VISION_API_KEY").map(Secret::new),
            google_service_account: read.text("GOOGLE_SERVICE_ACCOUNT").map(Secret::new),
            google_vision_base_url: read
                .url("GOOGLE_VISION_BASE_URL")?
                .unwrap_or_else(|| "https://vision.googleapis.com".to_owned()),
            removebg_api_key: read.text("REMOVEBG_API_KEY").map(Secret::new),
            removebg_base_url: read
                .url("REMOVEBG_BASE_URL")?
                .unwrap_or_else(|| "https://api.remove.bg/v1.0".to_owned()),
            openai_api_key: read.text("OPENAI_API_KEY").map(Secret::new),
            openai_base_url: read.url("OPENAI_BASE_URL")?.unwrap_or_else(|| "https://api.openai.com/v1".to_owned()),
            embedding_model: read.text("EMBEDDING_MODEL").unwrap_or_else(|| "text-embedding-3-small".to_owned()),
            pinecone_api_key: read.text("PINECONE_API_KEY").map(Secret::new),
            pinecone_base_url: read.url("PINECONE_BASE_URL")?.unwrap_or_else(|| "https://api.pinecone.io".to_owned()),
            pinecone_index: read.index_name("PINECONE_INDEX")?,
            pinecone_cloud: read.text("PINECONE_CLOUD").unwrap_or_else(|| "aws".to_owned()),
            pinecone_region: read.text("PINECONE_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            model_simple: read.text("MODEL_SIMPLE").unwrap_or_else(|| "gpt-6-luna".to_owned()),
            model_complex: read.text("MODEL_COMPLEX").unwrap_or_else(|| "gpt-6.1-terra".to_owned()),
            cheaper_models_threshold: read.between("USE_CHEAPER_MODELS_THRESHOLD", 0.5, 0.0, 1.0)?,
            ai_caching: read.parsed("ENABLE_AI_CACHING", true)?,
            access_token_life: read.life("JWT_EXPIRES_IN", 15 * MINUTE, MINUTE, HOUR)?,
            refresh_token_life: read.life("REFRESH_TOKEN_EXPIRES_IN", 7 * DAY, HOUR, 90 * DAY)?,
            password_min_length: read.between("PASSWORD_MIN_LENGTH", 15, 8, 64)?,
            rate_limit_window: Duration::from_millis(read.between(
                "RATE_LIMIT_WINDOW_MS",
                900_000,
                1_000,
                86_400_000,
            )?),
            rate_limit_requests: read.between("RATE_LIMIT_MAX_REQUESTS", 100, 1, 300)?,
            rate_limit_ai_requests: read.between("AI_RATE_LIMIT_MAX_REQUESTS", 50, 1, 300)?,
            budget_user_day: read.dollars("BUDGET_USER_DAY", Money::from_dollars(1))?,
            budget_user_month: read.dollars("BUDGET_USER_MONTH", Money::from_dollars(10))?,
            budget_tenant_month: read.dollars("BUDGET_TENANT_MONTH", Money::from_dollars(100))?,
            max_cost_per_request: read.dollars("MAX_COST_PER_REQUEST", Money::from_nanos(250_000_000))?,
        })
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

fn words(list: &str) -> Vec<String> {
    list.split(',').map(|word| word.trim().trim_end_matches('/').to_owned()).filter(|word| !word.is_empty()).collect()
}

struct Reader<'a>(&'a dyn Fn(&'static str) -> Option<String>);

impl Reader<'_> {
    fn text(&self, name: &'static str) -> Option<String> {
        (self.0)(name)
    }

    fn parsed<T: FromStr<Err: fmt::Display>>(&self, name: &'static str, default: T) -> Result<T, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|problem: T::Err| ConfigError { name, problem: problem.to_string() })
    }

    fn between<T>(&self, name: &'static str, default: T, low: T, high: T) -> Result<T, ConfigError>
    where
        T: FromStr<Err: fmt::Display> + PartialOrd + fmt::Display,
    {
        let value = self.parsed(name, default)?;
        if value >= low && value <= high {
            return Ok(value);
        }
        Err(ConfigError { name, problem: format!("{value} is not between {low} and {high}") })
    }

    /// An amount of dollars; 0 spends nothing.
    fn dollars(&self, name: &'static str, default: Money) -> Result<Money, ConfigError> {
        self.between(name, default, Money::ZERO, Money::from_dollars(100_000))
    }

    fn url(&self, name: &'static str) -> Result<Option<String>, ConfigError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let valid = reqwest::Url::parse(&text).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http") && url.username().is_empty() && url.password().is_none()
        });
        if valid {
            return Ok(Some(text.trim_end_matches('/').to_owned()));
        }
        Err(ConfigError { name, problem: "an http or https URL without credentials is needed".to_owned() })
    }

    /// What Pinecone takes as the name of an index.
    fn index_name(&self, name: &'static str) -> Result<String, ConfigError> {
        let text = self.text(name).unwrap_or_else(|| "aura".to_owned());
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if plain && text.len() <= 45 && !text.starts_with('-') && !text.ends_with('-') {
            return Ok(text);
        }
        Err(ConfigError { name, problem: format!("{text} is not 1 to 45 characters of a-z, 0-9 and -") })
    }

    /// A number of seconds with an optional suffix s, m, h or d.
    fn life(&self, name: &'static str, default: u64, low: u64, high: u64) -> Result<Duration, ConfigError> {
        let wrong = |problem: String| ConfigError { name, problem };
        let Some(text) = self.text(name) else { return Ok(Duration::from_secs(default)) };
        let (digits, unit) = match text.strip_suffix(['s', 'm', 'h', 'd']) {
            Some(digits) => (digits, &text[digits.len()..]),
            None => (text.as_str(), "s"),
        };
        let factor = match unit {
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => 1,
        };
        let secs = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        match secs {
            Some(secs) if (low..=high).contains(&secs) => Ok(Duration::from_secs(secs)),
            Some(_) => Err(wrong(format!("{text} is not between {low} s and {high} s"))),
            None => Err(wrong(format!("{text} is not a time such as 15m, 1h or 7d"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> Result<Config, ConfigError> {
        Config::from_lookup(|asked| (asked == name).then(|| value.to_owned()))
    }

    #[test]
    fn everything_has_a_default() {
        let config = Config::from_lookup(|_| None).unwrap();
        assert_eq!(config.access_token_life, Duration::from_secs(900));
        assert_eq!(config.password_min_length, 15);
        assert_eq!(config.rate_limit_ai_requests, 50);
        assert!(config.ai_caching);
        let budgets = [config.budget_user_day, config.budget_user_month, config.budget_tenant_month];
        assert_eq!(budgets, [1, 10, 100].map(Money::from_dollars));
        assert_eq!(config.max_cost_per_request.to_string(), "0.25");
    }

    #[test]
    fn money_is_in_dollars() {
        assert_eq!(with("BUDGET_USER_DAY", "0").unwrap().budget_user_day, Money::ZERO);
        assert_eq!(with("MAX_COST_PER_REQUEST", "1.5").unwrap().max_cost_per_request.nanos(), 1_500_000_000);
    }

    #[test]
    fn a_wrong_value_names_its_setting() {
        for (name, value) in [
            ("LOG_LEVEL", "loud"),
            ("OPENAI_BASE_URL", "api.openai.com"),
            ("OPENAI_BASE_URL", "https://user:pass@example.com"),
            ("USE_CHEAPER_MODELS_THRESHOLD", "NaN"),
            ("USE_CHEAPER_MODELS_THRESHOLD", "1.5"),
            ("ENABLE_AI_CACHING", "yes"),
            ("JWT_EXPIRES_IN", "2d"),
            ("JWT_EXPIRES_IN", "soon"),
            ("JWT_EXPIRES_IN", "99999999999999999999d"),
            ("PASSWORD_MIN_LENGTH", "7"),
            ("RATE_LIMIT_WINDOW_MS", "-1"),
            ("AI_RATE_LIMIT_MAX_REQUESTS", "0"),
            ("BUDGET_USER_DAY", "-1"),
            ("BUDGET_USER_MONTH", "100001"),
            ("BUDGET_TENANT_MONTH", "$5"),
            ("MAX_COST_PER_REQUEST", "0.0000000001"),
            ("PINECONE_INDEX", "My_Index"),
        ] {
            let error = with(name, value).unwrap_err();
            assert_eq!(error.name, name, "{value}");
            assert!(error.to_string().starts_with(name));
        }
    }

    #[test]
    fn lives_have_units() {
        assert_eq!(with("JWT_EXPIRES_IN", "600").unwrap().access_token_life, Duration::from_secs(600));
        assert_eq!(with("JWT_EXPIRES_IN", "10m").unwrap().access_token_life, Duration::from_secs(600));
        assert_eq!(with("REFRESH_TOKEN_EXPIRES_IN", "30d").unwrap().refresh_token_life, Duration::from_secs(30 * DAY));
    }

    #[test]
    fn an_empty_value_is_absent() {
        assert_eq!(with("PASSWORD_MIN_LENGTH", "  ").unwrap().password_min_length, 15);
    }

    #[test]
    fn debug_shows_no_key() {
        let config = with("OPENAI_API_KEY", "sk-canary").unwrap();
        assert!(!format!("{config:?}").contains("canary"));
        let config = with("PINECONE_API_KEY", "pcsk-canary").unwrap();
        assert!(!format!("{config:?}").contains("canary"));
    }
}
