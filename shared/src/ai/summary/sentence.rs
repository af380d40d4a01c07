//! Where the sentences of a text end.
//!
//! Unicode's rules (UAX #29) decide, with two corrections for how people write: a line break inside a paragraph ends
//! nothing, and neither does the full stop of a common abbreviation or an initial.
//! Deliberately absent: abbreviations of languages other than English.

use unicode_segmentation::UnicodeSegmentation as _;

const ABBREVIATIONS: &str =
    " mr. mrs. ms. dr. prof. sr. jr. st. vs. etc. e.g. i.e. cf. no. fig. inc. ltd. co. dept. approx. u.s. u.k. ";

/// The sentences of a text in order, each on one line with single spaces, none empty.
pub(super) fn sentences(text: &str) -> Vec<String> {
    paragraphs(text).iter().flat_map(|paragraph| of_paragraph(paragraph)).collect()
}

/// Every run of white space as one space.
pub(super) fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines that belong together: up to an empty line, or a line that begins a list item.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        let line = flat(line);
        let item = line.starts_with(['-', '*', '•', '·', '#', '|']);
        if (line.is_empty() || item) && paragraphs.last().is_some_and(|last| !last.is_empty()) {
            paragraphs.push(String::new());
        }
        if let Some(last) = paragraphs.last_mut() {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(&line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

fn of_paragraph(paragraph: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    let mut open = false;
    for piece in paragraph.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if open => last.push_str(piece),
            _ => sentences.push(piece.to_owned()),
        }
        open = sentences.last().is_some_and(|last| is_abbreviated(last));
    }
    sentences.iter_mut().for_each(|sentence| *sentence = sentence.trim().to_owned());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// Whether the text ends with an abbreviation or an initial rather than with a sentence.
pub(crate) fn is_abbreviated(text: &str) -> bool {
    let Some(word) = text.trim_end().rsplit(' ').next() else { return false };
    let word = word.trim_start_matches(['(', '"', '\'', '[']);
    let initial = word.chars().count() == 2 && word.ends_with('.') && word.starts_with(char::is_uppercase);
    // Long words are no abbreviations, and lower-casing all of a text again and again would be slow.
    initial || (word.len() <= 8 && ABBREVIATIONS.contains(&format!(" {} ", word.to_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_people_end_them() {
        for (text, expected) in [
            ("One. Two! Three?", "One.|Two!|Three?"),
            ("Dr. Smith met J. Doe, e.g. Jane.\nThey left.", "Dr. Smith met J. Doe, e.g. Jane.|They left."),
            ("A line\nbreak. A\n\nTitle\n- item one\n- item two", "A line break.|A|Title|- item one|- item two"),
            ("Pi is 3.14 here. OK", "Pi is 3.14 here.|OK"),
            ("今日は晴れ。明日は雨。", "今日は晴れ。|明日は雨。"),
            ("  \n\n ", ""),
            ("no end", "no end"),
        ] {
            assert_eq!(sentences(text).join("|"), expected, "{text}");
        }
    }
}
