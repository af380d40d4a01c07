//! Which kind of form a description announces.
//!
//! A kind scores the weight of each of its phrases once: twice before the first word that opens a list of fields
//! ("with", "including", ...), where a description says what it is about; after that, only directly before a word such
//! as "form", which adds 3 anywhere. The highest score wins, then the earliest phrase, then the catalogue's order.
//! Deliberately absent: anything learnt; the same text gives the same kind for ever.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::words::{Lexicon, Token};
use crate::ai::form::catalogue::{KINDS, Kind};

/// A kind's place in the catalogue, and a phrase's weight.
type Clue = (usize, u32);

static CLUES: LazyLock<Lexicon<Clue>> = LazyLock::new(|| {
    Lexicon::new(KINDS.iter().enumerate().flat_map(|(place, kind)| {
        kind.phrases.split('|').filter_map(move |phrase| {
            let (words, weight) = phrase.split_once(':')?;
            Some((words, (place, weight.parse().ok()?)))
        })
    }))
});

static FORM: LazyLock<Lexicon<()>> =
    LazyLock::new(|| Lexicon::new([("form|page|screen|sheet|dialog|template|wizard|portal", ())]));

/// Whether the word names a form as such.
pub(crate) fn is_form(token: &Token) -> bool {
    FORM.whole(std::slice::from_ref(token)).is_some()
}

/// The kind that `tokens` announce, `head` of which come before the first list of fields.
pub(crate) fn choose(tokens: &[Token], head: usize) -> Option<&'static Kind> {
    let mut scores = vec![(0_u32, usize::MAX); KINDS.len()];
    let mut seen = BTreeSet::new();
    for at in 0..tokens.len() {
        let rest = tokens.get(at..).unwrap_or_default();
        for (length, (place, weight)) in CLUES.all(rest) {
            let titled = rest.get(length).is_some_and(is_form);
            let worth = if at < head {
                weight * 2
            } else if titled {
                weight
            } else {
                continue;
            };
            let phrase: Vec<&str> = rest.iter().take(length).map(|token| token.stem.as_str()).collect();
            if seen.insert((place, phrase))
                && let Some((score, first)) = scores.get_mut(place)
            {
                *score += worth + if titled { 3 } else { 0 };
                *first = (*first).min(at);
            }
        }
    }
    let best = scores.iter().enumerate().filter(|(_, (score, _))| *score >= 2);
    let (place, _) = best.min_by_key(|(place, (score, first))| (std::cmp::Reverse(*score), *first, *place))?;
    KINDS.get(place)
}
