//! Keyword vectors in the manner of BM25: one number per word, whose dot product says how much of a query a text holds.
//!
//! A document's word weighs `tf / (tf + k1 (1 - b + b length / average))`, which is below 1; a query's words weigh the
//! same, together 1. So the score of any text lies in [0, 1): the share of the query that it holds, saturated.
//! Nothing depends on the other documents: weights made today are right tomorrow, in every store. What BM25 reads from a
//! collection's statistics (how rare a word is) is a prior here: words that carry nothing in English count only where
//! there are no others.

use std::collections::BTreeMap;

use super::terms::{Term, hash, terms};

const K1: f32 = 0.9;
const B: f32 = 0.75;
/// The length of a usual chunk, in words.
const AVERAGE: f32 = 90.0;
/// The most words of a vector; Pinecone takes 1,000.
const MOST: usize = 1_000;
/// How often a word of the title counts.
const TITLE: u16 = 3;

/// A sparse vector: indices in ascending order, each once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sparse(Vec<(u32, f32)>);

/// The dimension of a stem; two stems that share one are as one word, which one pair in a hundred thousand is for
/// vocabularies of some hundred words.
pub(crate) fn dimension(stem: &str) -> u32 {
    u32::try_from(hash(b'w', stem) >> 32).unwrap_or(u32::MAX)
}

impl Sparse {
    /// The words of a part of a document, and of the title and tags that all parts share.
    pub fn of_document(title: &str, tags: &[String], text: &str) -> Self {
        let mut counts: BTreeMap<u32, u16> = BTreeMap::new();
        let mut length = 0_u16;
        let tags = tags.iter().map(String::as_str);
        for (part, times) in [(text, 1), (title, TITLE)].into_iter().chain(tags.map(|tag| (tag, TITLE))) {
            for term in terms(part) {
                let count = counts.entry(dimension(&term.stem)).or_default();
                *count = count.saturating_add(times);
                length = length.saturating_add(1);
            }
        }
        let norm = K1 * (1.0 - B + B * f32::from(length) / AVERAGE);
        let weight = |count: u16| f32::from(count) / (f32::from(count) + norm);
        Self::strongest(counts.into_iter().map(|(index, count)| (index, weight(count))).collect())
    }

    /// The words of a query; their weights add up to 1.
    pub fn of_query(text: &str) -> Self {
        let mut weights: BTreeMap<u32, f32> = BTreeMap::new();
        for term in told(&terms(text)) {
            weights.insert(dimension(&term.stem), 1.0);
        }
        let sum: f32 = weights.values().sum();
        Self::strongest(weights.into_iter().map(|(index, weight)| (index, weight / sum)).collect())
    }

    fn strongest(mut all: Vec<(u32, f32)>) -> Self {
        if all.len() > MOST {
            all.sort_by(|a, b| b.1.total_cmp(&a.1));
            all.truncate(MOST);
            all.sort_by_key(|(index, _)| *index);
        }
        Self(all)
    }

    /// From parts that were stored.
    pub fn of_parts(parts: Vec<(u32, f32)>) -> Self {
        Self(parts)
    }

    /// Indices and weights.
    pub fn parts(&self) -> &[(u32, f32)] {
        &self.0
    }

    /// The dot product.
    pub fn dot(&self, query: &Self) -> f32 {
        let of = |(index, weight): &(u32, f32)| {
            self.0.binary_search_by_key(index, |(index, _)| *index).map_or(0.0, |at| self.0[at].1 * weight)
        };
        query.0.iter().map(of).sum()
    }
}

/// The words of a query that are looked for: those that tell something, or all if none does.
pub(crate) fn told(terms: &[Term]) -> Vec<&Term> {
    let told: Vec<_> = terms.iter().filter(|term| !term.is_stop()).collect();
    if told.is_empty() { terms.iter().collect() } else { told }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(query: &str, text: &str) -> f32 {
        Sparse::of_document("", &[], text).dot(&Sparse::of_query(query))
    }

    #[test]
    fn a_text_scores_by_what_it_holds_of_the_query() {
        let text = "The ferry to the island leaves at noon; ferries return in the evening.";
        assert!(score("ferries", text) > score("evening", text), "more often counts more");
        assert!(score("ferry island", text) > score("ferry mainland", text));
        assert!(score("airport", text).abs() < f32::EPSILON);
        assert!(score("the", text) > 0.0, "a query of nothing else may look for words that tell nothing");
        assert!((score("the ferry", text) - score("ferry", text)).abs() < f32::EPSILON);
    }

    #[test]
    fn long_texts_do_not_win_by_length_and_titles_count_more() {
        let long = format!("ferry {}", "and other words about boats ".repeat(40));
        assert!(score("ferry", "The ferry leaves.") > score("ferry", &long));
        let titled = Sparse::of_document("Ferry", &[], "It leaves.");
        let tagged = Sparse::of_document("", &["ferry".into()], "It leaves.");
        let plain = Sparse::of_document("", &[], "Ferry. It leaves.");
        let query = Sparse::of_query("ferry");
        assert!(titled.dot(&query) > plain.dot(&query) && tagged.dot(&query) > plain.dot(&query));
    }

    proptest! {
        #[test]
        fn scores_lie_between_nothing_and_one(query in "([a-e]{1,2} ?){0,12}", text in "([a-e]{1,2} ?){0,300}") {
            let document = Sparse::of_document(&query, std::slice::from_ref(&text), &text);
            let score = document.dot(&Sparse::of_query(&query));
            prop_assert!((0.0..1.0).contains(&score), "{}", score);
            prop_assert!(document.parts().windows(2).all(|pair| pair[0].0 < pair[1].0));
            prop_assert!(document.parts().len() <= MOST);
        }
    }
}
