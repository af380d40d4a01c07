//! Which fields may leave this service, whoever made them: the model or the rules.
//!
//! Invariant: what `check` accepts has 1 to 40 fields of unique names, none of which the form has already; every text
//! is bounded and free of control and hidden characters; every pattern compiles within 256 KiB.
//! Deliberately absent: escaping. Text is data, and whoever shows it escapes it.

use std::collections::HashSet;

use regex_lite::RegexBuilder;

use super::field::{Choice, Field, FieldType, Validation};
use super::request::Existing;
use crate::ai::text;

/// The most fields of one form.
pub(crate) const MOST_FIELDS: usize = 40;
/// The longest field name, in bytes.
pub(crate) const NAME: usize = 64;
/// The longest label, in characters.
pub(crate) const LABEL: usize = 120;
const HINT: usize = 200;
const LENGTH: u32 = 10_000;
const PATTERN: usize = 256;
const OPTIONS: usize = 100;
/// The most memory of a compiled pattern, in bytes.
const COMPILED: usize = 256 * 1024;
/// The most problems that are told at once.
const PROBLEMS: usize = 20;

/// The fields with their texts tidied, or what is wrong with them as sentences, 20 at most.
pub(crate) fn check(fields: Vec<Field>, existing: &Existing) -> Result<Vec<Field>, Vec<String>> {
    let fields: Vec<Field> = fields.into_iter().take(MOST_FIELDS + 1).map(tidy).collect();
    let mut problems = Vec::new();
    if fields.is_empty() || fields.len() > MOST_FIELDS {
        problems.push(format!("The form must have 1 to {MOST_FIELDS} fields."));
    }
    let mut names = HashSet::new();
    for (index, field) in fields.iter().enumerate() {
        let mut say = |what: &str| problems.push(format!("fields[{index}]: {what}"));
        if !is_name(&field.field_name) {
            say("fieldName must be a letter followed by up to 63 letters, digits or underscores.");
        }
        if !names.insert(field.field_name.to_ascii_lowercase()) {
            say("fieldName is used by an earlier field.");
        }
        if existing.has(&field.field_name) {
            say("fieldName is one of the fields that the form has already: leave this field out.");
        }
        if !(1..=LABEL).contains(&field.label.chars().count()) {
            say("label must have 1 to 120 characters.");
        }
        if field.placeholder.as_ref().is_some_and(|hint| hint.chars().count() > HINT) {
            say("placeholder must have at most 200 characters.");
        }
        field.validation.iter().for_each(|validation| check_validation(validation, &mut say));
        check_options(field.field_type, field.options.as_deref(), &mut say);
    }
    problems.truncate(PROBLEMS);
    if problems.is_empty() { Ok(fields) } else { Err(problems) }
}

/// Texts on one line without hidden characters; empty members become absent.
fn tidy(field: Field) -> Field {
    let hint = |text: Option<String>| text.map(|text| text::line(&text)).filter(|text| !text.is_empty());
    let validation = field.validation.map(|rule| Validation {
        custom_message: hint(rule.custom_message),
        pattern: rule.pattern.filter(|pattern| !pattern.is_empty()),
        ..rule
    });
    let choice = |choice: Choice| Choice { value: text::line(&choice.value), label: text::line(&choice.label) };
    Field {
        label: text::line(&field.label),
        placeholder: hint(field.placeholder),
        validation: validation.filter(|rule| *rule != Validation::default()),
        options: field
            .options
            .filter(|options| !options.is_empty())
            .map(|options| options.into_iter().take(OPTIONS + 1).map(choice).collect()),
        ..field
    }
}

/// A letter, then up to 63 letters, digits or underscores, all ASCII.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn check_validation(rule: &Validation, say: &mut impl FnMut(&str)) {
    if rule.min_length.max(rule.max_length).is_some_and(|length| length > LENGTH) {
        say("minLength and maxLength must be at most 10,000.");
    }
    if matches!((rule.min_length, rule.max_length), (Some(min), Some(max)) if min > max) {
        say("minLength must not be above maxLength.");
    }
    if rule.custom_message.as_ref().is_some_and(|message| message.chars().count() > HINT) {
        say("customMessage must have at most 200 characters.");
    }
    if rule.pattern.as_ref().is_some_and(|pattern| !is_pattern(pattern)) {
        say("pattern must be a regular expression of at most 256 bytes without look-around, back-references, inline \
             flags and large repetitions.");
    }
}

/// Row 40 of the attack table: a pattern is compiled with every limit set before anybody sees it. Syntax that Rust
/// has and browsers have not (inline flags, `\A`, `\z`, POSIX classes) is refused.
fn is_pattern(pattern: &str) -> bool {
    let foreign =
        pattern.replace("(?:", "(").contains("(?") || [r"\A", r"\z", "[[:"].iter().any(|s| pattern.contains(s));
    pattern.len() <= PATTERN
        && !foreign
        && !pattern.chars().any(|c| c.is_control() || text::is_hidden(c))
        && RegexBuilder::new(pattern).size_limit(COMPILED).nest_limit(32).build().is_ok()
}

