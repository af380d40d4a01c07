//! Where the sentences of a text begin and end, by position in the text as it is.
//!
//! Unicode's rules (UAX #29) decide, corrected as for summaries: the full stop of an abbreviation or an initial ends
//! nothing, and neither does a line break inside a paragraph. Deliberately absent: any change of the text.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation as _;

use crate::ai::summary::sentence::is_abbreviated;

/// The sentences of a text: byte ranges in order, which cover all of it without a gap.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut sentences: Vec<Range<usize>> = Vec::new();
    for (start, piece) in text.split_sentence_bound_indices() {
        let end = start + piece.len();
        match sentences.last_mut() {
            Some(last) if goes_on(&text[last.clone()], &text[start..]) => last.end = end,
            _ => sentences.push(start..end),
        }
    }
    sentences
}

/// Whether a sentence that seems to end goes on.
fn goes_on(before: &str, after: &str) -> bool {
    let said = before.trim_end();
    let breaks = before[said.len()..].matches('\n').count();
    if said.is_empty() {
        return true;
    }
    match breaks {
        0 => is_abbreviated(said),
        1 => {
            let item = after.starts_with(['-', '*', '•', '·', '#', '|', '\n', '\r']);
            let ended =
                said.ends_with(['.', '!', '?', ':', '。', '！', '？', '…', '"', '”', ')']) && !is_abbreviated(said);
            !item && !ended
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        sentences(text).into_iter().map(|range| text[range].trim().to_owned()).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn sentences_end_where_people_end_them() {
        for (text, expected) in [
            ("One. Two! Three?", "One.|Two!|Three?"),
            ("Dr. Smith met J. Doe, e.g. Jane. They left.", "Dr. Smith met J. Doe, e.g. Jane.|They left."),
            ("A line\nbreak. A\n\nTitle\n- item one\n- item two", "A line\nbreak.|A|Title|- item one|- item two"),
            ("One.\nTwo.", "One.|Two."),
            ("今日は晴れ。明日は雨。", "今日は晴れ。|明日は雨。"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sentences_cover_any_text(text in "(\\PC|[a-zA-Z. !?\n]){0,200}") {
            let ranges = sentences(&text);
            let joined: String = ranges.iter().map(|range| &text[range.clone()]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
