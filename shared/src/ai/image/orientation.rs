//! From stored to displayed pixels, as the EXIF orientation says.

use serde::{Deserialize, Serialize};

/// A size in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Size {
    /// All of them.
    pub fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// One of the eight ways in which a camera may have been held (EXIF tag 0x0112).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self::UPRIGHT
    }
}

impl Orientation {
    /// As stored.
    pub const UPRIGHT: Self = Self(1);

    /// What EXIF says; a value that does not exist counts as upright.
    pub fn new(value: u16) -> Self {
        Self(u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).unwrap_or(1))
    }

    /// As EXIF has it, 1 to 8.
    pub fn value(self) -> u8 {
        self.0
    }

    /// The size of what is shown.
    pub fn turn_size(self, Size { width, height }: Size) -> Size {
        if self.0 < 5 { Size { width, height } } else { Size { width: height, height: width } }
    }

    /// Where a point of the stored image is shown.
    pub fn turn(self, (x, y): (f64, f64), stored: Size) -> (f64, f64) {
        let (right, bottom) = (f64::from(stored.width) - x, f64::from(stored.height) - y);
        match self.0 {
            2 => (right, y),
            3 => (right, bottom),
            4 => (x, bottom),
            5 => (y, x),
            6 => (bottom, x),
            7 => (bottom, right),
            8 => (y, right),
            _ => (x, y),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 3 by 2 pixels; each orientation's name for where its stored first row and column are shown.
    #[test]
    fn the_first_stored_corner_is_shown_where_exif_says() {
        let stored = Size { width: 3, height: 2 };
        let shown = [
            (1, (0.0, 0.0), (3, 2)),
            (2, (3.0, 0.0), (3, 2)),
            (3, (3.0, 2.0), (3, 2)),
            (4, (0.0, 2.0), (3, 2)),
            (5, (0.0, 0.0), (2, 3)),
            (6, (2.0, 0.0), (2, 3)),
            (7, (2.0, 3.0), (2, 3)),
            (8, (0.0, 3.0), (2, 3)),
        ];
        for (value, corner, (width, height)) in shown {
            let orientation = Orientation::new(value);
            assert_eq!(orientation.turn((0.0, 0.0), stored), corner, "{value}");
            assert_eq!(orientation.turn_size(stored), Size { width, height }, "{value}");
        }
        // A camera held upright (6): the stored image's left edge is shown on top.
        assert_eq!(Orientation::new(6).turn((0.0, 2.0), stored), (0.0, 0.0));
        assert_eq!([0, 9, 256, 65_535].map(Orientation::new), [Orientation::default(); 4]);
    }
}
