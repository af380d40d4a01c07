//! remove.bg: the form that is sent, and what comes back.
//!
//! Deliberately absent: the account's balance, every other endpoint.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;

use super::Options;
use crate::ai::deadline::Deadline;
use crate::ai::image::Image;
use crate::ai::provider::{Delivery, Dialect, Dormant, Failure, Kind};
use crate::clock::Clock;
use crate::error::Invalid;
use crate::{Error, Secret};

/// The provider's name, in errors and logs.
pub const NAME: &str = "remove.bg";

static DIALECT: Dialect = Dialect {
    name: NAME,
    request_id: "x-request-id",
    longest: Duration::from_secs(20),
    largest: 22 * 1024 * 1024,
    // Anything else may have been charged: a second credit is the caller's to spend.
    passing: |status| status == 429,
    code,
    hopeless: |_| false,
};

/// Who pays, and where the API is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The API key.
    pub key: Secret,
    /// The address, up to and including the version.
    pub base_url: String,
}

/// The API, as one account sees it.
#[derive(Debug)]
pub struct RemoveBg {
    provider: Dormant,
    account: Account,
}

/// What the provider sent.
pub(super) struct CutOut {
    pub image: Image,
    /// In hundredths; `None` when it did not tell.
    pub credits: Option<u64>,
}

impl RemoveBg {
    /// Connects nothing yet.
    pub fn new(account: Account, clock: Clock) -> Self {
        Self { provider: Dormant::new(&DIALECT, clock), account }
    }

    pub(super) async fn cut_out(
        &self,
        body: Vec<u8>,
        boundary: &str,
        sent: [u8; 32],
        deadline: Deadline,
    ) -> Delivery<CutOut> {
        let provider = match self.provider.wake(deadline) {
            Ok(provider) => provider,
            Err(failure) => return Delivery::unsent(failure),
        };
        let url = format!("{}/removebg", self.account.base_url.trim_end_matches('/'));
        let request = provider.http().post(url).header("x-api-key", self.account.key.expose());
        let request = request.header("accept", "image/*, application/json");
        let request = request.header(CONTENT_TYPE, format!("multipart/form-data; boundary={boundary}")).body(body);
        let read = |headers: &HeaderMap, body: Vec<u8>| {
            let credits = headers.get("x-credits-charged").and_then(|value| hundredths(value.to_str().ok()?));
            let image = Image::read(body).ok().filter(|image| *image.hash() != sent);
            let image = image.ok_or_else(|| Failure::new(&DIALECT, Kind::Unreadable))?;
            Ok(CutOut { image, credits })
        };
        provider.send_reading(request.build(), deadline, read).await
    }
}

/// The provider's form: the image, and how to cut it out. Of its metadata, the orientation alone.
pub(super) fn form(image: &Image, options: &Options, boundary: &str) -> Vec<u8> {
    let parts = image.upright();
    let mut body = Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + 1_024);
    for (name, value) in options.fields() {
        let part = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        body.extend_from_slice(part.as_bytes());
    }
    let media_type = image.format().media_type();
    let head = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"image_file\"; filename=\"image\"\r\nContent-Type: {media_type}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    parts.iter().for_each(|part| body.extend_from_slice(part));
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    body
}

/// What a caller is told about a failure.
pub(super) fn into_error(failure: Failure) -> Error {
    if refuses_image(&failure) { unusable() } else { failure.into() }
}

/// Whether the provider says that the image itself is no good: it charges nothing then.
pub(super) fn refuses_image(failure: &Failure) -> bool {
    failure.http_status() == Some(400)
}

/// The provider finds nothing to cut out.
pub(super) fn unusable() -> Error {
    let message = "Nothing can be cut out of this image: send one with a clear subject.".to_owned();
    Error::Invalid { code: Invalid::BrokenImage, message }
}

/// A number with at most two decimals that count, in hundredths; rounded up.
fn hundredths(text: &str) -> Option<u64> {
    let number = text.trim().parse::<f64>().ok().filter(|number| (0.0..1_000.0).contains(number))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 100,000")]
    let hundredths = (number * 100.0 - 1e-9).ceil() as u64;
    Some(hundredths)
}

/// The code of the first error, if it has one: many have a title alone.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problems {
        errors: Vec<Problem>,
    }
    #[derive(Deserialize)]
    struct Problem {
        code: Option<String>,
    }
    serde_json::from_slice::<Problems>(body).ok()?.errors.into_iter().next()?.code
}

#[cfg(test)]
mod tests;
