//! Vectors without a language model: hashed features of words, of neighbours, and of the letters inside words.
//!
//! Each feature adds its weight to one of the dimensions, with a sign, both chosen by its hash (Weinberger et al., 2009),
//! so that features that share a dimension cancel out on average. Letters make related and mistyped words similar;
//! neighbours make phrases count. Deliberately absent: meaning. Synonyms are strangers here; that takes a model.

use std::collections::HashMap;

use super::dense::{DIMENSIONS, Dense};
use super::sparse::told;
use super::terms::{hash, terms};

/// Raise it when vectors are made in another way: those that were stored do not compare with the new ones.
pub const NAME: &str = "lexical-1";

const WORD: f32 = 0.5;
const NEIGHBOURS: f32 = 0.6;
const LETTERS: f32 = 0.9;
/// How often a word of the title counts.
const TITLE: f32 = 2.0;

/// The vector of a text and the title above it.
pub fn embed(title: &str, text: &str) -> Dense {
    let mut features: HashMap<u64, f32> = HashMap::new();
    for (part, times) in [(title, TITLE), (text, 1.0)] {
        add(part, times, &mut features);
    }
    let mut parts = [0.0; DIMENSIONS];
    let mut all: Vec<_> = features.into_iter().collect();
    // Sums of floats depend on their order.
    all.sort_unstable_by_key(|(feature, _)| *feature);
    for (feature, weight) in all {
        let at = usize::try_from(feature % DIMENSIONS as u64).unwrap_or(0);
        let sign = if feature >> 63 == 0 { 1.0 } else { -1.0 };
        parts[at] += sign * weight;
    }
    if parts.iter().all(|part| *part == 0.0) {
        // Stores that compare by the dot product take no vector of nothing.
        parts[0] = 1.0;
    }
    Dense::of(parts)
}

fn add(text: &str, times: f32, features: &mut HashMap<u64, f32>) {
    let all = terms(text);
    let words = told(&all);
    let mut counts: HashMap<&str, f32> = HashMap::new();
    for word in &words {
        *counts.entry(&word.stem).or_default() += 1.0;
    }
    for (stem, count) in counts {
        let weight = times * (1.0 + count.ln());
        *features.entry(hash(b'1', stem)).or_default() += WORD * weight;
        let letters = letters(stem);
        let each = LETTERS * weight / f32::from(u16::try_from(letters.len().max(1)).unwrap_or(u16::MAX)).sqrt();
        for letters in letters {
            *features.entry(hash(b'3', &letters)).or_default() += each;
        }
    }
    for pair in words.windows(2) {
        let both = format!("{} {}", pair[0].stem, pair[1].stem);
        *features.entry(hash(b'2', &both)).or_default() += times * NEIGHBOURS;
    }
}

/// Three and four neighbouring letters, the word's ends among them; none of a word of one letter.
fn letters(stem: &str) -> Vec<String> {
    let marked: Vec<char> = std::iter::once('<').chain(stem.chars()).chain(['>']).collect();
    if marked.len() < 4 {
        return Vec::new();
    }
    [3, 4].iter().flat_map(|size| marked.windows(*size).map(|letters| letters.iter().collect())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn similar(a: &str, b: &str) -> f32 {
        embed("", a).dot(&embed("", b))
    }

    #[test]
    fn what_is_alike_is_similar() {
        assert!((similar("the red bicycle", "Red bicycles") - 1.0).abs() < 1e-3);
        assert!(similar("photograph", "photograf") > 0.3, "mistyped");
        assert!(similar("photography", "photographer") > 0.4, "related");
        assert!(similar("bicycle repair", "tomato soup").abs() < 0.15);
        assert!(similar("", "tomato soup").abs() < 0.15 && (similar("!", "?") - 1.0).abs() < 1e-3);
        let query = embed("", "bicycle");
        assert!(
            embed("Bicycle", "It has two wheels.").dot(&query) > embed("", "Bicycle. It has two wheels.").dot(&query)
        );
    }

    #[test]
    fn a_text_has_one_vector() {
        let text = "Any text with some different words, and words again.";
        assert_eq!(embed("A title", text), embed("A title", text));
    }
}
