//! Who we are to Google: an API key, or a service account, whose signed statement buys a token of an hour.
//!
//! Deliberately absent: metadata servers, refresh tokens and workload identities.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::ai::deadline::Deadline;
use crate::ai::provider::{Dialect, Dormant, Failure, Kind};
use crate::clock::{Clock, Timestamp};
use crate::{Error, Result, Secret};

/// What the token may be used for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-vision";
/// How long our statement holds; Google's most.
const STATEMENT: Duration = Duration::from_secs(3_600);
/// A token is not used in the last of its time: a call may take long, and clocks disagree.
const EARLY: Duration = Duration::from_secs(120);

static DIALECT: Dialect = Dialect {
    name: "Google sign-in",
    request_id: "x-goog-request-id",
    longest: Duration::from_secs(5),
    largest: 64 * 1024,
    passing: |status| matches!(status, 429 | 500..=599),
    code,
    hopeless: |_| false,
};

/// How we say who we are.
#[derive(Clone)]
pub enum Credentials {
    /// By a key.
    ApiKey(Secret),
    /// By a signature.
    ServiceAccount(std::sync::Arc<ServiceAccount>),
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ApiKey(_) => "ApiKey",
            Self::ServiceAccount(_) => "ServiceAccount",
        })
    }
}

/// A service account and its token of the moment.
pub struct ServiceAccount {
    email: String,
    key: RsaKeyPair,
    key_id: Option<String>,
    token_url: String,
    provider: Dormant,
    clock: Clock,
    held: Mutex<Option<Token>>,
}

struct Token {
    value: Secret,
    expires: Timestamp,
}

/// The file that Google gives out; what is not used is not looked at.
#[derive(Deserialize)]
struct File {
    client_email: String,
    private_key: Secret,
    private_key_id: Option<String>,
    #[serde(default = "google")]
    token_uri: String,
}

fn google() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl ServiceAccount {
    /// Reads the JSON of a key file.
    ///
    /// # Errors
    /// `Internal`, without a word of the file.
    pub fn read(file: &Secret, clock: Clock) -> Result<Self> {
        let broken = |what: &str| Error::internal(format!("GOOGLE_SERVICE_ACCOUNT: {what}"));
        let File { client_email, private_key, private_key_id, token_uri } =
            serde_json::from_str(file.expose()).map_err(|_| broken("it is not the JSON of a service account's key"))?;
        let der = pkcs8(&private_key).ok_or_else(|| broken("private_key is not PEM"))?;
        let key = RsaKeyPair::from_pkcs8(&der).map_err(|_| broken("private_key is not an RSA key of PKCS #8"))?;
        let provider = Dormant::new(&DIALECT, clock.clone());
        let (email, key_id, token_url) = (client_email, private_key_id, token_uri);
        Ok(Self { email, key, key_id, token_url, provider, clock, held: Mutex::default() })
    }

    /// A token that still holds for a while: the one at hand, or a new one, fetched once for all who wait.
    pub(crate) async fn token(&self, deadline: Deadline) -> Result<Secret, Failure> {
        let mut held = self.held.lock().await;
        let now = self.clock.now();
        if let Some(token) = held.as_ref().filter(|token| now < token.expires) {
            return Ok(token.value.clone());
        }
        let statement = self.statement(now).map_err(|_| Failure::new(&DIALECT, Kind::Unsendable))?;
        let form = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={statement}");
        let provider = self.provider.wake(deadline)?;
        let request = provider.http().post(&self.token_url);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form).build();
        let token = provider.send(request, deadline, |body| read(body, now)).await.result?;
        Ok(held.insert(token).value.clone())
    }

    /// A JWT that says who we are and what for, signed with RS256.
    fn statement(&self, now: Timestamp) -> Result<String> {
        let header = match &self.key_id {
            Some(id) => json!({"alg": "RS256", "typ": "JWT", "kid": id}),
            None => json!({"alg": "RS256", "typ": "JWT"}),
        };
        let (issued, expires) = (now.secs(), (now + STATEMENT).secs());
        let claims = json!({"iss": self.email, "scope": SCOPE, "aud": self.token_url, "iat": issued, "exp": expires});
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = format!("{header}.{claims}");
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Error::internal("a statement could not be signed"))?;
        Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn read(body: &[u8], now: Timestamp) -> Option<Token> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: Secret,
        expires_in: u64,
    }
    let Granted { access_token, expires_in } = serde_json::from_slice(body).ok()?;
    let life = Duration::from_secs(expires_in.min(STATEMENT.as_secs())).saturating_sub(EARLY);
    (!access_token.is_empty()).then_some(Token { value: access_token, expires: now + life })
}

fn pkcs8(pem: &Secret) -> Option<Vec<u8>> {
    let (_, rest) = pem.expose().split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = rest.split_once("-----END PRIVATE KEY-----")?;
    let body: String = body.split_ascii_whitespace().collect();
    STANDARD.decode(body).ok()
}

/// The error of OAuth 2.0, one word.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        error: String,
    }
    serde_json::from_slice::<Problem>(body).ok().map(|problem| problem.error)
}

#[cfg(test)]
mod tests;
