//! A caller's image: what it is, by its own bytes, before anybody decodes it.
//!
//! The format is told by magic bytes, size and structure by walking the file from its first byte to its last; nothing is
//! decompressed, so a bomb costs what its bytes cost. What is not pixels or colour (places, cameras, names, thumbnails,
//! comments, whatever hangs behind the image) is cut away in place: it goes no further than this module. Of the metadata,
//! the orientation alone is remembered.
//!
//! - `jpeg`, `png`, `gif`, `webp`: a walk through each format. `exif`: the orientation.
//! - `orientation`: from stored to displayed pixels. `source`: how a caller hands an image over.
//! - `colors`: a palette, computed here.
//!
//! Deliberately absent: SVG, which is a program; animations; fetching anything from anywhere.

use std::ops::Range;

use aws_lc_rs::digest::{SHA256, digest};

use crate::Error;
use crate::error::Invalid;

pub mod colors;
mod exif;
mod gif;
mod jpeg;
pub mod orientation;
mod png;
mod source;
mod webp;

pub use orientation::{Orientation, Size};
pub use source::{Encoded, Source};

/// Most pixels of an image, stored: what background removal takes.
pub const MOST_PIXELS: u64 = 50_000_000;
/// Longest side, in pixels.
pub const LONGEST_SIDE: u32 = 30_000;

/// A format that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG.
    Png,
    /// GIF of one frame.
    Gif,
    /// WebP of one frame.
    Webp,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp];

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The format of a media type, in any case.
    pub fn of_media_type(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        match name.as_str() {
            "image/jpg" => Some(Self::Jpeg),
            name => Self::ALL.into_iter().find(|format| format.media_type() == name),
        }
    }

    /// The format of a file, by its first bytes.
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::Webp),
            _ => None,
        }
    }
}

/// What is wrong with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// No format that is understood.
    Unsupported(&'static str),
    /// Cut off, or not built as its format is.
    Broken(&'static str),
    /// More pixels than are worked on.
    TooLarge(Size),
}

impl From<Flaw> for Error {
    fn from(flaw: Flaw) -> Self {
        let (code, message) = match flaw {
            Flaw::Unsupported(what) => {
                (Invalid::UnsupportedImage, format!("Send a JPEG, PNG, WebP or GIF image: {what}."))
            }
            Flaw::Broken(what) => (Invalid::BrokenImage, format!("The image is damaged: {what}.")),
            Flaw::TooLarge(Size { width, height }) => {
                let most = MOST_PIXELS / 1_000_000;
                let message = format!(
                    "The image has {width} by {height} pixels: send one of at most {most} million pixels and {LONGEST_SIDE} a side."
                );
                (Invalid::ImageTooLarge, message)
            }
        };
        Self::Invalid { code, message }
    }
}

/// What a walk through a file found.
#[derive(Debug, PartialEq, Eq)]
struct Walk {
    /// As stored.
    size: Size,
    orientation: Orientation,
    /// What goes onward, in order.
    keep: Vec<Range<usize>>,
}

impl Walk {
    fn new(size: Size) -> Self {
        Self { size, orientation: Orientation::default(), keep: Vec::new() }
    }

    /// Keeps a part; neighbours become one.
    fn keep(&mut self, part: Range<usize>) {
        match self.keep.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            _ => self.keep.push(part),
        }
    }
}

/// Looks at a size that a header tells.
fn sized(width: u32, height: u32) -> Result<Size, Flaw> {
    let size = Size { width, height };
    if width == 0 || height == 0 {
        return Err(Flaw::Broken("it has no pixels"));
    }
    if width > LONGEST_SIDE || height > LONGEST_SIDE || size.pixels() > MOST_PIXELS {
        return Err(Flaw::TooLarge(size));
    }
    Ok(size)
}

