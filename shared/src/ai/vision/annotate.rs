//! images:annotate: one image, the features that are asked for, one call.
//!
//! Deliberately absent: images by address, which the provider would fetch; batches; every other endpoint.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::{Deserialize, Serialize};

use super::google::Credentials;
use super::read::{self, Frame};
use super::wire::{Response, Responses};
use super::{Analysis, Feature, Features};
use crate::ai::deadline::Deadline;
use crate::ai::image::Image;
use crate::ai::provider::{Delivery, Dialect, Dormant, Failure, Kind};
use crate::clock::Clock;
use crate::error::Invalid;
use crate::money::Money;
use crate::{Error, Result, prices};

/// The provider's name, in errors and logs.
pub const NAME: &str = "Google Vision";
/// The most bytes of an image: the provider takes 10 MB of JSON, a third more than what is in it.
pub const MOST_BYTES: usize = 7_300_000;

static DIALECT: Dialect = Dialect {
    name: NAME,
    request_id: "x-goog-request-id",
    longest: Duration::from_secs(20),
    // A page full of text has a rectangle for every letter.
    largest: 12 * 1024 * 1024,
    passing: |status| matches!(status, 429 | 500 | 503 | 504),
    code,
    hopeless: |code| code.contains("BILLING") || code.contains("DISABLED"),
};

/// Who pays, and where the API is.
#[derive(Debug, Clone)]
pub struct Account {
    /// A key, or a service account.
    pub credentials: Credentials,
    /// The address, without the version.
    pub base_url: String,
}

/// The API, as one account sees it.
#[derive(Debug)]
pub struct Vision {
    provider: Dormant,
    account: Account,
}

/// There is no account.
pub(crate) fn unconfigured() -> Error {
    Error::Unconfigured { provider: NAME, setting: "GOOGLE_VISION_API_KEY" }
}

impl Vision {
    /// Connects nothing yet.
    pub fn new(account: Account, clock: Clock) -> Self {
        Self { provider: Dormant::new(&DIALECT, clock), account }
    }

    /// Looks at an image: one call, and a second one after a failure that may pass.
    pub(crate) async fn annotate(&self, image: &Image, features: &Features, deadline: Deadline) -> Delivery<Analysis> {
        let provider = match self.provider.wake(deadline) {
            Ok(provider) => provider,
            Err(failure) => return Delivery::unsent(failure),
        };
        let url = format!("{}/v1/images:annotate", self.account.base_url.trim_end_matches('/'));
        let request = provider.http().post(url).header(CONTENT_TYPE, "application/json");
        let request = match &self.account.credentials {
            // In a header: addresses end up in logs.
            Credentials::ApiKey(key) => request.header("x-goog-api-key", key.expose()),
            Credentials::ServiceAccount(account) => match account.token(deadline).await {
                Ok(token) => request.bearer_auth(token.expose()),
                Err(failure) => return Delivery::unsent(failure),
            },
        };
        let frame = Frame { stored: image.stored(), orientation: image.orientation() };
        let read = |_: &HeaderMap, body: Vec<u8>| {
            let response = response(&body).ok_or_else(|| Failure::new(&DIALECT, Kind::Unreadable))?;
            match &response.error {
                Some(error) if error.code != 0 => {
                    Err(Failure::status(&DIALECT, hidden(error.code), &HeaderMap::new(), &[]))
                }
                _ => Ok(read::analysis(response, features, frame)),
            }
        };
        provider.send_reading(request.body(body(image, features)).build(), deadline, read).await
    }
}

/// The answer to the one image.
pub(super) fn response(body: &[u8]) -> Option<Response> {
    let Responses { responses } = serde_json::from_slice(body).ok()?;
    responses.into_iter().next()
}

/// What an image's own error, inside a success, would be as a status (google.rpc.Code).
fn hidden(code: i64) -> u16 {
    match code {
        3 => 422,
        8 => 429,
        13 => 500,
        14 => 503,
        4 => 504,
        _ => 400,
    }
}

/// Whether the provider says that the image itself is no good.
pub(crate) fn refuses_image(failure: &Failure) -> bool {
    failure.http_status() == Some(422)
}

/// What a caller is told about a failure.
pub(crate) fn into_error(failure: Failure) -> Error {
    if refuses_image(&failure) { unreadable() } else { failure.into() }
}

/// The provider cannot read the image.
pub(crate) fn unreadable() -> Error {
    let message = "The image cannot be read by the provider: send another one.".to_owned();
    Error::Invalid { code: Invalid::BrokenImage, message }
}

#[derive(Serialize)]
struct Wanted {
    r#type: &'static str,
    #[serde(rename = "maxResults", skip_serializing_if = "Option::is_none")]
    most: Option<u8>,
}

/// The request. The image is encoded where it is sent: there is no other copy of its text.
pub(super) fn body(image: &Image, features: &Features) -> Vec<u8> {
    let wanted: Vec<Wanted> = features.iter().map(wanted).collect();
    // A list of words and numbers has JSON.
    let wanted = serde_json::to_vec(&wanted).unwrap_or_default();
    let mut body = Vec::with_capacity(image.bytes().len() / 3 * 4 + 4 + wanted.len() + 64);
    body.extend_from_slice(br#"{"requests":[{"image":{"content":""#);
    base64_simd::STANDARD.encode_append(image.bytes(), &mut body);
    body.extend_from_slice(br#""},"features":"#);
    body.extend_from_slice(&wanted);
    body.extend_from_slice(b"}]}");
    body
}

fn wanted(feature: Feature) -> Wanted {
    let (r#type, most) = match feature {
        Feature::Faces => ("FACE_DETECTION", Some(50)),
        Feature::Objects => ("OBJECT_LOCALIZATION", Some(50)),
        Feature::Text => ("DOCUMENT_TEXT_DETECTION", None),
        Feature::Labels => ("LABEL_DETECTION", Some(20)),
        Feature::SafeSearch => ("SAFE_SEARCH_DETECTION", None),
        Feature::Colors => ("IMAGE_PROPERTIES", None),
        Feature::CropHints => ("CROP_HINTS", None),
    };
    Wanted { r#type, most }
}

/// What one call costs. Safe search is free beside labels, and crop hints beside colours.
///
/// # Errors
/// `Unpriced` if the list lacks one, which a test excludes.
pub(super) fn price(features: &Features) -> Result<Money> {
    let asked = |feature| features.iter().any(|one| one == feature);
    let mut sum = Money::ZERO;
    for feature in features.iter() {
        let unit = match feature {
            Feature::Faces => "google-vision/face-detection",
            Feature::Objects => "google-vision/object-localization",
            Feature::Text => "google-vision/document-text-detection",
            Feature::Labels => "google-vision/label-detection",
            Feature::SafeSearch if asked(Feature::Labels) => continue,
            Feature::SafeSearch => "google-vision/safe-search-detection",
            Feature::Colors => "google-vision/image-properties",
            Feature::CropHints if asked(Feature::Colors) => continue,
            Feature::CropHints => "google-vision/crop-hints",
        };
        sum = sum.plus(prices::units(unit, 1)?);
    }
    Ok(sum)
}

/// The reason of an error, or its status.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        error: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        status: Option<String>,
        #[serde(default)]
        details: Vec<Info>,
    }
    #[derive(Deserialize)]
    struct Info {
        reason: Option<String>,
    }
    let Problem { error } = serde_json::from_slice(body).ok()?;
    error.details.into_iter().find_map(|info| info.reason).or(error.status)
}

#[cfg(test)]
mod tests;
