//! Which characters of untrusted text are refused, and which are removed.
//!
//! Invisible characters can carry text that a person does not see and a model reads: tag characters, variation
//! selectors, zero-width spaces; direction overrides make text read differently from what it is. They are removed.
//! Control characters have no use in a form at all. Deliberately absent: any judgement about HTML, which is data here
//! and is escaped where it is shown.

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

/// The text without hidden characters, trimmed, with `\n` as its only line break.
pub(crate) fn visible(text: &str) -> String {
    let mut plain: String = text.replace("\r\n", "\n").chars().filter(|c| !is_hidden(*c)).collect();
    plain = plain.replace(['\r', '\u{2028}', '\u{2029}'], "\n");
    plain.trim().to_owned()
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
