//! The HTTP clients, for AWS and for providers: one TLS stack, one compiled-in root store.
//!
//! Reading the system's root certificates would dominate a function's start.
//! Deliberately absent: proxies, redirects (a provider that redirects a key elsewhere is an error), total timeouts
//! (every call brings its own deadline).

use std::sync::LazyLock;
use std::time::Duration;

use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use reqwest::{Certificate, Client, redirect::Policy};

use crate::config::Aws;
use crate::{Error, Result};

/// How long a provider may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// The root certificates that are compiled in.
///
/// # Errors
/// `Internal` when a root cannot be read, which only a broken build can cause.
pub fn roots() -> Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .map(|der| Certificate::from_der(der).map_err(Error::internal))
        .collect()
}

/// A client with no redirects and a connect timeout of 3 s.
///
/// # Errors
/// `Internal` when TLS cannot be set up.
pub fn http_client() -> Result<Client> {
    Client::builder()
        .tls_certs_only(roots()?)
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .user_agent(concat!("aura/", env!("CARGO_PKG_VERSION")))
        .no_proxy()
        .build()
        .map_err(Error::internal)
}

/// The client that every AWS service of this process shares.
///
/// Its roots are those that AWS's endpoints chain to (Amazon Trust Services and Starfield, as AWS's certificate
/// documentation lists them), a subset of the compiled-in store: searching and parsing all of that would be most of a
/// function's start.
///
/// # Errors
/// `Internal` when TLS cannot be set up.
pub fn aws_http_client() -> Result<SharedHttpClient> {
    static SHARED: LazyLock<Result<SharedHttpClient>> = LazyLock::new(|| {
        let store = TrustStore::empty().with_pem_certificate(AWS_ROOTS);
        let context = TlsContext::builder().with_trust_store(store).build().map_err(Error::internal)?;
        Ok(aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(context)
            .build_https())
    });
    SHARED.as_ref().map_err(|error| Error::internal(error.to_string())).cloned()
}

/// A client for single signed requests to AWS, with the same roots, no redirects and a connect timeout of 3 s.
///
/// # Errors
/// `Internal` when TLS cannot be set up.
pub fn aws_plain_client() -> Result<Client> {
    Client::builder()
        .tls_certs_only(Certificate::from_pem_bundle(AWS_ROOTS.as_bytes()).map_err(Error::internal)?)
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(128)
        .no_proxy()
        .build()
        .map_err(Error::internal)
}

/// The roots of AWS's endpoints; a test finds each of them in the compiled-in store.
const AWS_ROOTS: &str = include_str!("aws_roots.pem");

/// The credentials that Lambda puts into the environment; they hold for the life of the process.
pub fn aws_credentials(aws: &Aws) -> Credentials {
    let token = aws.session_token.as_ref().map(|token| token.expose().to_owned());
    Credentials::new(&aws.access_key_id, aws.secret_access_key.expose(), token, None, "environment")
}

/// What a failed call says in a log: the service's code and message, or what broke on the way.
///
/// The SDK's own `Debug` and `DisplayErrorContext` print the raw response, which may hold an item or a secret.
pub fn describe<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata,
{
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) =
                (service.err().code().unwrap_or("no code"), service.err().message().unwrap_or_default());
            format!("{} {code}: {message}", service.raw().status())
        }
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error().and_then(std::error::Error::source);
            format!(
                "the request was not answered: {}",
                cause.map_or_else(|| "no connection".into(), ToString::to_string)
            )
        }
        SdkError::TimeoutError(_) => "the call took too long".to_owned(),
        SdkError::ResponseError(response) => format!("the answer ({}) could not be read", response.raw().status()),
        _ => "the request could not be built".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn the_roots_of_aws_are_in_the_store() {
        let roots: Vec<_> =
            AWS_ROOTS.split("-----END CERTIFICATE-----").filter(|root| !root.trim().is_empty()).collect();
        assert_eq!(roots.len(), 6);
        for root in roots {
            let encoded: String = root.trim().lines().skip(1).collect();
            let der = STANDARD.decode(encoded).unwrap();
            let known = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().any(|trusted| trusted.as_ref() == der);
            assert!(known, "{root}");
        }
        aws_http_client().unwrap();
    }
}
