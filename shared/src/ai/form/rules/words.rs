//! Text as words and marks, and phrases looked up in it.
//!
//! A word is compared by its stem: lower case, no accents, no possessive, singular. Hyphens inside a word separate, so
//! "e-mail" and "e mail" are one phrase. Deliberately absent: any other grammar, and any language but English; a
//! description in another language simply matches little.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// A word, or one mark of punctuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// What it is compared by: a stem, or the mark itself.
    pub stem: String,
    /// Where it starts in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Token {
    /// Whether it is the word or mark `stem`.
    pub(crate) fn is(&self, stem: &str) -> bool {
        self.stem == stem
    }

    /// Whether it is a word.
    pub(crate) fn is_word(&self) -> bool {
        self.stem.starts_with(char::is_alphanumeric)
    }

    /// Whether a sentence ends here.
    pub(crate) fn ends_sentence(&self) -> bool {
        matches!(self.stem.as_str(), "." | "!" | "?")
    }
}

/// The words and marks of a text.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.char_indices().peekable();
    while let Some((start, c)) = rest.next() {
        if !c.is_alphanumeric() {
            let next = rest.peek().map(|(_, next)| *next);
            if let Some(stem) = mark(c, next, tokens.last(), start) {
                tokens.push(Token { stem, start, end: start + c.len_utf8() });
            }
            continue;
        }
        let mut end = start + c.len_utf8();
        while let Some((at, next)) =
            rest.next_if(|(_, c)| c.is_alphanumeric() || is_apostrophe(*c) || is_combining_mark(*c))
        {
            end = at + next.len_utf8();
        }
        let word = text.get(start..end).unwrap_or_default().trim_end_matches(is_apostrophe);
        tokens.push(Token { stem: stem(word), start, end: start + word.len() });
    }
    tokens
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// What a character that is no letter means: a full stop only before white space, a dash only after some.
fn mark(c: char, next: Option<char>, last: Option<&Token>, at: usize) -> Option<String> {
    let spaced = last.is_none_or(|last| last.end < at) && next.is_none_or(char::is_whitespace);
    let mark = match c {
        '\n' | ';' | '+' | '•' | '·' | '、' | '，' => ",",
        '*' | '-' | '–' | '—' if spaced => ",",
        '.' if next.is_some_and(|next| !next.is_whitespace()) => return None,
        '。' => ".",
        '[' => "(",
        ']' => ")",
        '&' => "and",
        ',' | ':' | '.' | '!' | '?' | '(' | ')' | '/' | '|' => return Some(c.to_string()),
        _ => return None,
    };
    Some(mark.to_owned())
}

/// Lower case, without accents, possessive and plural.
pub(crate) fn stem(word: &str) -> String {
    let word: String = word.nfd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    let word = word.replace('’', "'");
    let word = word.strip_suffix("'s").unwrap_or(&word);
    let cut = |tail: &str, instead: &str| word.strip_suffix(tail).map(|head| format!("{head}{instead}"));
    if word.chars().count() <= 3 {
        return word.to_owned();
    }
    let plain = ["ss", "us", "is"].iter().any(|tail| word.ends_with(tail));
    let with_es = ["sses", "xes", "ches", "shes"].iter().any(|tail| word.ends_with(tail));
    let stem = if plain {
        None
    } else if with_es {
        cut("es", "")
    } else {
        cut("ies", "y").or_else(|| cut("ie", "y")).or_else(|| cut("s", ""))
    };
    stem.unwrap_or_else(|| word.to_owned())
}

/// The stems of a phrase, or of a name in `camelCase`, `snake_case` or words.
pub(crate) fn stems(phrase: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(phrase.len() + 8);
    let mut lower = false;
    for c in phrase.chars() {
        if c.is_uppercase() && lower {
            spaced.push(' ');
        }
        lower = c.is_lowercase() || c.is_numeric();
        spaced.push(if c == '_' { ' ' } else { c });
    }
    tokens(&spaced).into_iter().filter(Token::is_word).map(|token| token.stem).collect()
}

/// Phrases, each with what it stands for.
#[derive(Debug)]
pub(crate) struct Lexicon<T> {
    by_first: BTreeMap<String, Vec<(Vec<String>, T)>>,
}

impl<T: Copy> Lexicon<T> {
    /// Takes lists of phrases separated by `|`.
    pub(crate) fn new<'p>(lists: impl IntoIterator<Item = (&'p str, T)>) -> Self {
        let mut by_first: BTreeMap<String, Vec<(Vec<String>, T)>> = BTreeMap::new();
        for (list, meaning) in lists {
            for phrase in list.split('|').map(stems) {
                if let Some(first) = phrase.first() {
                    by_first.entry(first.clone()).or_default().push((phrase, meaning));
                }
            }
        }
        Self { by_first }
    }

    /// Every phrase that starts where `tokens` starts, with its length in words.
    pub(crate) fn all<'l>(&'l self, tokens: &'l [Token]) -> impl Iterator<Item = (usize, T)> + 'l {
        let phrases = tokens.first().and_then(|first| self.by_first.get(&first.stem));
        phrases.into_iter().flatten().filter_map(move |(phrase, meaning)| {
            let same = phrase.len() <= tokens.len() && phrase.iter().zip(tokens).all(|(stem, token)| token.is(stem));
            same.then_some((phrase.len(), *meaning))
        })
    }

    /// The longest phrase that starts where `tokens` starts; the first of several as long.
    pub(crate) fn longest(&self, tokens: &[Token]) -> Option<(usize, T)> {
        self.all(tokens).fold(None, |best, found| match best {
            Some((length, _)) if length >= found.0 => best,
            _ => Some(found),
        })
    }

    /// What the whole of `tokens` stands for.
    pub(crate) fn whole(&self, tokens: &[Token]) -> Option<T> {
        self.all(tokens).find(|(length, _)| *length == tokens.len()).map(|(_, meaning)| meaning)
    }

    /// What the longest phrase that ends where `tokens` ends stands for.
    pub(crate) fn ending(&self, tokens: &[Token]) -> Option<T> {
        (0..tokens.len()).find_map(|start| self.whole(tokens.get(start..)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_possessives_and_accents_are_one_word() {
        for (one, other) in [
            ("allergy", "allergies"),
            ("address", "addresses"),
            ("course", "courses"),
            ("size", "sizes"),
            ("box", "boxes"),
            ("movie", "movies"),
            ("résumé", "resume"),
            ("user’s", "User"),
        ] {
            assert_eq!(stem(one), stem(other), "{one} {other}");
        }
        assert_eq!(stem("status"), "status");
    }

    #[test]
    fn marks_and_hyphens() {
        let stems: Vec<String> =
            tokens("T-shirt (v2.5): a & b.\n- e-mail").into_iter().map(|token| token.stem).collect();
        assert_eq!(stems, ["t", "shirt", "(", "v2", "5", ")", ":", "a", "and", "b", ".", ",", "e", "mail"]);
        assert_eq!(super::stems("firstName_2"), ["first", "name", "2"]);
    }

    #[test]
    fn the_longest_phrase_wins() {
        let lexicon = Lexicon::new([("phone|phone number", 1), ("number", 2)]);
        let text = tokens("phone numbers");
        assert_eq!(lexicon.longest(&text), Some((2, 1)));
        assert_eq!(lexicon.whole(&text), Some(1));
        assert_eq!(lexicon.ending(&tokens("the lucky number")), Some(2));
        assert_eq!(lexicon.longest(&tokens("")), None);
    }
}
