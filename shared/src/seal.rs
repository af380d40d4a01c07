//! Texts that the table keeps and cannot read: AES-256-GCM under a key that only a caller's own request leads to.
//!
//! Deliberately absent: how such keys are derived, which each user of this says, and keys that are stored anywhere.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::{Error, Result};

/// Seals `text`; the nonce is random and travels in front.
pub fn close(key: &[u8; 32], nonce: &[u8; NONCE_LEN], text: &[u8]) -> Result<Vec<u8>> {
    let failed = |_| Error::internal("a text could not be sealed");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(failed)?);
    let mut sealed = text.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key(*nonce), Aad::empty(), &mut sealed).map_err(failed)?;
    Ok([nonce.as_slice(), &sealed].concat())
}

/// Opens what [`close`] sealed under the same key.
///
/// # Errors
/// `Internal` for another key, or bytes that were changed.
pub fn open(key: &[u8; 32], mut sealed: Vec<u8>) -> Result<Vec<u8>> {
    let failed = |_| Error::internal("a sealed text could not be opened");
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).map_err(failed)?);
    let Some((nonce, _)) = sealed.split_first_chunk::<NONCE_LEN>() else {
        return Err(Error::internal("a sealed text is too short"));
    };
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let text = key.open_within(nonce, Aad::empty(), &mut sealed, NONCE_LEN..).map_err(failed)?;
    Ok(text.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_text_is_not_readable_and_not_changeable() {
        let sealed = close(&[1; 32], &[7; NONCE_LEN], b"a secret").unwrap();
        assert!(!sealed.windows(6).any(|window| window == b"secret"));
        assert_eq!(open(&[1; 32], sealed.clone()).unwrap(), b"a secret");
        assert!(open(&[2; 32], sealed.clone()).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&[1; 32], changed).is_err(), "{at}");
        }
        assert!(open(&[1; 32], vec![1, 2, 3]).is_err());
    }
}
