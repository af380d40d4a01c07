//! A document as the table keeps it: the text once, where its passages are, and, in the embedded store, their vectors.
//!
//! One deflated blob: four bytes with the length of a JSON header, the header, and for each passage with vectors its scales
//! (f32 each), a byte per dimension, the number of its words (u16) and for each its dimension (u32) and weight (a byte).

use std::ops::Range;

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;
use serde::{Deserialize, Serialize};

use super::dense::{BLOCKS, Bytes, DIMENSIONS};
use super::document::Document;
use super::sparse::Sparse;
use crate::{Error, Result};

/// Nothing that fits into an item is larger than this.
const LARGEST: usize = 8 * 1_024 * 1_024;
/// Fast, and nearly as small as it gets.
const LEVEL: u8 = 4;

/// A document and its passages.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What was sent.
    pub document: Document,
    /// The passages: ranges of the text in bytes.
    pub passages: Vec<Range<usize>>,
    /// The passages' vectors; none where another store keeps them.
    pub vectors: Vec<(Bytes, Sparse)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    document: Document,
    passages: Vec<Range<usize>>,
    vectors: bool,
}

impl Stored {
    /// The text of a passage.
    pub fn text(&self, passage: usize) -> &str {
        self.passages.get(passage).and_then(|range| self.document.content.get(range.clone())).unwrap_or_default()
    }

    /// What is stored.
    pub fn pack(self) -> Result<Vec<u8>> {
        let Self { document, passages, vectors } = self;
        let header = Header { document, passages, vectors: !vectors.is_empty() };
        let header = serde_json::to_vec(&header).map_err(Error::internal)?;
        let mut bytes = u32::try_from(header.len()).map_err(Error::internal)?.to_le_bytes().to_vec();
        bytes.extend(header);
        for (dense, sparse) in &vectors {
            let (scales, parts) = dense.parts();
            bytes.extend(scales.iter().flat_map(|scale| scale.to_le_bytes()));
            bytes.extend(parts.iter().map(|part| part.to_le_bytes()[0]));
            bytes.extend(u16::try_from(sparse.parts().len()).map_err(Error::internal)?.to_le_bytes());
            for (index, weight) in sparse.parts() {
                bytes.extend(index.to_le_bytes());
                bytes.push(byte(*weight));
            }
        }
        Ok(compress_to_vec(&bytes, LEVEL))
    }

    /// What was stored.
    ///
    /// # Errors
    /// `Internal` for another format.
    pub fn unpack(data: &[u8]) -> Result<Self> {
        let bytes = decompress_to_vec_with_limit(data, LARGEST).map_err(|_| broken())?;
        let mut rest = bytes.as_slice();
        let length = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).map_err(Error::internal)?;
        let (header, mut rest) = rest.split_at_checked(length).ok_or_else(broken)?;
        let Header { document, passages, vectors: there } = serde_json::from_slice(header).map_err(|_| broken())?;
        let mut vectors = Vec::new();
        for _ in passages.iter().filter(|_| there) {
            let mut scales = [0.0; BLOCKS];
            for scale in &mut scales {
                *scale = f32::from_le_bytes(*take(&mut rest)?);
            }
            let parts = take::<DIMENSIONS>(&mut rest)?.iter().map(|byte| i8::from_le_bytes([*byte])).collect();
            let words = u16::from_le_bytes(*take(&mut rest)?);
            let mut sparse = Vec::with_capacity(usize::from(words));
            for _ in 0..words {
                let index = u32::from_le_bytes(*take(&mut rest)?);
                let [weight] = *take(&mut rest)?;
                sparse.push((index, f32::from(weight) / 255.0));
            }
            vectors.push((Bytes::of_parts(scales, parts).ok_or_else(broken)?, Sparse::of_parts(sparse)));
        }
        Ok(Self { document, passages, vectors })
    }
}

/// A weight below 1 in a byte.
fn byte(weight: f32) -> u8 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let byte = (weight * 255.0).round() as u8;
    byte.max(1)
}

fn take<'b, const N: usize>(rest: &mut &'b [u8]) -> Result<&'b [u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>().ok_or_else(broken)?;
    *rest = others;
    Ok(first)
}

fn broken() -> Error {
    Error::internal("a stored document is of no known format")
}

#[cfg(test)]
mod tests {
    use super::super::chunk::chunks;
    use super::super::document::Sent;
    use super::super::lexical;
    use super::*;

    fn stored(text: &str) -> Stored {
        let sent: Sent = serde_json::from_value(serde_json::json!({
            "id": "a", "content": text, "title": "A title", "metadata": {"year": 2020, "open": true}, "tags": ["b"],
        }))
        .unwrap();
        let document = Document::try_from(sent).unwrap();
        let passages = chunks(&document.content);
        let vector = |range: &Range<usize>| {
            let text = &document.content[range.clone()];
            (Bytes::of(&lexical::embed("A title", text)), Sparse::of_document("A title", document.tags(), text))
        };
        let vectors = passages.iter().map(vector).collect();
        Stored { document, passages, vectors }
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let whole = stored(&"A sentence about ferries and islands. Another one about 東京. ".repeat(60));
        assert!(whole.passages.len() > 3);
        let back = Stored::unpack(&whole.clone().pack().unwrap()).unwrap();
        assert_eq!((&back.document, &back.passages), (&whole.document, &whole.passages));
        for ((dense, sparse), (was_dense, was_sparse)) in back.vectors.iter().zip(&whole.vectors) {
            assert_eq!(dense, was_dense);
            for ((index, weight), (was_index, was_weight)) in sparse.parts().iter().zip(was_sparse.parts()) {
                assert!(index == was_index && (weight - was_weight).abs() < 0.004);
            }
        }
        let outside = Stored { vectors: Vec::new(), ..whole };
        assert_eq!(Stored::unpack(&outside.clone().pack().unwrap()).unwrap(), outside);
    }

    #[test]
    fn what_was_changed_is_refused_or_read_but_never_a_panic() {
        let packed = stored("One. Two.").pack().unwrap();
        for length in 0..packed.len() {
            assert!(Stored::unpack(&packed[..length]).is_err(), "{length}");
        }
        for at in 0..packed.len() {
            let mut changed = packed.clone();
            changed[at] ^= 0x55;
            drop(Stored::unpack(&changed));
        }
    }
}
