//! The words of a text as searches compare them: folded, stemmed, each with its place.
//!
//! Words end where Unicode says (UAX #29). Letters are compared without case, compatibility forms and the accents of
//! Latin, Greek and Cyrillic; English words by their Snowball stem. Deliberately absent: dictionaries, and stems of
//! languages other than English, whose words are compared as they are folded.

use std::borrow::Cow;
use std::ops::Range;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization as _;
use unicode_segmentation::UnicodeSegmentation as _;

/// A word and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// What it is, folded.
    pub word: String,
    /// What it is compared as.
    pub stem: String,
}

impl Term {
    /// Whether it carries nothing in English.
    pub fn is_stop(&self) -> bool {
        crate::ai::query::is_stop(&self.word)
    }
}

/// The words of a text, in order.
pub(crate) fn terms(text: &str) -> Vec<Term> {
    let stemmer = Stemmer::create(Algorithm::English);
    text.unicode_word_indices()
        .map(|(start, word)| {
            let folded = fold(word);
            let stem = stem(&stemmer, &folded).into_owned();
            Term { range: start..start + word.len(), word: folded, stem }
        })
        .filter(|term| !term.stem.is_empty())
        .collect()
}

/// Without case, compatibility forms and accents.
fn fold(word: &str) -> String {
    if word.is_ascii() {
        return word.to_ascii_lowercase();
    }
    let accent = |c: &char| ('\u{300}'..='\u{36F}').contains(c);
    let plain = word.nfkd().filter(|c| !accent(c)).flat_map(char::to_lowercase);
    plain.map(|c| if c == '\u{2019}' { '\'' } else { c }).nfc().collect()
}

fn stem<'w>(stemmer: &Stemmer, word: &'w str) -> Cow<'w, str> {
    let english = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'');
    if english { stemmer.stem(word) } else { Cow::Borrowed(word) }
}

/// A number that stands for a text: the same in every build and version, so that stored vectors stay comparable.
pub(crate) fn hash(kind: u8, text: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in std::iter::once(kind).chain(text.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    // FNV-1a mixes its last bytes badly into the high bits; this finish (SplitMix64's) does.
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> String {
        terms(text).into_iter().map(|term| term.stem).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn words_are_folded_and_stemmed() {
        for (text, expected) in [
            ("Running runners run", "run|runner|run"),
            ("The cities' CITY", "the|citi|citi"),
            ("Café CAFÉ cafe\u{301}", "cafe|cafe|cafe"),
            ("Größe Ängste", "große|angst"),
            ("ﬁles Ｗｉｄｅ", "file|wide"),
            ("東京タワー", "東|京|タワー"),
            ("Anna’s 3.14 node.js", "anna|3.14|node.js"),
            ("Ёлка", "елка"),
            ("!!! … ---", ""),
        ] {
            assert_eq!(stems(text), expected, "{text}");
        }
    }

    #[test]
    fn places_are_those_of_the_text() {
        let text = "Die Übergänge, naïve";
        let places: Vec<_> = terms(text).into_iter().map(|term| text[term.range].to_owned()).collect();
        assert_eq!(places, ["Die", "Übergänge", "naïve"]);
    }

    /// Stored vectors were made with these numbers.
    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(0, "run"), hash(0, "run"));
        assert_ne!(hash(0, "run"), hash(1, "run"));
        assert_eq!(hash(0, ""), HASH_OF_NOTHING);
    }

    const HASH_OF_NOTHING: u64 = 2_737_183_428_366_584_608;
}
