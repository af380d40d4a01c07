//! A walk through a JPEG file: segments, scans, and what cameras hang behind the end.

use memchr::memchr;

use super::{Flaw, Walk, be16, exif, sized};

const CUT_OFF: Flaw = Flaw::Broken("it ends too early");
const MISBUILT: Flaw = Flaw::Broken("it is not built as a JPEG file is");

pub(super) fn walk(bytes: &[u8]) -> Result<Walk, Flaw> {
    let mut walk: Option<Walk> = None;
    // Until the size is known, what is kept waits here.
    let mut kept: Vec<_> = std::iter::once(0..2).collect();
    let mut orientation = None;
    let mut scanned = false;
    let mut at = 2;
    loop {
        let start = at;
        if *bytes.get(at).ok_or(CUT_OFF)? != 0xFF {
            return Err(MISBUILT);
        }
        while *bytes.get(at).ok_or(CUT_OFF)? == 0xFF {
            at += 1;
        }
        let marker = bytes[at];
        at += 1;
        if marker == 0xD9 {
            let mut walk = walk.filter(|_| scanned).ok_or(MISBUILT)?;
            kept.push(start..at);
            kept.into_iter().for_each(|part| walk.keep(part));
            walk.orientation = orientation.unwrap_or_default();
            return ends(&bytes[at..]).map(|()| walk);
        }
        let length = usize::from(be16(bytes, at).ok_or(CUT_OFF)?);
        if length < 2 {
            return Err(MISBUILT);
        }
        let segment = bytes.get(at + 2..at + length).ok_or(CUT_OFF)?;
        at += length;
        match marker {
            // Baseline, extended and progressive, of 8 bits.
            0xC0..=0xC2 => {
                let (Some(8), Some(height), Some(width)) = (segment.first(), be16(segment, 1), be16(segment, 3)) else {
                    return Err(Flaw::Unsupported("JPEG files have 8 bits a channel here"));
                };
                if walk.replace(Walk::new(sized(width.into(), height.into())?)).is_some() {
                    return Err(MISBUILT);
                }
                kept.push(start..at);
            }
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Err(Flaw::Unsupported("lossless, hierarchical and arithmetic JPEG files are not taken"));
            }
            0xDA => {
                if walk.is_none() {
                    return Err(MISBUILT);
                }
                at = entropy(bytes, at)?;
                kept.push(start..at);
                scanned = true;
            }
            // Tables, restart intervals, and what decoders need of the application segments.
            0xC4 | 0xDB | 0xDD => kept.push(start..at),
            0xE0 if segment.starts_with(b"JFIF\0") => kept.push(start..at),
            0xE2 if segment.starts_with(b"ICC_PROFILE\0") => kept.push(start..at),
            0xEE if segment.starts_with(b"Adobe") => kept.push(start..at),
            0xE1 => {
                if let Some(tiff) = segment.strip_prefix(b"Exif\0\0") {
                    orientation.get_or_insert(exif::orientation(tiff));
                }
            }
            0xE0..=0xEF | 0xFE => {}
            _ => return Err(MISBUILT),
        }
    }
}

/// The end of a scan's data: the next marker that is neither stuffing nor a restart.
fn entropy(bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
    loop {
        at += memchr(0xFF, bytes.get(at..).ok_or(CUT_OFF)?).ok_or(CUT_OFF)?;
        match bytes.get(at + 1).ok_or(CUT_OFF)? {
            0x00 | 0xD0..=0xD7 => at += 2,
            0xFF => at += 1,
            _ => return Ok(at),
        }
    }
}

/// Cameras hang previews (JPEG again), short videos and their own records behind the image: those are cut away. Anything
/// else may be another file that this one hides.
fn ends(rest: &[u8]) -> Result<(), Flaw> {
    let preview = rest.starts_with(&[0xFF, 0xD8, 0xFF]);
    let video = rest.get(4..8) == Some(b"ftyp");
    let record = rest.ends_with(b"SEFT");
    if preview || video || record { Ok(()) } else { super::ends(rest) }
}
