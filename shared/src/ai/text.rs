//! Which characters of untrusted text are refused, and which are removed.
//!
//! Invisible characters can carry text that a person does not see and a model reads: tag characters, variation
//! selectors, zero-width spaces; direction overrides make text read differently from what it is. They are removed.
//! Control characters have no use here at all. Deliberately absent: any judgement about HTML, which is data here
//! and is escaped where it is shown.

use crate::{Error, Result};

/// True for an invisible character that can hide or reorder text.
///
/// The zero-width joiner and non-joiner stay: several scripts and most emoji need them.
pub(crate) fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{061C}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'
            | '\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// The first control character that is not a line break or a tab.
pub(crate) fn control(text: &str) -> Option<char> {
    text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
}

/// The text without hidden characters, with `\n` as its only line break.
pub(crate) fn whole(text: &str) -> String {
    let plain: String = text.replace("\r\n", "\n").chars().filter(|c| !is_hidden(*c)).collect();
    plain.replace(['\r', '\u{2028}', '\u{2029}'], "\n")
}

/// The text without hidden characters, trimmed, with `\n` as its only line break.
pub(crate) fn visible(text: &str) -> String {
    whole(text).trim().to_owned()
}

/// The text without hidden and control characters: what may leave, whoever wrote it.
pub(crate) fn harmless(text: &str) -> String {
    whole(text).chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A caller's text of 1 to `most` characters, trimmed and without hidden characters.
///
/// # Errors
/// `Invalid`, naming the member `name`: a control character inside, nothing left, or too much.
pub(crate) fn required(name: &str, text: &str, most: usize) -> Result<String> {
    refuse_control(name, text)?;
    let plain = visible(text);
    within(name, &plain, 1, most)?;
    Ok(plain)
}

/// Refuses text with control characters, naming the first and the member `name`.
pub(crate) fn refuse_control(name: &str, text: &str) -> Result<()> {
    let Some(control) = control(text) else { return Ok(()) };
    let code = u32::from(control);
    Err(Error::invalid(format!("{name} holds the control character U+{code:04X}: remove it.")))
}

/// Refuses text of fewer or more characters; white space alone counts as nothing.
pub(crate) fn within(name: &str, text: &str, fewest: usize, most: usize) -> Result<()> {
    match text.chars().count() {
        count if count > most => {
            Err(Error::invalid(format!("{name} has {count} characters: shorten it to {most} or fewer.")))
        }
        _ if fewest > 0 && text.trim().is_empty() => Err(Error::invalid(format!("{name} is empty: send some text."))),
        _ => Ok(()),
    }
}

/// One line: hidden and control characters removed, every run of white space one space.
pub(crate) fn line(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !is_hidden(*c))
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    plain.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_41_hidden_text_is_removed_and_scripts_survive() {
        assert_eq!(visible("a\u{202E}b\u{E0041}\u{FEFF}c\r\nd\u{2028}e "), "abc\nd\ne");
        assert_eq!(visible("می\u{200C}خواهم 👩\u{200D}💻"), "می\u{200C}خواهم 👩\u{200D}💻");
        assert_eq!(line(" First\n\u{1b}[31mname\u{0}\u{200B}  "), "First [31mname");
    }

    #[test]
    fn row_41_control_characters_are_found() {
        assert_eq!(control("one\ttwo\r\nthree"), None);
        assert_eq!(control("a\0b"), Some('\0'));
        assert_eq!(control("a\u{9b}31m"), Some('\u{9b}'));
    }
}
