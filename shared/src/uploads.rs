//! Images too large for a request: a form that uploads one to S3, and the way to it afterwards.
//!
//! A form is good for one object: its key, its type, its exact size, ten minutes. Keys lie below the user's own prefix,
//! and whoever names one that lies elsewhere hears that there is no such upload. The bucket deletes everything after a
//! day. Deliberately absent: what is in an upload (`ai::image` looks at that), and lists of uploads.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::ai::deadline::Deadline;
use crate::ai::image::{Format, Image};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::error::Invalid;
use crate::random::{Random, UploadId};
use crate::sigv4::{Signable, Signer};
use crate::{Error, Result, UserId, net};

/// The most bytes of an upload.
pub const MOST: u64 = 20_000_000;
/// How long a form may be used.
const FORM: Duration = Duration::from_secs(600);
/// How long a presigned address may be read.
const READABLE: Duration = Duration::from_secs(3_600);
/// The longest that S3 may take.
const LONGEST: Duration = Duration::from_secs(15);

/// What is to be uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Body")]
pub struct Request {
    format: Format,
    size: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Body {
    content_type: String,
    size: u64,
}

impl TryFrom<Body> for Request {
    type Error = String;

    fn try_from(Body { content_type, size }: Body) -> Result<Self, String> {
        let format = Format::of_media_type(&content_type)
            .ok_or("`contentType` is image/jpeg, image/png, image/webp or image/gif")?;
        if !(1..=MOST).contains(&size) {
            return Err(format!("`size` is 1 to {MOST} bytes"));
        }
        Ok(Self { format, size })
    }
}

/// A form that uploads one object: `fields` in this order, and the file last, as `multipart/form-data` to `url`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Form {
    /// Where to post it.
    pub url: String,
    /// What to post before the file.
    pub fields: Map<String, Value>,
    /// What to name the upload by, afterwards.
    pub image_key: Key,
    /// Until when.
    pub expires_at: String,
}

/// The key of an upload: below its owner's prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    owner: UserId,
    id: UploadId,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uploads/{}/{}", self.owner, self.id)
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let missing = || Error::NotFound { what: "upload" };
        let (owner, id) = text.strip_prefix("uploads/").and_then(|rest| rest.split_once('/')).ok_or_else(missing)?;
        let key = Self { owner: owner.parse().map_err(|_| missing())?, id: id.parse().map_err(|_| missing())? };
        // One spelling: hexadecimal digits have two cases.
        if key.to_string() == text { Ok(key) } else { Err(missing()) }
    }
}

impl Key {
    /// A key that `owner` names.
    ///
    /// # Errors
    /// NOT_FOUND for one that lies below another's prefix, or anywhere else.
    pub fn owned(text: &str, owner: UserId) -> Result<Self> {
        let key: Self = text.parse()?;
        if key.owner == owner { Ok(key) } else { Err(Error::NotFound { what: "upload" }) }
    }
}

/// The bucket of this deployment.
pub struct Uploads {
    bucket: String,
    /// The bucket's address.
    url: String,
    signer: Signer,
    random: Random,
    http: reqwest::Client,
}

impl fmt::Debug for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Uploads").field("bucket", &self.bucket).finish_non_exhaustive()
    }
}