fn check_options(kind: FieldType, options: Option<&[Choice]>, say: &mut impl FnMut(&str)) {
    let fewest = if kind == FieldType::Radio { 2 } else { 1 };
    match options {
        None if kind.is_choice() => say("select and radio need options."),
        Some(_) if !kind.is_choice() => say("only select and radio may have options."),
        Some(options) if !(fewest..=OPTIONS).contains(&options.len()) => {
            say("a select needs 1 to 100 options, a radio 2 to 100.");
        }
        Some(options) => {
            let mut values = HashSet::new();
            let fits = |text: &str| (1..=LABEL).contains(&text.chars().count());
            if !options.iter().all(|option| fits(&option.value) && fits(&option.label)) {
                say("an option's value and label must have 1 to 120 characters.");
            }
            if !options.iter().all(|option| values.insert(option.value.as_str())) {
                say("option values must be unique.");
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn field(changes: &Value) -> Field {
        let mut field = json!({"fieldName": "size", "fieldType": "text", "label": "Size", "required": true});
        if let (Some(field), Some(changes)) = (field.as_object_mut(), changes.as_object()) {
            field.extend(changes.clone());
        }
        serde_json::from_value(field).expect("a field")
    }

    fn problems(changes: &Value) -> Vec<String> {
        let existing = Existing::new(["E-Mail".to_owned()]).expect("short");
        check(vec![field(changes)], &existing).err().unwrap_or_default()
    }

    #[test]
    fn good_fields_pass() {
        for changes in [
            json!({}),
            json!({"fieldName": "a".repeat(64), "label": "é".repeat(120), "placeholder": "x".repeat(200)}),
            json!({"validation": {"minLength": 3, "maxLength": 3, "pattern": r"^\+?[0-9 ()\-]{7,20}$"}}),
            json!({"validation": {"pattern": r"^(?:a|b)+$", "customMessage": "x".repeat(200)}}),
            json!({"fieldType": "select", "options": [{"value": "s", "label": "S"}]}),
            json!({"options": []}),
            json!({"label": "<script>alert(1)</script>"}),
        ] {
            assert_eq!(problems(&changes), Vec::<String>::new(), "{changes}");
        }
    }

    #[test]
    fn row_40_and_every_other_rule_has_its_sentence() {
        let option = |value: &str| json!({"value": value, "label": value});
        for (changes, part) in [
            (json!({"fieldName": "1a"}), "fieldName must be"),
            (json!({"fieldName": "a".repeat(65)}), "fieldName must be"),
            (json!({"fieldName": "naïve"}), "fieldName must be"),
            (json!({"fieldName": "email"}), "has already"),
            (json!({"label": "\u{202E}\u{0}"}), "label must"),
            (json!({"label": "x".repeat(121)}), "label must"),
            (json!({"placeholder": "x".repeat(201)}), "placeholder must"),
            (json!({"validation": {"minLength": 5, "maxLength": 4}}), "above maxLength"),
            (json!({"validation": {"maxLength": 10_001}}), "at most 10,000"),
            (json!({"validation": {"minLength": 10_001}}), "at most 10,000"),
            (json!({"validation": {"customMessage": "x".repeat(201)}}), "customMessage"),
            (json!({"validation": {"pattern": "("}}), "pattern"),
            (json!({"validation": {"pattern": "(?=.*a).*"}}), "pattern"),
            (json!({"validation": {"pattern": "(?i)a"}}), "pattern"),
            (json!({"validation": {"pattern": r"(a)\1"}}), "pattern"),
            (json!({"validation": {"pattern": r"(\w{200}){200}"}}), "pattern"),
            (json!({"validation": {"pattern": "(".repeat(100) + &")".repeat(100)}}), "pattern"),
            (json!({"validation": {"pattern": "a".repeat(257)}}), "pattern"),
            (json!({"validation": {"pattern": "a\u{202E}"}}), "pattern"),
            (json!({"options": [option("a")]}), "only select"),
            (json!({"fieldType": "checkbox", "options": [option("a")]}), "only select"),
            (json!({"fieldType": "select"}), "need options"),
            (json!({"fieldType": "radio", "options": [option("a")]}), "a radio 2"),
            (json!({"fieldType": "radio", "options": [option("a"), option("a")]}), "unique"),
            (json!({"fieldType": "select", "options": [option("")]}), "1 to 120"),
            (json!({"fieldType": "select", "options": vec![option("a"); 101]}), "1 to 100"),
        ] {
            let problems = problems(&changes);
            assert!(problems.len() == 1 && problems[0].contains(part), "{changes}: {problems:?}");
        }
    }

    #[test]
    fn the_whole_form_is_bounded_too() {
        let none = Existing::default();
        let numbered = |count: usize| (0..count).map(|n| field(&json!({"fieldName": format!("f{n}")}))).collect();
        assert!(check(Vec::new(), &none).is_err());
        assert!(check(numbered(40), &none).is_ok());
        assert!(check(numbered(41), &none).is_err());
        let twice = vec![field(&json!({"fieldName": "Size"})), field(&json!({}))];
        assert!(check(twice, &none).expect_err("twice")[0].contains("earlier"));
        let worst = vec![field(&json!({"fieldName": "1", "label": ""})); 40];
        assert_eq!(check(worst, &none).expect_err("all").len(), PROBLEMS);
    }

    #[test]
    fn row_41_texts_are_tidied() {
        let noisy = field(&json!({
            "label": " T-shirt\n\u{202E}size\u{E0041} ", "placeholder": " ", "validation": {"customMessage": "\u{1b}"},
        }));
        let tidy = &check(vec![noisy], &Existing::default()).expect("valid")[0];
        assert_eq!((tidy.label.as_str(), &tidy.placeholder, &tidy.validation), ("T-shirt size", &None, &None));
    }
}
