//! Randomness of the operating system (request ids, version ids, generated secrets), and draws that
//! a seed repeats.

use crate::error::{Error, Result};

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::new(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// A version 4 UUID, as AWS's request and version ids are.
pub(crate) fn uuid() -> Result<String> {
    let mut bytes: [u8; 16] = bytes()?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

/// `length` characters of `alphabet`, each equally likely.
pub(crate) fn text(alphabet: &[u8], length: usize) -> Result<String> {
    let fair = 256 - 256 % alphabet.len().clamp(1, 256);
    let mut out = String::with_capacity(length);
    while out.len() < length {
        for byte in bytes::<64>()? {
            if usize::from(byte) < fair && out.len() < length {
                out.push(char::from(alphabet[usize::from(byte) % alphabet.len()]));
            }
        }
    }
    Ok(out)
}

/// Numbers that follow from where they start: the same from one run to the next (splitmix64).
pub(crate) struct Draws(u64);

impl Draws {
    /// Every part of `place` counts, and so does its order.
    pub(crate) fn new(place: [u64; 4]) -> Self {
        Self(place.into_iter().fold(0, |state, part| Self(state ^ part).next()))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to 1, without 1.
    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// From nothing to `most`.
    pub(crate) fn up_to(&mut self, most: std::time::Duration) -> std::time::Duration {
        most.mul_f64(self.fraction())
    }
}
