//! AWS Signature Version 4, as far as S3 needs it here: an upload form, one header-signed request, one presigned address.
//!
//! An SDK client of S3 would be a fifth of a function's size for three signatures.
//! Deliberately absent: chunked signatures, other services' quirks (paths are encoded once, as S3 has it).

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};

use crate::Secret;
use crate::clock::Timestamp;
use crate::config::Aws;

/// The algorithm, as requests name it.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Who signs, where, and when.
#[derive(Debug)]
pub struct Signer<'a> {
    aws: &'a Aws,
    service: &'static str,
    now: Timestamp,
}

impl<'a> Signer<'a> {
    /// For S3.
    pub fn s3(aws: &'a Aws, now: Timestamp) -> Self {
        Self { aws, service: "s3", now }
    }

    /// `20261128T163000Z`.
    pub fn date_time(&self) -> String {
        self.now.rfc3339().replace(['-', ':'], "")
    }

    /// `20261128`.
    fn date(&self) -> String {
        self.date_time().chars().take(8).collect()
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date(), self.aws.region, self.service)
    }

    /// The key's id with its scope.
    pub fn credential(&self) -> String {
        format!("{}/{}", self.aws.access_key_id, self.scope())
    }

    /// The session's token, when the credentials are of a session.
    pub fn session_token(&self) -> Option<&'a Secret> {
        self.aws.session_token.as_ref()
    }

    /// The signature of a text.
    pub fn sign(&self, text: &str) -> String {
        let secret = format!("AWS4{}", self.aws.secret_access_key.expose());
        let date = self.date();
        let mut key = hmac::sign(&hmac::Key::new(HMAC_SHA256, secret.as_bytes()), date.as_bytes());
        for part in [self.aws.region.as_str(), self.service, "aws4_request", text] {
            key = hmac::sign(&hmac::Key::new(HMAC_SHA256, key.as_ref()), part.as_bytes());
        }
        hex(key.as_ref())
    }

    /// The signature of a request. `headers` are those that are signed, by name, in lower case; `query` is encoded, its
    /// parameters in order; `payload` is its hash in hex, or a word that stands for it.
    fn request(&self, method: &str, path: &str, query: &str, headers: &[(&str, &str)], payload: &str) -> String {
        let mut lines = String::new();
        for (name, value) in headers {
            // Writing to a string cannot fail.
            let _written = writeln!(lines, "{name}:{value}");
        }
        let signed = names(headers);
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{signed}\n{payload}");
        let hash = hex(digest(&SHA256, canonical.as_bytes()).as_ref());
        self.sign(&format!("{ALGORITHM}\n{}\n{}\n{hash}", self.date_time(), self.scope()))
    }

    /// The headers that make a request ours, beside its host.
    pub fn headers(&self, method: &str, host: &str, path: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        let payload = hex(digest(&SHA256, body).as_ref());
        let date = self.date_time();
        let token = self.session_token().map(Secret::expose);
        let mut headers =
            vec![("host", host), ("x-amz-content-sha256", payload.as_str()), ("x-amz-date", date.as_str())];
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        let signature = self.request(method, path, "", &headers, &payload);
        let signed = names(&headers);
        let authorization =
            format!("{ALGORITHM} Credential={},SignedHeaders={signed},Signature={signature}", self.credential());
        let token = token.map(|token| ("x-amz-security-token", token.to_owned()));
        let mut sent =
            vec![("authorization", authorization), ("x-amz-content-sha256", payload.clone()), ("x-amz-date", date)];
        sent.extend(token);
        sent
    }

    /// The query of an address that may be read for `seconds` by whoever has it.
    pub fn presigned(&self, host: &str, path: &str, seconds: u32) -> String {
        let (credential, seconds) = (self.credential(), seconds.to_string());
        let (date, token) = (self.date_time(), self.session_token().map(Secret::expose));
        let mut query = String::new();
        let parts = [
            ("X-Amz-Algorithm", Some(ALGORITHM)),
            ("X-Amz-Credential", Some(credential.as_str())),
            ("X-Amz-Date", Some(date.as_str())),
            ("X-Amz-Expires", Some(seconds.as_str())),
            ("X-Amz-Security-Token", token),
            ("X-Amz-SignedHeaders", Some("host")),
        ];
        for (name, value) in parts.into_iter().filter_map(|(name, value)| Some((name, value?))) {
            if !query.is_empty() {
                query.push('&');
            }
            query.push_str(name);
            query.push('=');
            query.push_str(&encoded(value));
        }
        let signature = self.request("GET", path, &query, &[("host", host)], "UNSIGNED-PAYLOAD");
        format!("{query}&X-Amz-Signature={signature}")
    }
}

fn names(headers: &[(&str, &str)]) -> String {
    headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";")
}

/// Everything but RFC 3986's unreserved characters as `%XX`.
pub fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _written = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _written = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The account, key and moment of the examples in AWS's documentation of S3.
    fn aws() -> Aws {
        Aws {
            region: "us-east-1".into(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            dynamodb_endpoint: None,
            secrets_manager_endpoint: None,
            lambda_endpoint: None,
            s3_endpoint: None,
        }
    }

    /// 2013-05-24T00:00:00Z.
    const MAY: Timestamp = Timestamp::from_secs(1_369_353_600);

    #[test]
    fn a_presigned_address_is_that_of_the_documentation() {
        let aws = aws();
        let query = Signer::s3(&aws, MAY).presigned("examplebucket.s3.amazonaws.com", "/test.txt", 86_400);
        assert_eq!(
            query,
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
             &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
             &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn a_request_is_signed_as_in_the_documentation() {
        let aws = aws();
        let empty = hex(digest(&SHA256, b"").as_ref());
        let headers = [
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", empty.as_str()),
            ("x-amz-date", "20130524T000000Z"),
        ];
        let signature = Signer::s3(&aws, MAY).request("GET", "/test.txt", "", &headers, &empty);
        assert_eq!(signature, "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
    }

    #[test]
    fn the_token_of_a_session_is_signed_too() {
        let aws = Aws { session_token: Some(Secret::new("a/token")), ..aws() };
        let signer = Signer::s3(&aws, MAY);
        assert!(signer.presigned("host", "/", 1).contains("&X-Amz-Security-Token=a%2Ftoken&X-Amz-SignedHeaders"));
        let headers = signer.headers("GET", "host", "/", b"");
        assert!(headers[0].1.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,"));
        assert_eq!(headers[3], ("x-amz-security-token", "a/token".to_owned()));
    }
}
