//! The words of a query: where they end, which carry nothing, which are the same.
//!
//! Deliberately absent: dictionaries. Stop words and stems are English; words of other languages are kept as they are.

use unicode_segmentation::UnicodeSegmentation as _;

/// Words that a search does not need.
const STOP: &str = " a about all also am an and any anyone are as at be been being but by can could did do does doing for from \
get give had has have having he hello her here hey hi him his how i if im in into is it its just kindly let like \
looking lot many me more most much my need no not now of on one or our out over please she should show so some \
something than thank thanks that the their them then there these they thing things this those to too up us very want \
was we were what whats when where which while who whom whose why will with would you your ";

/// Whether a word, in lower case, carries nothing.
pub(crate) fn is_stop(word: &str) -> bool {
    let plain: String = word.chars().filter(|c| !matches!(c, '\'' | '\u{2019}')).collect();
    STOP.contains(&format!(" {plain} "))
}

/// The terms of a query, in order: words as they are written, and phrases in double quotes whole. Each once.
pub(super) fn terms(query: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut stems: Vec<String> = Vec::new();
    let mut add = |term: &str| {
        let lower = term.to_lowercase();
        let stem = lower.split(' ').map(stem).collect::<Vec<_>>().join(" ");
        if !term.is_empty() && !stems.contains(&stem) {
            stems.push(stem);
            terms.push(lower);
        }
    };
    // Of a pair of quotes, the odd parts are inside; one without its pair quotes nothing.
    let parts: Vec<&str> = query.split(['"', '\u{201C}', '\u{201D}', '\u{201E}']).collect();
    for (n, part) in parts.iter().enumerate() {
        if n % 2 == 1 && n + 1 < parts.len() {
            add(&words(part).join(" "));
        } else {
            words(part).iter().filter(|word| !is_stop(&word.to_lowercase())).for_each(|word| add(word));
        }
    }
    terms
}

/// The words of a text. In ASCII, names such as `c++`, `c#`, `node.js` and `e-mail` stay whole; other scripts are
/// divided as Unicode says.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    for chunk in text.split_whitespace() {
        if chunk.is_ascii() {
            for piece in chunk.split(|c: char| !(c.is_ascii_alphanumeric() || "+#.-_'@/".contains(c))) {
                let piece = piece.trim_matches(|c: char| ".-_'@/".contains(c)).trim_start_matches(['+', '#']);
                // A path or a list of alternatives is several words.
                words.extend(piece.split('/').filter(|word| word.contains(char::is_alphanumeric)).map(str::to_owned));
            }
        } else {
            words.extend(chunk.unicode_words().map(str::to_owned));
        }
    }
    words
}

/// A word without its commonest English endings: enough to see that "shoes" is "shoe".
pub(crate) fn stem(word: &str) -> String {
    let cut = |ending: &str, instead: &str, least: usize| {
        let root = word.strip_suffix(ending)?;
        (root.chars().count() >= least && root.is_ascii()).then(|| format!("{root}{instead}"))
    };
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    cut("'s", "", 2)
        .or_else(|| cut("ies", "y", 2))
        .or_else(|| ["sses", "shes", "ches", "xes"].iter().find_map(|e| cut(e, &e[..e.len() - 2], 2)))
        .or_else(|| cut("ing", "", 4))
        .or_else(|| cut("ed", "", 4))
        .or_else(|| cut("s", "", 3))
        .unwrap_or_else(|| word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_lose_filler_and_repetition() {
        for (query, expected) in [
            ("Please show me all the red shoes and a red shoe", "red|shoes"),
            ("what's the best C++ compiler, or node.js?", "best|c++|compiler|node.js"),
            ("\"to be or not to be\" by Shakespeare", "to be or not to be|shakespeare"),
            ("5\" pipe", "5|pipe"),
            ("running run cities city boxes box", "running|run|cities|boxes"),
            ("Größe der Übergänge", "größe|der|übergänge"),
            ("東京タワー", "東|京|タワー"),
            ("it is what it is", ""),
            ("!!! ... ???", ""),
            ("buy/sell #1 @home", "buy|sell|1|home"),
        ] {
            assert_eq!(terms(query).join("|"), expected, "{query}");
        }
    }

    #[test]
    fn stems_are_light() {
        for (word, expected) in [
            ("shoes", "shoe"),
            ("class", "class"),
            ("cities", "city"),
            ("bus", "bus"),
            ("boxes", "box"),
            ("matches", "match"),
            ("walked", "walk"),
            ("bed", "bed"),
            ("ring", "ring"),
            ("anna's", "anna"),
            ("gas", "gas"),
            ("größes", "größes"),
        ] {
            assert_eq!(stem(word), expected);
        }
    }
}