impl Uploads {
    /// The bucket that the settings name, if they name one; connects nothing yet.
    ///
    /// # Errors
    /// `Internal` when TLS cannot be set up.
    pub fn new(config: &Config) -> Result<Option<Self>> {
        let Some(bucket) = config.upload_bucket.clone() else { return Ok(None) };
        let aws = &config.aws;
        let url = match &aws.s3_endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}"),
            None => format!("https://{bucket}.s3.{}.amazonaws.com", aws.region),
        };
        let http = net::aws_plain_client()?;
        Ok(Some(Self { bucket, url, signer: Signer::new(aws), random: Random::system(), http }))
    }

    /// A form for one image.
    ///
    /// # Errors
    /// `Internal` without randomness.
    pub fn form(&self, owner: UserId, request: Request, now: Timestamp) -> Result<Form> {
        let Request { format, size } = request;
        let key = Key { owner, id: self.random.id()? };
        let expires_at = (now + FORM).rfc3339();
        let mut fields = Map::new();
        let mut put = |name: &str, value: &str| drop(fields.insert(name.to_owned(), json!(value)));
        put("key", &key.to_string());
        put("Content-Type", format.media_type());
        for (name, value) in self.signer.form(now) {
            put(name, &value);
        }
        let mut conditions = vec![json!({"bucket": self.bucket}), json!(["content-length-range", size, size])];
        conditions.extend(fields.iter().map(|(name, value)| json!(["eq", format!("${name}"), value])));
        let policy = STANDARD.encode(json!({"expiration": expires_at, "conditions": conditions}).to_string());
        fields.insert("policy".to_owned(), json!(policy));
        fields.insert("x-amz-signature".to_owned(), json!(self.signer.policy(now, &policy)));
        Ok(Form { url: self.url.clone(), fields, image_key: key, expires_at })
    }

    /// An upload of its owner's, looked at.
    ///
    /// # Errors
    /// NOT_FOUND for what is not there; what [`Image::read`] says; `Unavailable`.
    pub(crate) async fn read(&self, key: Key, now: Timestamp, deadline: Deadline) -> Result<Image> {
        let (bytes, media_type) = deadline
            .limit(LONGEST, self.get(key, now))
            .await
            .map_err(|_| Error::unavailable("S3 did not answer in time"))??;
        Image::read(bytes)?.declared(&media_type)
    }

    async fn get(&self, key: Key, now: Timestamp) -> Result<(Vec<u8>, String)> {
        let mut response = self.request(Method::GET, key, now, &[])?.send().await.map_err(broken)?;
        match response.status() {
            StatusCode::OK => {}
            // Who may not list a bucket, and nobody may, hears 403 for what is not there.
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => return Err(Error::NotFound { what: "upload" }),
            status => return Err(Error::unavailable(format!("S3 answered {status}"))),
        }
        let media_type = response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.unwrap_or_default().to_owned();
        let too_large =
            || Error::Invalid { code: Invalid::ImageTooLarge, message: format!("An upload has up to {MOST} bytes.") };
        let length = response.content_length().unwrap_or(0);
        if length > MOST {
            return Err(too_large());
        }
        // As much as is announced, and not twice that from growing.
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if u64::try_from(bytes.len() + chunk.len()).unwrap_or(u64::MAX) > MOST {
                return Err(too_large());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok((bytes, media_type))
    }

    /// Puts an image below its owner's prefix, and gives an address at which a browser can read it for an hour.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn publish(
        &self,
        owner: UserId,
        image: Image,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<(Key, String)> {
        let key = Key { owner, id: self.random.id()? };
        let media_type = image.format().media_type();
        let request = self.request(Method::PUT, key, now, image.bytes())?.header(header::CONTENT_TYPE, media_type);
        let put = deadline.limit(LONGEST, request.body(image.into_bytes()).send());
        let status = put.await.map_err(|_| Error::unavailable("S3 did not answer in time"))?.map_err(broken)?.status();
        if !status.is_success() {
            return Err(Error::unavailable(format!("S3 answered {status}")));
        }
        Ok((key, self.signer.presigned(now, &self.address(key), READABLE)?))
    }

    fn address(&self, key: Key) -> String {
        format!("{}/{key}", self.url)
    }

    fn request(&self, method: Method, key: Key, now: Timestamp, body: &[u8]) -> Result<reqwest::RequestBuilder> {
        let url = self.address(key);
        let request = Signable { method: method.as_str(), url: &url, headers: &[], body };
        let signed = self.signer.headers("s3", now, &request)?;
        let request = self.http.request(method, &url);
        Ok(signed.into_iter().fold(request, |request, (name, value)| request.header(name, value)))
    }
}

/// reqwest's own text holds the address.
fn broken(error: reqwest::Error) -> Error {
    Error::unavailable(format!("S3: {}", error.without_url()))
}

#[cfg(test)]
mod tests;
