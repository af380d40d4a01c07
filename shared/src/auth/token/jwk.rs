//! Public keys as clients read them: JSON Web Keys of type OKP (RFC 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::PublicKey;

/// An Ed25519 public key.
#[derive(Debug, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: String,
    x: String,
}

impl From<(&str, &PublicKey)> for PublicJwk {
    fn from((kid, key): (&str, &PublicKey)) -> Self {
        Self {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            usage: "sig",
            kid: kid.to_owned(),
            x: URL_SAFE_NO_PAD.encode(&key.x),
        }
    }
}
