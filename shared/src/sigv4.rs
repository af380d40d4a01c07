//! AWS Signature Version 4 over the crate that the SDK uses: one request to any service, and for S3 also an upload form
//! and a presigned address.
//!
//! The SDK's own clients of these services would be megabytes of operations that nobody calls.
//! Deliberately absent: signatures of bodies in chunks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::{SigningParams, calculate_signature, generate_signing_key};
use reqwest::Url;

use crate::clock::Timestamp;
use crate::config::Aws;
use crate::{Error, Result, net};

/// The algorithm, as forms name it.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const S3: &str = "s3";

/// Who signs, and where.
#[derive(Debug)]
pub struct Signer {
    credentials: Credentials,
    region: String,
}

/// A request to be signed: its method, its address as it is sent, its headers and what it carries.
#[derive(Debug)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// The whole address, percent-encoded.
    pub url: &'a str,
    /// Headers beside the host.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body.
    pub body: &'a [u8],
}

impl Signer {
    /// Whoever the settings name.
    pub fn new(aws: &Aws) -> Self {
        Self { credentials: net::aws_credentials(aws), region: aws.region.clone() }
    }

    /// The headers that make a request ours.
    ///
    /// # Errors
    /// `Internal` for an address that is none.
    pub fn headers(
        &self,
        service: &str,
        now: Timestamp,
        request: &Signable<'_>,
    ) -> Result<Vec<(&'static str, String)>> {
        let mut settings = SigningSettings::default();
        if service == S3 {
            settings = settings_of_s3();
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let body = SignableBody::Bytes(request.body);
        let signed = self.sign(service, now, request, body, settings)?;
        Ok(signed.into_parts().0.into_iter().map(|header| (header.name(), header.value().to_owned())).collect())
    }

    /// An address of S3 that whoever has it may read for some time.
    ///
    /// # Errors
    /// `Internal` for an address that is none.
    pub fn presigned(&self, now: Timestamp, url: &str, readable: Duration) -> Result<String> {
        let mut settings = settings_of_s3();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(readable);
        let request = Signable { method: "GET", url, headers: &[], body: &[] };
        let signed = self.sign(S3, now, &request, SignableBody::UnsignedPayload, settings)?;
        let mut url: Url = url.parse().map_err(Error::internal)?;
        url.query_pairs_mut().extend_pairs(signed.params());
        Ok(url.into())
    }

    fn sign(
        &self,
        service: &str,
        now: Timestamp,
        request: &Signable<'_>,
        body: SignableBody<'_>,
        settings: SigningSettings,
    ) -> Result<SigningInstructions> {
        let identity = self.credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(time(now))
            .settings(settings)
            .build()
            .map_err(Error::internal)?
            .into();
        let &Signable { method, url, headers, .. } = request;
        let request = SignableRequest::new(method, url, headers.iter().copied(), body).map_err(Error::internal)?;
        Ok(sign(request, &params).map_err(Error::internal)?.into_parts().0)
    }

    /// The fields by which S3 knows who made an upload form, besides its policy and [`Self::policy`].
    pub fn form(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        let date_time = date_time(now);
        let scope = format!("{}/{}/{S3}/aws4_request", &date_time[..8], self.region);
        let credential = format!("{}/{scope}", self.credentials.access_key_id());
        let mut fields = vec![
            ("x-amz-algorithm", ALGORITHM.to_owned()),
            ("x-amz-credential", credential),
            ("x-amz-date", date_time),
        ];
        fields.extend(self.credentials.session_token().map(|token| ("x-amz-security-token", token.to_owned())));
        fields
    }

    /// The signature of a form's policy.
    pub fn policy(&self, now: Timestamp, policy: &str) -> String {
        let key = generate_signing_key(self.credentials.secret_access_key(), time(now), &self.region, S3);
        calculate_signature(key, policy.as_bytes())
    }
}

/// Paths are what they are, and encoded once: keys of objects are not files.
fn settings_of_s3() -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings
}

fn time(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(now.micros())
}

/// `20261128T163000Z`.
fn date_time(now: Timestamp) -> String {
    now.rfc3339().replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

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
    const OBJECT: &str = "https://examplebucket.s3.amazonaws.com/test.txt";

    fn value<'a>(headers: &'a [(&'static str, String)], name: &str) -> &'a str {
        headers.iter().find(|(other, _)| *other == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn a_presigned_address_is_that_of_the_documentation() {
        let url = Signer::new(&aws()).presigned(MAY, OBJECT, Duration::from_secs(86_400)).unwrap();
        let url: Url = url.parse().unwrap();
        let mut query: Vec<_> = url.query_pairs().collect();
        query.sort();
        let expected = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
            ("X-Amz-Date", "20130524T000000Z"),
            ("X-Amz-Expires", "86400"),
            ("X-Amz-Signature", "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
            ("X-Amz-SignedHeaders", "host"),
        ];
        assert_eq!(query, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn a_request_is_signed_as_in_the_documentation() {
        let request = Signable { method: "GET", url: OBJECT, headers: &[("range", "bytes=0-9")], body: &[] };
        let headers = Signer::new(&aws()).headers(S3, MAY, &request).unwrap();
        let signature = "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        assert!(value(&headers, "authorization").ends_with(signature), "{headers:?}");
        assert_eq!(value(&headers, "x-amz-date"), "20130524T000000Z");
    }

    #[test]
    fn the_token_of_a_session_is_signed_too() {
        let signer = Signer::new(&Aws { session_token: Some(Secret::new("a/token")), ..aws() });
        let url = signer.presigned(MAY, OBJECT, Duration::from_secs(1)).unwrap();
        assert!(url.contains("X-Amz-Security-Token=a%2Ftoken"), "{url}");
        let headers = signer.headers(S3, MAY, &Signable { method: "GET", url: OBJECT, headers: &[], body: &[] });
        let headers = headers.unwrap();
        assert_eq!(value(&headers, "x-amz-security-token"), "a/token");
        let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,";
        assert!(value(&headers, "authorization").contains(signed), "{headers:?}");
        assert!(signer.form(MAY).contains(&("x-amz-security-token", "a/token".to_owned())));
    }
}
