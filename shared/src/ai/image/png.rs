//! A walk through a PNG file, chunk by chunk.

use super::{Flaw, Walk, be32, ends, exif, sized};

const CUT_OFF: Flaw = Flaw::Broken("it ends too early");
const MISBUILT: Flaw = Flaw::Broken("it is not built as a PNG file is");

/// What decoders need, and colour; everything else that is not critical tells of people, places and programs.
const KEPT: [&[u8; 4]; 12] =
    [b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"bKGD", b"sBIT", b"cICP"];

pub(super) fn walk(bytes: &[u8]) -> Result<Walk, Flaw> {
    let mut at = 8;
    let mut walk: Option<Walk> = None;
    let mut pixels = false;
    loop {
        let start = at;
        let length = usize::try_from(be32(bytes, at).ok_or(CUT_OFF)?).map_err(|_| CUT_OFF)?;
        let kind: [u8; 4] = *bytes.get(at + 4..).and_then(|rest| rest.first_chunk()).ok_or(CUT_OFF)?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(MISBUILT);
        }
        let Some(walk) = &mut walk else {
            let header = bytes.get(at + 8..at + 21).ok_or(CUT_OFF)?;
            if (length, &kind) != (13, b"IHDR") {
                return Err(MISBUILT);
            }
            let mut first = Walk::new(header_size(header)?);
            first.keep(0..at + 25);
            walk = Some(first);
            at += 25;
            continue;
        };
        let data = bytes.get(at + 8..).and_then(|rest| rest.get(..length)).ok_or(CUT_OFF)?;
        at += 12 + length;
        if at > bytes.len() {
            return Err(CUT_OFF);
        }
        match &kind {
            b"IHDR" => return Err(MISBUILT),
            b"IDAT" => pixels = true,
            b"eXIf" => walk.orientation = exif::orientation(data),
            b"acTL" | b"fcTL" | b"fdAT" => return Err(Flaw::Unsupported("animations are not taken")),
            kind if kind[0].is_ascii_uppercase() && !KEPT.contains(&kind) => return Err(MISBUILT),
            _ => {}
        }
        if KEPT.contains(&&kind) {
            walk.keep(start..at);
        }
        if &kind == b"IEND" {
            if !pixels || length != 0 {
                return Err(MISBUILT);
            }
            ends(&bytes[at..])?;
            return Ok(Walk { size: walk.size, orientation: walk.orientation, keep: std::mem::take(&mut walk.keep) });
        }
    }
}

fn header_size(header: &[u8]) -> Result<super::Size, Flaw> {
    let (Some(width), Some(height)) = (be32(header, 0), be32(header, 4)) else { return Err(CUT_OFF) };
    let size = sized(width, height)?;
    let depth = header[8];
    let depths: &[u8] = match header[9] {
        0 => &[1, 2, 4, 8, 16],
        2 | 4 | 6 => &[8, 16],
        3 => &[1, 2, 4, 8],
        _ => &[],
    };
    if !depths.contains(&depth) || header[10] != 0 || header[11] != 0 || header[12] > 1 {
        return Err(MISBUILT);
    }
    Ok(size)
}
