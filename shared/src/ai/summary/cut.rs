//! How a text ends early: after a sentence, else after a word, and only a word that is too long itself is cut.
//!
//! Length is counted in characters (Unicode scalar values), the ellipsis included.
//! Deliberately absent: counting in bytes, UTF-16 units or pixels.

use unicode_segmentation::UnicodeSegmentation as _;

const ELLIPSIS: char = '…';

/// The start of a text, at most `most` characters (at least 1). A sentence's end is taken if a third of the room is
/// used then; a shorter text says too little, and an ellipsis after a word says more.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut whole = 0;
    for sentence in super::sentence::sentences(text) {
        // Sentences are on one line each: the text's own line breaks are found again by counting what is not white.
        whole += sentence.chars().filter(|c| !c.is_whitespace()).count();
        let Some(end) = after(text, whole) else { break };
        if text[..end].chars().count() > most {
            whole -= sentence.chars().filter(|c| !c.is_whitespace()).count();
            break;
        }
    }
    if let Some(end) = after(text, whole) {
        let start = text[..end].trim();
        if start.chars().count() * 3 >= most && !start.is_empty() {
            return start.to_owned();
        }
    }
    words(text, most)
}

/// Where the first `count` characters that are not white space end.
fn after(text: &str, count: usize) -> Option<usize> {
    let nth = count.checked_sub(1)?;
    text.char_indices().filter(|(_, c)| !c.is_whitespace()).nth(nth).map(|(at, c)| at + c.len_utf8())
}

/// The words that fit, and an ellipsis.
fn words(text: &str, most: usize) -> String {
    let room = most.saturating_sub(1);
    let mut end = 0;
    let mut used = 0;
    for piece in text.split_word_bounds() {
        used += piece.chars().count();
        if used > room {
            break;
        }
        end += piece.len();
    }
    let mut kept = trimmed(&text[..end]);
    if kept.is_empty() {
        // Not even the first word fits: whole graphemes of it, or, if one is longer than that, its characters.
        let mut used = 0;
        let graphemes = text.trim_start().graphemes(true).take_while(|grapheme| {
            used += grapheme.chars().count();
            used <= room
        });
        kept = graphemes.collect();
    }
    if kept.is_empty() {
        kept = text.trim_start().chars().take(room).collect();
    }
    kept.push(ELLIPSIS);
    kept
}

/// Without the white space and the commas that an ellipsis must not follow.
fn trimmed(text: &str) -> String {
    text.trim().trim_end_matches([',', ';', ':', '-', '–', '—', '(', '[', '{', '"', '“', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_ends_after_a_sentence_or_a_word() {
        for (text, most, expected) in [
            ("Short.", 20, "Short."),
            ("One sentence here. And another one.", 20, "One sentence here."),
            ("Line one.\n\nLine two is longer.", 20, "Line one."),
            ("No. This sentence is longer than that.", 20, "No. This sentence…"),
            ("A sentence without an early end, that is.", 20, "A sentence without…"),
            ("Word, another, yet another one", 21, "Word, another, yet…"),
            ("Donaudampfschifffahrtsgesellschaft", 20, "Donaudampfschifffah…"),
            ("ééééééééééééééééééééééé", 20, "ééééééééééééééééééé…"),
        ] {
            assert_eq!(cut(text, most), expected);
        }
        let family = "👩\u{200D}👩\u{200D}👧\u{200D}👦".repeat(5);
        assert_eq!(cut(&family, 20).chars().filter(|c| *c == '👦').count(), 2, "graphemes stay whole");
        let stacked = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(cut(&stacked, 20).chars().count(), 20);
    }

    proptest! {
        #[test]
        fn never_longer_than_asked(text in "\\PC{0,200}|([a-zA-Z]{1,30}[ .,\n]{0,3}){0,40}", most in 1_usize..250) {
            let short = cut(&text, most);
            prop_assert!(short.chars().count() <= most);
            let start = short.strip_suffix(ELLIPSIS).unwrap_or(&short);
            prop_assert!(text.contains(start));
            prop_assert!(!short.is_empty() || text.is_empty());
        }
    }
}
