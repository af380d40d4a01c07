//! What a query says, by rule: its terms, and an intent from its opening words and marks.
//!
//! The confidence is stated, not computed: each rule has one, and a rule of another intent that also holds takes 0.2
//! away. A query with no sign of anything is a search at 0.4, one without a single term at 0.2.
//! Deliberately absent: languages other than English, but for question marks.

use super::words::{terms, words};
use super::{Intent, Query, Reading, TERM, TERMS};

/// What another intent's rule takes away.
const DOUBT: f64 = 0.2;

/// How the intents open: a query whose first word or words, after politeness, are one of these.
const OPENINGS: [(Intent, f64, &str); 4] = [
    (
        Intent::Question,
        0.7,
        "|who|whom|whose|what|whats|when|where|wheres|why|how|hows|which|is|are|was|were|do|does|did|can|could|should|\
         would|will|am|has|have|explain|tell me|",
    ),
    (
        Intent::Navigation,
        0.8,
        "|go to|go back|take me|bring me|navigate|open|visit|jump to|switch to|log in|login|sign in|home|homepage|back to|",
    ),
    (
        Intent::Action,
        0.8,
        "|create|add|make|delete|remove|update|edit|change|rename|set|send|upload|download|export|import|buy|order|\
         book|cancel|schedule|generate|invite|share|submit|enable|disable|turn on|turn off|install|start|stop|reset|\
         remind|pay|call|sign up|subscribe|unsubscribe|save|copy|move|print|convert|translate|",
    ),
    (Intent::Search, 0.8, "|find|search|look for|looking for|list|show|show me|get me|browse|compare|best|top|cheap|"),
];

/// Words that make a place of the last word.
const PLACES: &str = "|page|tab|screen|dashboard|settings|homepage|site|website|menu|section|profile|inbox|";
/// Words before the wish.
const POLITE: &str =
    "|please|hey|hi|hello|ok|okay|kindly|just|now|so|and|i|want|need|to|would|like|id|im|can|could|you|";

/// What a query says.
pub(super) fn read(query: &str) -> Reading {
    let mut search_terms = terms(query);
    search_terms.retain(|term| term.chars().count() <= TERM);
    search_terms.truncate(TERMS);
    let (intent, confidence) = intent(query, search_terms.is_empty());
    let joined = search_terms.join(" ");
    let plain = crate::ai::text::line(query);
    let enhanced_query = if joined.is_empty() { plain } else { joined };
    Reading { enhanced_query: enhanced_query.chars().take(Query::MOST).collect(), search_terms, intent, confidence }
}

fn intent(query: &str, empty: bool) -> (Intent, f64) {
    let words: Vec<String> =
        words(query).iter().map(|word| word.to_lowercase().replace('\'', "")).filter(|word| !word.is_empty()).collect();
    let mut found: Vec<(Intent, f64)> = Vec::new();
    let marked = query.trim_end().ends_with(['?', '\u{FF1F}', '\u{061F}', '\u{37E}']);
    for (intent, confidence, openings) in OPENINGS {
        let mark = marked && intent == Intent::Question;
        match (opens(&words, openings, intent), mark) {
            (true, true) => found.push((intent, 0.95)),
            (true, false) => found.push((intent, confidence)),
            (false, true) => found.push((intent, 0.8)),
            (false, false) => {}
        }
    }
    let place = words.last().is_some_and(|word| PLACES.contains(&format!("|{word}|")));
    let url = query
        .split_whitespace()
        .any(|word| word.starts_with("http://") || word.starts_with("https://") || word.starts_with("www."));
    if (place || url) && !found.iter().any(|(intent, _)| *intent == Intent::Navigation) {
        found.push((Intent::Navigation, if url { 0.9 } else { 0.6 }));
    }
    // The first of the surest.
    let best = found.iter().copied().reduce(|best, next| if next.1 > best.1 { next } else { best });
    match best {
        Some((intent, confidence)) if found.len() > 1 => (intent, ((confidence - DOUBT) * 100.0).round() / 100.0),
        Some(best) => best,
        None if empty => (Intent::Search, 0.2),
        None => (Intent::Search, 0.4),
    }
}

/// Whether the query opens like this, at its start or after politeness. A question's words are its start.
fn opens(words: &[String], openings: &str, intent: Intent) -> bool {
    let polite = words.iter().take_while(|word| POLITE.contains(&format!("|{word}|"))).count();
    let starts = if intent == Intent::Question { [0, 0] } else { [0, polite] };
    starts.iter().any(|&start| {
        let one = words.get(start).map(|word| format!("|{word}|"));
        let two = words.get(start..start + 2).map(|pair| format!("|{}|", pair.join(" ")));
        one.into_iter().chain(two).any(|opening| openings.contains(&opening))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn intents_have_stated_confidences() {
        for (query, intent, confidence) in [
            ("how do I reset my password?", Intent::Question, 0.95),
            ("capital of France?", Intent::Question, 0.8),
            ("why is the sky blue", Intent::Question, 0.7),
            ("東京はどこですか？", Intent::Question, 0.8),
            ("go to my orders", Intent::Navigation, 0.8),
            ("open settings", Intent::Navigation, 0.8),
            ("billing page", Intent::Navigation, 0.6),
            ("https://example.com/a", Intent::Navigation, 0.9),
            ("Please create a new invoice", Intent::Action, 0.8),
            ("I want to cancel my subscription", Intent::Action, 0.8),
            ("can you delete this file?", Intent::Question, 0.75),
            ("find red shoes", Intent::Search, 0.8),
            ("red shoes", Intent::Search, 0.4),
            ("the of", Intent::Search, 0.2),
            ("!!!", Intent::Search, 0.2),
            ("???", Intent::Question, 0.8),
        ] {
            let reading = read(query);
            assert_eq!((reading.intent, reading.confidence), (intent, confidence), "{query}");
        }
    }

    #[test]
    fn the_enhanced_query_is_the_terms_or_the_query_itself() {
        assert_eq!(read("Please show me the red shoes").enhanced_query, "red shoes");
        assert_eq!(read("what is it?").enhanced_query, "what is it?");
    }

    proptest! {
        #[test]
        fn any_query_is_read(query in "\\PC{1,300}|[a-z \"?./'-]{1,300}") {
            let reading = read(&query);
            prop_assert_eq!(&reading, &read(&query));
            prop_assert!((0.0..=1.0).contains(&reading.confidence));
            prop_assert!(reading.search_terms.len() <= TERMS && reading.enhanced_query.chars().count() <= Query::MOST);
            prop_assert!(reading.search_terms.iter().all(|t| !t.is_empty() && t.chars().count() <= TERM));
            for term in &reading.search_terms {
                let letters = |text: &str| text.to_lowercase().split_whitespace().collect::<String>();
                let parts_are_there = term.split(' ').all(|part| letters(&query).contains(part));
                prop_assert!(parts_are_there, "{} is not in {}", term, query);
            }
        }
    }
}
