//! A summary of the text's own sentences: those whose words the text uses most, in their own order.
//!
//! After SumBasic (Nenkova and Vanderwende, 2005): a sentence is worth the mean frequency of its words, and one that is
//! taken halves the worth of its words, so that the next one says something else. (Squaring, as the paper has it, is
//! too much for short texts.) The first sentence of a text counts a little more, because it usually says what follows;
//! one that shares no word with the rest is left out.
//! Deliberately absent: randomness and learning. The same text gives the same summary, always.

use std::collections::{HashMap, HashSet};

use unicode_segmentation::UnicodeSegmentation as _;

use super::cut::cut;
use super::sentence::{flat, sentences};
use crate::ai::query::{is_stop, stem};

/// Sentences that are looked at, the first ones of equal worth: bounds the work on a text of tiny sentences.
const CANDIDATES: usize = 400;
/// How much more the first sentence counts.
const FIRST: f64 = 1.2;
/// What is left of a word's worth once it has been said.
const SAID: f64 = 0.5;

/// A sentence and the numbers of its words, each once.
struct Candidate {
    at: usize,
    length: usize,
    words: Vec<usize>,
}

/// At most `most` characters of the text's own sentences; if none is that short, the start of the best.
pub(super) fn summary(text: &str, most: usize) -> String {
    let whole = flat(text);
    if whole.chars().count() <= most {
        return whole;
    }
    let sentences = sentences(text);
    let (mut candidates, mut weights) = candidates(&sentences);
    let worth = |candidate: &Candidate, weights: &[f64]| {
        let sum: f64 = candidate.words.iter().map(|word| weights[*word]).sum();
        let mean = sum / f64::from(u32::try_from(candidate.words.len().max(1)).unwrap_or(u32::MAX));
        if candidate.at == 0 { mean * FIRST } else { mean }
    };
    let best = |candidates: &[Candidate], weights: &[f64], room: usize| {
        let fitting = candidates.iter().enumerate().filter(|(_, candidate)| candidate.length <= room);
        let worths = fitting.map(|(n, candidate)| (n, worth(candidate, weights)));
        worths.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(n, _)| n)
    };
    candidates.sort_by(|a, b| worth(b, &weights).total_cmp(&worth(a, &weights)).then(a.at.cmp(&b.at)));
    candidates.truncate(CANDIDATES);
    candidates.sort_by_key(|candidate| candidate.at);
    let (mut taken, mut room) = (Vec::new(), most);
    while let Some(n) = best(&candidates, &weights, room) {
        let candidate = candidates.remove(n);
        for word in candidate.words {
            weights[word] *= SAID;
        }
        taken.push(candidate.at);
        room = room.saturating_sub(candidate.length + 1);
    }
    if taken.is_empty() {
        let start = best(&candidates, &weights, usize::MAX).map_or(0, |n| candidates[n].at);
        return cut(sentences.get(start).unwrap_or(&whole), most);
    }
    taken.sort_unstable();
    let mut summary = String::new();
    for sentence in taken.iter().filter_map(|at| sentences.get(*at)) {
        // Scripts whose full stops are this wide put no space after them.
        if !summary.is_empty() && !summary.ends_with(['。', '！', '？']) {
            summary.push(' ');
        }
        summary.push_str(sentence);
    }
    summary
}

/// Every different sentence that shares a word with another (all of them when none does), and how often each word is
/// said.
fn candidates(sentences: &[String]) -> (Vec<Candidate>, Vec<f64>) {
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let mut counts: Vec<u32> = Vec::new();
    // The last sentence that said each word.
    let mut last: Vec<usize> = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut candidates = Vec::new();
    for (at, sentence) in sentences.iter().enumerate() {
        let mut words = Vec::new();
        let first = seen.insert(sentence);
        for word in sentence.unicode_words().map(str::to_lowercase).filter(|word| !is_stop(word)) {
            let next = numbers.len();
            let number = *numbers.entry(stem(&word)).or_insert(next);
            if number == counts.len() {
                counts.push(0);
                last.push(usize::MAX);
            }
            if last[number] != at {
                last[number] = at;
                counts[number] = counts[number].saturating_add(1);
                words.push(number);
            }
        }
        if first {
            candidates.push(Candidate { at, length: sentence.chars().count(), words });
        }
    }
    let shares = |candidate: &Candidate| candidate.words.iter().any(|word| counts[*word] > 1);
    if candidates.iter().any(shares) {
        candidates.retain(shares);
    }
    (candidates, counts.iter().map(|count| f64::from(*count)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "\
Coral reefs shelter a quarter of all sea life. My aunt likes tea. Reefs are built by coral, and coral is built by
tiny animals. Warm water kills coral, and reefs without living coral break apart. It rained on Tuesday. Fishing
villages depend on reefs for food.";

    #[test]
    fn what_the_text_is_about_is_kept_in_order() {
        let short = summary(TEXT, 170);
        assert!(short.contains("coral") && !short.contains("aunt") && !short.contains("Tuesday"), "{short}");
        let places: Vec<_> = sentences(&short).iter().map(|s| flat(TEXT).find(s.as_str())).collect();
        assert!(places.len() >= 2 && places.is_sorted() && places.iter().all(Option::is_some), "{short}");
        assert_eq!(short, summary(TEXT, 170));
    }

    #[test]
    fn short_texts_stay_and_long_sentences_are_cut() {
        assert_eq!(summary("  Two\nlines.  ", 20), "Two lines.");
        assert_eq!(
            summary("A sentence that is much longer than there is room for it.", 30),
            "A sentence that is much…"
        );
        assert_eq!(
            summary("東京は日本の首都です。大阪は西日本の中心です。京都は古い都です。", 21),
            "東京は日本の首都です。京都は古い都です。"
        );
    }

    #[test]
    fn row_49_the_worst_text_takes_a_moment() {
        for text in [
            "a. ".repeat(33_000),
            "Ab cd. Ef gh! ".repeat(7_000),
            "x".repeat(100_000),
            (0..20_000).map(|n| format!("W{n}. ")).collect(),
        ] {
            let text: String = text.chars().take(100_000).collect();
            assert!(summary(&text, 5_000).chars().count() <= 5_000);
        }
    }

    proptest! {
        #[test]
        fn short_and_made_of_the_texts_own_words(
            text in "\\PC{0,300}|([A-Z]?[a-zé]{1,12}[ ,]{1,2}){0,60}|(([A-Z][a-z ]{1,40}[.!?] ?\n?){0,12})",
            most in 20_usize..200,
        ) {
            let short = summary(&text, most);
            prop_assert!(short.chars().count() <= most);
            prop_assert_eq!(&short, &summary(&text, most));
            prop_assert_eq!(short.is_empty(), text.trim().is_empty());
            let own = flat(&text);
            let parts = sentences(&text);
            let whole = own.chars().count() <= most && short == own;
            let cut = short.strip_suffix('…').is_some_and(|start| own.contains(start));
            prop_assert!(whole || cut || is_made_of(&short, &parts), "{:?} of {:?}", short, parts);
        }
    }

    /// Whether `short` is some of the parts, in order.
    fn is_made_of(short: &str, parts: &[String]) -> bool {
        let short = short.trim_start();
        short.is_empty()
            || parts.iter().enumerate().any(|(n, part)| {
                short.strip_prefix(part.as_str()).is_some_and(|rest| is_made_of(rest, &parts[n + 1..]))
            })
    }
}