/// What hangs behind the end of an image: nothing, or filling. Anything else may be another file that this one hides.
fn ends(rest: &[u8]) -> Result<(), Flaw> {
    if rest.iter().any(|byte| !matches!(byte, 0 | b'\n' | b'\r')) {
        return Err(Flaw::Broken("something else follows the end of the image"));
    }
    Ok(())
}

/// A big-endian number at `at`.
fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_be_bytes(*two))
}

/// A big-endian number at `at`.
fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// A little-endian number at `at`.
fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|two| u16::from_le_bytes(*two))
}

/// A little-endian number at `at`.
fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four))
}

/// An image that was looked at, without its metadata.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    bytes: Vec<u8>,
    format: Format,
    stored: Size,
    orientation: Orientation,
    hash: [u8; 32],
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, format, stored, orientation, hash: _ } = self;
        f.debug_struct("Image")
            .field("bytes", &bytes.len())
            .field("format", format)
            .field("stored", stored)
            .field("orientation", orientation)
            .finish_non_exhaustive()
    }
}

impl Image {
    /// Looks at a whole file.
    ///
    /// # Errors
    /// Why it is not worked on.
    pub fn read(mut bytes: Vec<u8>) -> Result<Self, Flaw> {
        let format = Format::sniff(&bytes).ok_or_else(|| Flaw::Unsupported(otherwise(&bytes)))?;
        let Walk { size, orientation, keep } = match format {
            Format::Jpeg => jpeg::walk(&bytes)?,
            Format::Png => png::walk(&bytes)?,
            Format::Gif => gif::walk(&bytes)?,
            Format::Webp => webp::walk(&bytes)?,
        };
        let cleaned = cut(&mut bytes, &keep);
        if cleaned && format == Format::Webp {
            webp::mend(&mut bytes);
        }
        let hash = std::array::from_fn({
            let digest = digest(&SHA256, &bytes);
            move |i| digest.as_ref()[i]
        });
        Ok(Self { bytes, format, stored: size, orientation, hash })
    }

    /// The file, without metadata.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The file without metadata, for who needs it alone.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The file for those who turn it by its EXIF themselves: the orientation, and no other metadata. Only JPEG files
    /// are turned that way in practice.
    pub fn upright(&self) -> [&[u8]; 3] {
        match self.format {
            Format::Jpeg if self.orientation != Orientation::default() => {
                [&self.bytes[..2], exif::only(self.orientation), &self.bytes[2..]]
            }
            _ => [&self.bytes, &[], &[]],
        }
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// Its size as stored.
    pub fn stored(&self) -> Size {
        self.stored
    }

    /// Its size as shown.
    pub fn shown(&self) -> Size {
        self.orientation.turn_size(self.stored)
    }

    /// How it is to be turned.
    pub fn orientation(&self) -> Orientation {
        self.orientation
    }

    /// SHA-256 of the file without metadata.
    pub fn hash(&self) -> &[u8; 32] {
        &self.hash
    }
}

/// Leaves only `keep`, in place; whether there was anything else.
fn cut(bytes: &mut Vec<u8>, keep: &[Range<usize>]) -> bool {
    let before = bytes.len();
    let mut end = 0;
    for part in keep {
        if part.start != end {
            bytes.copy_within(part.clone(), end);
        }
        end += part.len();
    }
    bytes.truncate(end);
    end != before
}

/// What a file is that is no image that we take.
fn otherwise(bytes: &[u8]) -> &'static str {
    let head: Vec<u8> = bytes.iter().take(512).map(u8::to_ascii_lowercase).collect();
    let has = |text: &[u8]| head.windows(text.len()).any(|window| window == text);
    match bytes {
        [] => "there is nothing",
        [b'B', b'M', ..] | [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "BMP and TIFF are not taken",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "HEIC, AVIF and videos are not taken",
        _ if has(b"<svg") || has(b"<?xml") => "SVG is not taken",
        _ => "this is none of them",
    }
}

#[cfg(test)]
pub(crate) mod tests;
