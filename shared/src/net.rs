//! The one HTTP client that calls providers, on compiled-in roots.
//!
//! Reading the system's root certificates would dominate a function's start.
//! Deliberately absent: proxies, redirects (a provider that redirects a key elsewhere is an error), total timeouts
//! (every call brings its own deadline).

use std::time::Duration;

use reqwest::{Certificate, Client, redirect::Policy};

use crate::{Error, Result};

/// How long a provider may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// The root certificates that are compiled in.
///
/// # Errors
/// `Internal` when a root cannot be read, which only a broken build can cause.
pub fn roots() -> Result<Vec<Certificate>> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| Certificate::from_der(der).map_err(Error::internal)).collect()
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
