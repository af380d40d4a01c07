//! The sentences of a text that say most of what was looked for, and where they say it.
//!
//! Words match as searches compare them: "ferries" marks "ferry". Positions count Unicode code points from the start of
//! the sentence. Deliberately absent: markup, which is for whoever shows the sentence.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::sentence::sentences;
use super::sparse::told;
use super::terms::terms;

/// The most sentences.
const MOST: usize = 3;
/// The longest sentence that is shown, in code points; of a longer one, the part around its first match.
const LONGEST: usize = 300;

/// A sentence and the matches in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Highlight {
    /// The sentence.
    pub text: String,
    /// The matches in order, none overlapping another.
    pub spans: Vec<Span>,
}

/// From one code point of a sentence up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The first.
    pub start: usize,
    /// The first that is not part of it.
    pub end: usize,
}

/// The sentences of a text that say most of what a query looks for, in the text's order.
pub fn highlights(text: &str, query: &str) -> Vec<Highlight> {
    let all = terms(query);
    let wanted: HashSet<&str> = told(&all).into_iter().map(|term| term.stem.as_str()).collect();
    let mut found: Vec<(usize, usize, Highlight)> = Vec::new();
    for (place, range) in sentences(text).into_iter().enumerate() {
        if let Some((told, highlight)) = highlight(text[range].trim(), &wanted) {
            found.push((place, told, highlight));
        }
    }
    found.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    found.truncate(MOST);
    found.sort_by_key(|(place, ..)| *place);
    found.into_iter().map(|(.., highlight)| highlight).collect()
}

fn highlight(sentence: &str, wanted: &HashSet<&str>) -> Option<(usize, Highlight)> {
    let (mut stems, mut places) = (HashSet::new(), Vec::new());
    for term in terms(sentence) {
        if wanted.contains(term.stem.as_str()) {
            places.push(term.range);
            stems.insert(term.stem);
        }
    }
    let first = places.first()?.start;
    let chars = |text: &str| text.chars().count();
    // Some context before the first match, where the whole sentence would be too long.
    let skip = if chars(sentence) <= LONGEST { 0 } else { chars(&sentence[..first]).saturating_sub(LONGEST / 4) };
    let text: String = sentence.chars().skip(skip).take(LONGEST).collect();
    let spans = places.into_iter().filter_map(|range| {
        let start = chars(&sentence[..range.start]).checked_sub(skip)?;
        let end = start + chars(&sentence[range]);
        (end <= chars(&text)).then_some(Span { start, end })
    });
    let spans = spans.collect();
    Some((stems.len(), Highlight { text, spans }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn marked(text: &str, query: &str) -> String {
        let mark = |Highlight { text, spans }: Highlight| {
            let mut marked: Vec<String> = text.chars().map(String::from).collect();
            for Span { start, end } in spans {
                marked[start].insert(0, '[');
                marked[end - 1].push(']');
            }
            marked.concat()
        };
        highlights(text, query).into_iter().map(mark).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn matches_are_marked_where_they_stand() {
        for (text, query, expected) in [
            ("Ferries leave at noon. Trains do not.", "the ferry", "[Ferries] leave at noon."),
            ("Nothing here. Two naïve cafés. End.", "naive cafe", "Two [naïve] [cafés]."),
            ("🦀 crabs walk. Fish swim.", "crab", "🦀 [crabs] walk."),
            ("東京タワー。大阪城。", "タワー", "東京[タワー]。"),
            (
                "One boat. Two boats and a sail. Boat three. A fourth boat.",
                "boats sail",
                "One [boat].|Two [boats] and a [sail].|[Boat] three.",
            ),
            ("Nothing.", "else", ""),
            ("To be or not.", "to be", "[To] [be] or not."),
        ] {
            assert_eq!(marked(text, query), expected, "{text}");
        }
    }

    #[test]
    fn a_long_sentence_is_shown_around_its_first_match() {
        let text = format!("{} crab {}", "word ".repeat(200), "more ".repeat(200));
        let found = highlights(&text, "crab");
        assert_eq!(found[0].text.chars().count(), LONGEST);
        let Span { start, end } = found[0].spans[0];
        assert_eq!(found[0].text.chars().skip(start).take(end - start).collect::<String>(), "crab");
    }

    proptest! {
        #[test]
        fn spans_lie_inside_in_order(text in "(\\PC|[a-c]{1,3}|[ .!?\n]){0,120}", query in "(\\PC|[a-c]{1,3} ){0,12}") {
            for Highlight { text, spans } in highlights(&text, &query) {
                prop_assert!(!spans.is_empty());
                let mut at = 0;
                for Span { start, end } in spans {
                    prop_assert!(at <= start && start < end && end <= text.chars().count());
                    at = end;
                }
            }
        }
    }
}
