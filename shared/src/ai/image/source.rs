//! How a caller hands an image over: in the request, or as the key of an upload. Never as an address.
//!
//! An image in a request is base64, bare or as a data URI; it is decoded from the request's text as it is read, without
//! a copy of the text. What looks like an address is refused with a sentence: nothing here, and nothing behind it, fetches
//! what a caller names.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};

use super::{Flaw, Format, Image};
use crate::error::Invalid;
use crate::{Error, Result};

/// An image inside a request, decoded and looked at as the request is read; what was found is said when it is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    image: Result<Image, Flaw>,
    /// What the data URI says that it is.
    declared: Option<String>,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({:?})", self.image)
    }
}

impl Encoded {
    /// Decodes base64 or a data URI.
    ///
    /// # Errors
    /// A sentence, without the text.
    pub fn decode(text: &str) -> Result<Self, &'static str> {
        let text = text.trim_ascii();
        let (declared, data) = match text.get(..5).filter(|start| start.eq_ignore_ascii_case("data:")) {
            Some(_) => {
                let (head, data) = text[5..].split_once(',').ok_or("a data URI has a comma before its data")?;
                let mut words = head.split(';');
                let declared = words.next().unwrap_or_default().trim().to_owned();
                if !words.any(|word| word.trim().eq_ignore_ascii_case("base64")) {
                    return Err("a data URI of an image is base64");
                }
                (Some(declared), data)
            }
            None => (None, text),
        };
        if is_address(data) {
            return Err("addresses are not fetched: send the image as base64, or upload it and send its imageKey");
        }
        let bytes = base64_simd::STANDARD.decode_to_vec(data).ok();
        // Some encoders leave the padding out.
        let bytes = bytes.or_else(|| base64_simd::STANDARD_NO_PAD.decode_to_vec(data).ok());
        Ok(Self { image: Image::read(bytes.ok_or("the image is not base64")?), declared })
    }
}

/// Whether a text is an address, of whatever kind, and not base64: a scheme, two slashes, or a host's name and a path.
fn is_address(text: &str) -> bool {
    let head = text.get(..text.len().min(256)).unwrap_or_else(|| text.split_at(text.floor_char_boundary(256)).0);
    head.contains("://") || head.starts_with("//") && head.contains('.') || head.contains([':', '.', '?', '%', '\\'])
}

impl<'de> Deserialize<'de> for Encoded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Encoded;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an image as base64 or as a data URI")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Encoded, E> {
                Encoded::decode(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// In the request.
    Inline(Encoded),
    /// Among the caller's uploads.
    Upload(String),
}

impl Source {
    /// One of the two.
    ///
    /// # Errors
    /// INVALID_REQUEST for both or neither.
    pub fn one_of(image: Option<Encoded>, key: Option<String>) -> Result<Self, &'static str> {
        match (image, key) {
            (Some(image), None) => Ok(Self::Inline(image)),
            (None, Some(key)) => Ok(Self::Upload(key)),
            _ => Err("send either `image` (base64 or a data URI) or `imageKey` (of an upload)"),
        }
    }
}

impl TryFrom<Encoded> for Image {
    type Error = Error;

    fn try_from(Encoded { image, declared }: Encoded) -> Result<Self> {
        let image = image?;
        match declared {
            Some(declared) if !declared.is_empty() => image.declared(&declared),
            _ => Ok(image),
        }
    }
}

impl Image {
    /// The same, if it is what somebody says.
    ///
    /// # Errors
    /// IMAGE_TYPE_MISMATCH.
    pub fn declared(self, media_type: &str) -> Result<Self> {
        if Format::of_media_type(media_type) == Some(self.format) {
            return Ok(self);
        }
        let is = self.format.media_type();
        let message = format!("The image is {is}, and was said to be something else.");
        Err(Error::Invalid { code: Invalid::ImageType, message })
    }
}
