//! Long documents in parts that overlap, cut where sentences end, and put together again where they meet.
//!
//! A chunk is a byte range of the document's text and nothing more: the text is stored once, whole, so that joining
//! chunks is joining ranges and gives back exactly what was written. Deliberately absent: tokens of any model; the sizes
//! are in characters, far below what models take (8,192 tokens, and no token is shorter than a byte).

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use super::sentence::sentences;

/// The most characters of a chunk, so 4,000 bytes at most.
pub const MOST: usize = 1_000;
/// The most characters that a chunk repeats of the one before.
pub const OVERLAP: usize = 200;

/// The chunks of a text, in order; none for a text without one visible character.
pub fn chunks(text: &str) -> Vec<Range<usize>> {
    let parts = parts(text);
    let length: Vec<usize> = parts.iter().map(|part| text[part.clone()].chars().count()).collect();
    let mut chunks = Vec::new();
    let mut first = 0;
    while first < parts.len() {
        let (mut next, mut size) = (first, 0);
        while next < parts.len() && (next == first || size + length[next] <= MOST) {
            size += length[next];
            next += 1;
        }
        let range = parts[first].start..parts[next - 1].end;
        if !text[range.clone()].trim().is_empty() {
            chunks.push(range);
        }
        if next == parts.len() {
            break;
        }
        // The last sentences again, as many as fit, but never all of them: each chunk says something new.
        let (mut repeated, mut back) = (0, next);
        while back > first + 1
            && repeated + length[back - 1] <= OVERLAP
            && repeated + length[back - 1] + length[next] <= MOST
        {
            back -= 1;
            repeated += length[back];
        }
        first = back;
    }
    chunks
}

/// Sentences, the longer ones cut between words, or between graphemes where no word ends.
fn parts(text: &str) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    for sentence in sentences(text) {
        if text[sentence.clone()].chars().count() <= MOST {
            parts.push(sentence);
            continue;
        }
        let (mut start, mut size) = (sentence.start, 0);
        for (at, word) in text[sentence.clone()].split_word_bound_indices() {
            for (inside, piece) in pieces(word) {
                let at = sentence.start + at + inside;
                let count = piece.chars().count();
                if size + count > MOST && at > start {
                    parts.push(start..at);
                    (start, size) = (at, 0);
                }
                size += count;
            }
        }
        parts.push(start..sentence.end);
    }
    parts
}

/// A word in pieces that fit: itself, or its graphemes, or its characters where even one grapheme is too long.
fn pieces(word: &str) -> Vec<(usize, &str)> {
    if word.chars().count() <= MOST {
        return vec![(0, word)];
    }
    word.grapheme_indices(true)
        .flat_map(|(at, grapheme)| {
            let long = grapheme.chars().count() > MOST;
            let chars =
                grapheme.char_indices().map(move |(inside, c)| (at + inside, &grapheme[inside..inside + c.len_utf8()]));
            let whole = (!long).then_some((at, grapheme));
            whole.into_iter().chain(chars.filter(move |_| long))
        })
        .collect()
}

/// Ranges in order, those that touch or overlap as one.
pub fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_short_text_is_one_chunk_and_an_empty_one_none() {
        assert_eq!(chunks("One. Two."), vec![0..9; 1]);
        assert!(chunks("").is_empty() && chunks(" \n ").is_empty());
    }

    #[test]
    fn chunks_end_with_sentences_and_repeat_the_last_of_them() {
        let text = (0..40).map(|n| format!("Sentence number {n} says something of its own. ")).collect::<String>();
        let chunks = chunks(&text);
        assert_eq!(chunks.len(), 3);
        for pair in chunks.windows(2) {
            assert!(text[..pair[0].end].ends_with(". ") && text[pair[1].clone()].starts_with("Sentence"));
            let shared = pair[0].end - pair[1].start;
            assert!(shared > 0 && shared <= OVERLAP, "{shared}");
        }
    }

    #[test]
    fn what_has_no_sentences_is_cut_between_words_or_letters() {
        let words = "word ".repeat(500);
        assert!(chunks(&words).iter().all(|chunk| words[..chunk.end].ends_with(' ')));
        assert_eq!(chunks(&"x".repeat(2_500)).len(), 3);
        assert_eq!(chunks(&format!("a{}", "\u{301}".repeat(2_500))).len(), 3);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is put in comes out again, in chunks that fit.
        #[test]
        fn chunks_joined_are_the_text(text in "((\\PC){0,9}|[a-z]{1,9}[.!?] ?|\n| ){0,900}") {
            let chunks = chunks(&text);
            for chunk in &chunks {
                prop_assert!(text[chunk.clone()].chars().count() <= MOST);
            }
            prop_assert!(chunks.windows(2).all(|pair| pair[0].start < pair[1].start && pair[0].end < pair[1].end));
            let joined: String = joined(chunks).into_iter().map(|range| text[range].to_owned()).collect();
            let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            prop_assert_eq!(visible(&joined), visible(&text));
        }
    }
}
