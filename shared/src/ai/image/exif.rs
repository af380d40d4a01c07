//! EXIF: the orientation, and nothing else of it.

use super::{Orientation, be16, be32, le16, le32};

/// The tag of the orientation in the first directory.
const ORIENTATION: u16 = 0x0112;
/// A 16-bit number.
const SHORT: u16 = 3;

/// The orientation in a TIFF structure; upright if it cannot be read.
pub(super) fn orientation(tiff: &[u8]) -> Orientation {
    find(tiff).map(Orientation::new).unwrap_or_default()
}

fn find(tiff: &[u8]) -> Option<u16> {
    let big = match tiff.get(..4)? {
        [b'I', b'I', 42, 0] => false,
        [b'M', b'M', 0, 42] => true,
        _ => return None,
    };
    let short = |at| if big { be16(tiff, at) } else { le16(tiff, at) };
    let long = |at| if big { be32(tiff, at) } else { le32(tiff, at) };
    let directory = usize::try_from(long(4)?).ok()?;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory.checked_add(2 + 12 * entry)?;
        if short(at)? == ORIENTATION {
            return (short(at + 2)? == SHORT).then(|| short(at + 8)).flatten();
        }
    }
    None
}

/// A JPEG segment that says the orientation and nothing else.
pub(super) fn only(orientation: Orientation) -> &'static [u8] {
    static SEGMENTS: [[u8; 36]; 9] =
        [segment(0), segment(1), segment(2), segment(3), segment(4), segment(5), segment(6), segment(7), segment(8)];
    SEGMENTS.get(usize::from(orientation.value())).map_or(&[], <[u8; 36]>::as_slice)
}

const fn segment(value: u8) -> [u8; 36] {
    let mut segment = *b"\xFF\xE1\0\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\0\0\0\0\0\0\0";
    segment[29] = value;
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for value in 2..=8 {
            let segment = only(Orientation::new(value));
            assert_eq!(be16(segment, 2).map(usize::from), Some(segment.len() - 2));
            assert_eq!(orientation(&segment[10..]), Orientation::new(value));
        }
        let little = b"II*\0\x08\0\0\0\x02\0\x0f\x01\x02\0\x01\0\0\0\0\0\0\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        assert_eq!(orientation(little), Orientation::new(6));
    }

    #[test]
    fn nonsense_is_upright() {
        let whole = only(Orientation::new(6));
        for tiff in [&b""[..], b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", &whole[10..30]] {
            let _ = orientation(tiff);
        }
        assert_eq!(orientation(b"MM\0*\xff\xff\xff\xff"), Orientation::default());
        // Of another type than a short.
        let mut other = whole.to_vec();
        other[23] = 4;
        assert_eq!(orientation(&other[10..]), Orientation::default());
    }
}
