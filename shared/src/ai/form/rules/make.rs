//! How a field is put together: from the catalogue, or from words alone.
//!
//! Deliberately absent: reading the description, which `named` and `item` do.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::words::stem;
use crate::ai::form::catalogue::Known;
use crate::ai::form::check::NAME;
use crate::ai::form::field::{Choice, Field, FieldType, Validation};

/// From this many options on, a menu is easier to read than a row of buttons.
const MENU: usize = 5;

/// A field as the catalogue has it; required when naming it means that.
pub(crate) fn of_known(known: &Known) -> Field {
    let (min, max) = known.length.map_or((None, None), |(min, max)| ((min > 0).then_some(min), Some(max)));
    let (pattern, message) = known.pattern.map_or((None, None), |(pattern, message)| (Some(pattern), Some(message)));
    let validation = Validation {
        min_length: min,
        max_length: max,
        pattern: pattern.map(str::to_owned),
        custom_message: message.map(str::to_owned),
    };
    let labels: Vec<String> = known.options.split('|').filter(|label| !label.is_empty()).map(str::to_owned).collect();
    Field {
        field_name: known.name.to_owned(),
        field_type: known.kind,
        label: known.label.to_owned(),
        placeholder: Some(known.hint.to_owned()).filter(|hint| !hint.is_empty()),
        required: known.must,
        validation: (validation != Validation::default()).then_some(validation),
        options: (!labels.is_empty()).then(|| choices(&labels)),
    }
}

/// The options of these labels, repeated ones left out.
pub(crate) fn choices(labels: &[String]) -> Vec<Choice> {
    let mut choices: Vec<Choice> = Vec::new();
    for label in labels {
        let slug = slug(label);
        let value = if slug.is_empty() { label.clone() } else { slug };
        if !choices.iter().any(|choice| choice.value == value) {
            choices.push(Choice { value, label: label.clone() });
        }
    }
    choices
}

/// Makes the field offer these labels: as buttons when they are few, as a menu otherwise.
pub(crate) fn offer(field: &mut Field, labels: &[String]) {
    let choices = choices(labels);
    field.field_type = if (2..MENU).contains(&choices.len()) { FieldType::Radio } else { FieldType::Select };
    field.validation = None;
    field.placeholder = None;
    field.options = Some(choices);
}

fn slug(label: &str) -> String {
    // A sign tells "A+" from "A-".
    let label = label.replace('+', " plus ").replace("- ", " minus ");
    let label = label.strip_suffix('-').map_or(label.clone(), |head| format!("{head} minus"));
    let ascii = ascii(&label);
    // Letters that have no ASCII form would vanish and make different labels equal.
    if label.nfd().any(|c| c.is_alphanumeric() && !c.is_ascii() && !is_combining_mark(c)) {
        return String::new();
    }
    let words: Vec<&str> = ascii.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").to_ascii_lowercase()
}

/// The text with accents dropped, and a space for everything else that is not ASCII.
fn ascii(text: &str) -> String {
    text.nfd().filter(|c| !is_combining_mark(*c)).map(|c| if c.is_ascii() { c } else { ' ' }).collect()
}

/// A field for a noun phrase that the catalogue does not know; `like` is the entry that its last words name.
pub(crate) fn of_words(phrase: &str, like: Option<&Known>) -> Field {
    let field = like.map_or_else(|| plain_field(phrase), of_known);
    let example = like.is_some_and(|known| known.pattern.is_some() || known.kind == FieldType::Email);
    Field {
        field_name: name(phrase),
        label: label(phrase),
        placeholder: field.placeholder.filter(|_| example),
        required: false,
        ..field
    }
}

/// The kind that the words alone suggest.
fn plain_field(phrase: &str) -> Field {
    let words: Vec<String> = phrase.split_whitespace().map(stem).collect();
    let (first, last) = (words.first().map_or("", String::as_str), words.last().map_or("", String::as_str));
    let counted = words.get(1).is_some_and(|word| word == "of");
    let kind = match (first, last) {
        ("number" | "amount" | "count", _) if counted => FieldType::Number,
        ("date" | "day", _) if counted => FieldType::Date,
        ("description" | "list" | "detail" | "summary", _) if counted => FieldType::Textarea,
        ("upload" | "attach", _) => FieldType::File,
        (_, "date" | "birthday" | "deadline" | "anniversary") => FieldType::Date,
        (
            _,
            "quantity" | "age" | "amount" | "count" | "total" | "price" | "cost" | "weight" | "height" | "year"
            | "percentage",
        ) => FieldType::Number,
        (
            _,
            "note" | "instruction" | "explanation" | "summary" | "essay" | "statement" | "story" | "reason" | "goal",
        ) => FieldType::Textarea,
        (_, "photo" | "picture" | "image" | "scan" | "certificate" | "transcript" | "pdf" | "logo" | "copy") => {
            FieldType::File
        }
        (_, "agreement" | "confirmation" | "waiver" | "consent") => FieldType::Checkbox,
        _ => FieldType::Text,
    };
    let most = match kind {
        FieldType::Text => Some(200),
        FieldType::Textarea => Some(2_000),
        _ => None,
    };
    Field {
        field_name: String::new(),
        field_type: kind,
        label: String::new(),
        placeholder: None,
        required: false,
        validation: most.map(|most| Validation { max_length: Some(most), ..Validation::default() }),
        options: None,
    }
}

/// The phrase with a capital, on one line, at most 80 characters.
pub(crate) fn label(phrase: &str) -> String {
    let line = crate::ai::text::line(phrase);
    let mut letters = line.chars().take(80);
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.collect::<String>() + &letters.collect::<String>()
}

/// The phrase as a name in camel case; one without ASCII letters gives a number that depends on it alone.
fn name(phrase: &str) -> String {
    let ascii = ascii(&phrase.replace(['\'', '’'], ""));
    let mut name = String::new();
    for word in ascii.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.to_ascii_lowercase();
        match word.get(..1) {
            Some(first) if !name.is_empty() => {
                name.push_str(&first.to_ascii_uppercase());
                name.push_str(word.get(1..).unwrap_or_default());
            }
            _ => name.push_str(&word),
        }
    }
    if name.is_empty() {
        let sum = phrase.chars().fold(7_u32, |sum, c| sum.wrapping_mul(31).wrapping_add(u32::from(c)));
        name = format!("{:05}", sum % 100_000);
    }
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "field");
    }
    name.truncate(NAME);
    name
}
