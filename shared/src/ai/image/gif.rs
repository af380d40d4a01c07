//! A walk through a GIF file, block by block.

use super::{Flaw, Size, Walk, ends, le16, sized};

const CUT_OFF: Flaw = Flaw::Broken("it ends too early");
const MISBUILT: Flaw = Flaw::Broken("it is not built as a GIF file is");

pub(super) fn walk(bytes: &[u8]) -> Result<Walk, Flaw> {
    let (Some(width), Some(height)) = (le16(bytes, 6), le16(bytes, 8)) else { return Err(CUT_OFF) };
    let mut walk = Walk::new(sized(width.into(), height.into())?);
    let mut at = 13 + colors(*bytes.get(10).ok_or(CUT_OFF)?);
    walk.keep(0..at);
    let mut frames = 0;
    loop {
        let start = at;
        match *bytes.get(at).ok_or(CUT_OFF)? {
            0x21 => {
                let label = *bytes.get(at + 1).ok_or(CUT_OFF)?;
                at = blocks(bytes, at + 2)?;
                // How the frame is drawn; comments, texts and programs' own records are not kept.
                if label == 0xF9 {
                    walk.keep(start..at);
                }
            }
            0x2C => {
                frames += 1;
                if frames > 1 {
                    return Err(Flaw::Unsupported("animations are not taken"));
                }
                let number = |offset| le16(bytes, at + offset).map(u32::from).ok_or(CUT_OFF);
                let (left, top, width, height) = (number(1)?, number(3)?, number(5)?, number(7)?);
                let Size { width: most_width, height: most_height } = walk.size;
                if left + width > most_width || top + height > most_height || width == 0 || height == 0 {
                    return Err(MISBUILT);
                }
                let data = at + 10 + colors(*bytes.get(at + 9).ok_or(CUT_OFF)?);
                if !(2..=8).contains(bytes.get(data).ok_or(CUT_OFF)?) {
                    return Err(MISBUILT);
                }
                at = blocks(bytes, data + 1)?;
                walk.keep(start..at);
            }
            0x3B => {
                if frames == 0 {
                    return Err(MISBUILT);
                }
                at += 1;
                walk.keep(start..at);
                return ends(&bytes[at..]).map(|()| walk);
            }
            _ => return Err(MISBUILT),
        }
    }
}

/// Bytes of the table of colours that these flags announce.
fn colors(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// The end of a list of blocks.
fn blocks(bytes: &[u8], mut at: usize) -> Result<usize, Flaw> {
    loop {
        let length = usize::from(*bytes.get(at).ok_or(CUT_OFF)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
