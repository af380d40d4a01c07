//! Randomness of the operating system: request ids, version ids, generated secrets.

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
