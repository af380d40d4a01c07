//! An answer as the table keeps it: deflated where that is smaller, and sealed.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::Key;
use crate::{Error, Result, seal};

/// Largest value that is kept, in bytes: DynamoDB's items end at 400 KB, names and keys included.
pub const MOST: usize = 350 * 1_024;
/// Largest answer that is packed or unpacked: Lambda's own limit of a response.
const LARGEST: usize = 6 * 1_024 * 1_024;
/// Fast, and nearly as small as it gets for JSON.
const LEVEL: u8 = 4;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

/// The value to store; `None` for an answer that is too large.
pub(super) fn pack(key: &Key, nonce: &[u8; 12], answer: &[u8]) -> Result<Option<Vec<u8>>> {
    if answer.len() > LARGEST {
        return Ok(None);
    }
    let smaller = compress_to_vec(answer, LEVEL);
    let (how, bytes) = if smaller.len() < answer.len() { (DEFLATED, smaller.as_slice()) } else { (PLAIN, answer) };
    let sealed = seal::close(key.seal(), nonce, &[&[how], bytes].concat())?;
    Ok((sealed.len() <= MOST).then_some(sealed))
}

/// The answer in a stored value.
///
/// # Errors
/// `Internal` for a value of another key or format.
pub(super) fn unpack(key: &Key, value: Vec<u8>) -> Result<Vec<u8>> {
    let broken = || Error::internal("a cached answer is of no known format");
    let opened = seal::open(key.seal(), value)?;
    match opened.split_first() {
        Some((&PLAIN, answer)) => Ok(answer.to_vec()),
        Some((&DEFLATED, bytes)) => decompress_to_vec_with_limit(bytes, LARGEST).map_err(|_| broken()),
        _ => Err(broken()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::TenantId;
    use crate::cache::Reader;

    fn key(tenant: u8) -> Key {
        Key::of(&Reader::new(TenantId::from([tenant; 16]), |_| true), "op", b"").build()
    }

    proptest! {
        #[test]
        fn row_29_only_its_own_key_opens_an_answer(answer in prop::collection::vec(any::<u8>(), 0..400)) {
            let packed = pack(&key(1), &[3; 12], &answer).unwrap().unwrap();
            prop_assert_eq!(unpack(&key(1), packed.clone()).unwrap(), answer);
            prop_assert!(unpack(&key(2), packed).is_err());
        }
    }

    #[test]
    fn what_repeats_is_stored_smaller_and_what_does_not_as_it_is() {
        let text = b"{\"fieldName\": \"email\"}".repeat(10_000);
        assert!(pack(&key(1), &[0; 12], &text).unwrap().unwrap().len() < text.len() / 20);
        // Ciphertext is what cannot be made smaller.
        let noise = seal::close(&[1; 32], &[0; 12], &[0; 1_000]).unwrap();
        assert_eq!(pack(&key(1), &[0; 12], &noise).unwrap().unwrap().len(), noise.len() + 12 + 16 + 1);
    }

    #[test]
    fn an_answer_of_more_than_350_kb_is_not_kept() {
        let noise = |size: usize| seal::close(&[1; 32], &[0; 12], &vec![0; size]).unwrap();
        let fits = MOST - 2 * (12 + 16) - 1;
        assert_eq!(pack(&key(1), &[0; 12], &noise(fits)).unwrap().unwrap().len(), MOST);
        assert_eq!(pack(&key(1), &[0; 12], &noise(fits + 1)).unwrap(), None);
        assert_eq!(pack(&key(1), &[0; 12], &vec![b' '; LARGEST + 1]).unwrap(), None);
    }
}
