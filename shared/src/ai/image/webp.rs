//! A walk through a WebP file, chunk by chunk.

use super::{Flaw, Size, Walk, ends, exif, le16, le32, sized};

const CUT_OFF: Flaw = Flaw::Broken("it ends too early");
const MISBUILT: Flaw = Flaw::Broken("it is not built as a WebP file is");
const ANIMATED: Flaw = Flaw::Unsupported("animations are not taken");

/// Flags of the extended header that announce metadata: EXIF and XMP.
const METADATA: u8 = 0x08 | 0x04;
const ANIMATION: u8 = 0x02;

pub(super) fn walk(bytes: &[u8]) -> Result<Walk, Flaw> {
    let end = 8 + usize::try_from(le32(bytes, 4).ok_or(CUT_OFF)?).map_err(|_| CUT_OFF)?;
    if end > bytes.len() {
        return Err(CUT_OFF);
    }
    ends(&bytes[end..])?;
    let bytes = &bytes[..end];
    let mut walk: Option<Walk> = None;
    let (mut extended, mut pixels) = (None, None);
    let mut at = 12;
    while at < end {
        let start = at;
        let kind: &[u8; 4] = bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(CUT_OFF)?;
        let length = usize::try_from(le32(bytes, at + 4).ok_or(CUT_OFF)?).map_err(|_| CUT_OFF)?;
        let data = bytes.get(at + 8..).and_then(|rest| rest.get(..length)).ok_or(CUT_OFF)?;
        // Chunks are padded to even lengths; the last one's padding may be missing.
        at = (at + 8 + length + length % 2).min(end);
        let size = match kind {
            b"VP8 " => Some(lossy(data)?),
            b"VP8L" => Some(lossless(data)?),
            b"VP8X" if start == 12 => Some(canvas(data)?),
            b"ANIM" | b"ANMF" => return Err(ANIMATED),
            b"EXIF" => {
                if let Some(walk) = &mut walk {
                    walk.orientation = exif::orientation(data.strip_prefix(b"Exif\0\0").unwrap_or(data));
                }
                None
            }
            _ => None,
        };
        if let Some(size) = size {
            match kind {
                b"VP8X" => extended = Some(size),
                _ if pixels.replace(size).is_some() => return Err(MISBUILT),
                _ => {}
            }
        }
        let walk = match &mut walk {
            Some(walk) => walk,
            empty => {
                let mut first = Walk::new(size.ok_or(MISBUILT)?);
                first.keep(0..12);
                empty.insert(first)
            }
        };
        if matches!(kind, b"VP8 " | b"VP8L" | b"VP8X" | b"ALPH" | b"ICCP") {
            walk.keep(start..at);
        }
    }
    // A small canvas over a large picture would hide what decoding takes.
    match (pixels, extended) {
        (Some(pixels), Some(canvas)) if pixels != canvas => Err(MISBUILT),
        (Some(_), _) => walk.ok_or(MISBUILT),
        (None, _) => Err(MISBUILT),
    }
}

/// Makes the headers say what is left after chunks were cut out.
pub(super) fn mend(bytes: &mut [u8]) {
    let length = u32::try_from(bytes.len().saturating_sub(8)).unwrap_or(u32::MAX);
    if let Some(size) = bytes.get_mut(4..8) {
        size.copy_from_slice(&length.to_le_bytes());
    }
    if bytes.get(12..16) == Some(b"VP8X")
        && let Some(flags) = bytes.get_mut(20)
    {
        *flags &= !METADATA;
    }
}

fn lossy(data: &[u8]) -> Result<Size, Flaw> {
    let (Some(tag), Some(width), Some(height)) = (data.first(), le16(data, 6), le16(data, 8)) else {
        return Err(CUT_OFF);
    };
    // A key frame, and its start code.
    if tag & 1 != 0 || data.get(3..6) != Some(&[0x9D, 0x01, 0x2A]) {
        return Err(MISBUILT);
    }
    sized((width & 0x3FFF).into(), (height & 0x3FFF).into())
}

fn lossless(data: &[u8]) -> Result<Size, Flaw> {
    let (Some(0x2F), Some(bits)) = (data.first(), le32(data, 1)) else { return Err(MISBUILT) };
    sized((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
}

fn canvas(data: &[u8]) -> Result<Size, Flaw> {
    let [flags, _, _, _, w0, w1, w2, h0, h1, h2] = data else { return Err(MISBUILT) };
    if flags & ANIMATION != 0 {
        return Err(ANIMATED);
    }
    let side = |low: &u8, middle: &u8, high: &u8| u32::from_le_bytes([*low, *middle, *high, 0]) + 1;
    sized(side(w0, w1, w2), side(h0, h1, h2))
}
