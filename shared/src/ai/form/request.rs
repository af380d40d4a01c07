//! What a caller asks for: parsing is validation.
//!
//! Deliberately absent: the size limit of the whole body, which the HTTP layer enforces before anything is parsed.

use serde::{Deserialize, Deserializer};

use crate::ai::text;
use crate::{Error, Result};

/// The most names in `existingFields`.
const NAMES: usize = 100;
/// The longest name of an existing field, in characters.
const NAME: usize = 200;

/// A form to generate.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// What the form is for.
    pub context: Context,
    /// The fields that the form has already.
    #[serde(default)]
    pub existing_fields: Existing,
}

/// A description: 1 to 4,000 characters after trimming, without control or hidden characters.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Context(String);

impl Context {
    /// The most characters.
    pub const MOST: usize = 4_000;

    /// Removes hidden characters (see `ai::text`) and white space around the text.
    ///
    /// # Errors
    /// `Invalid` when a control character other than a line break or tab is inside, when nothing is left, or when
    /// more than `MOST` characters are.
    pub fn new(text: &str) -> Result<Self> {
        text::required("context", text, Self::MOST).map(Self)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Context {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::new(&text)
    }
}

/// The names of up to 100 fields that the form has already, each up to 200 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Existing(Vec<String>);

impl Existing {
    /// Takes the names as they are, hidden and control characters removed; empty ones are left out.
    ///
    /// # Errors
    /// `Invalid` for more than 100 names or one of more than 200 characters.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut known = Vec::new();
        for (index, name) in names.into_iter().enumerate() {
            if index >= NAMES {
                return Err(Error::invalid(format!("existingFields has more than {NAMES} entries: send fewer.")));
            }
            let name = text::line(&name);
            if name.chars().count() > NAME {
                return Err(Error::invalid(format!(
                    "existingFields[{index}] is longer than {NAME} characters: send the field's name."
                )));
            }
            if !name.is_empty() {
                known.push(name);
            }
        }
        Ok(Self(known))
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether a field of this name exists, whatever the case and separators: `first_name` is `firstName`.
    pub fn has(&self, name: &str) -> bool {
        let wanted = plain(name);
        self.0.iter().any(|known| plain(known) == wanted)
    }
}

/// A name without case and separators.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl<'de> Deserialize<'de> for Existing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Option::<Vec<Entry>>::deserialize(deserializer)?.unwrap_or_default();
        let names = entries.into_iter().map(|entry| match entry {
            Entry::Name(name) | Entry::Whole { name } => name,
        });
        Self::new(names).map_err(serde::de::Error::custom)
    }
}

/// A name, or a whole field of which only the name counts.
#[derive(Deserialize)]
#[serde(untagged, expecting = "existingFields takes names, or objects with a fieldName")]
enum Entry {
    Name(String),
    Whole {
        #[serde(rename = "fieldName")]
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<Request, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn names_and_whole_fields_are_taken() {
        let json = r#"{"context":" A form ","existingFields":["first_name",{"fieldName":"Email","label":"x","a":{}}]}"#;
        let request = parse(json).expect("valid");
        assert_eq!(request.context.as_str(), "A form");
        assert!(request.existing_fields.has("firstName") && request.existing_fields.has("email"));
        assert!(!request.existing_fields.has("name"));
        assert_eq!(
            parse(r#"{"context":"x","existingFields":null}"#).expect("valid").existing_fields,
            Existing::default()
        );
    }

    #[test]
    fn every_wrong_shape_is_a_sentence() {
        let many = format!(r#"{{"context":"x","existingFields":[{}"a"]}}"#, r#""a","#.repeat(100));
        let long = format!(r#"{{"context":"{}"}}"#, "é".repeat(4001));
        for (json, part) in [
            (r#"{}"#, "missing field `context`"),
            (r#"{"context":7}"#, "expected a string"),
            (r#"{"context":" \n\u200b "}"#, "context is empty"),
            (r#"{"context":"x","extra":1}"#, "unknown field `extra`"),
            (r#"{"context":"x","existingFields":[1]}"#, "existingFields takes names"),
            (r#"{"context":"x","existingFields":[{"label":"a"}]}"#, "existingFields takes names"),
            (r#"{"context":"a\u0000b"}"#, "U+0000"),
            (r#"{"context":"\ud800"}"#, "hex escape"),
            (&many, "more than 100"),
            (&long, "has 4001 characters"),
        ] {
            let error = parse(json).expect_err(json);
            assert!(error.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn row_41_hidden_characters_do_not_reach_the_model() {
        let context = Context::new("Login\u{202E} form\u{E0049}\u{E0067}\r\nwith email").expect("valid");
        assert_eq!(context.as_str(), "Login form\nwith email");
        assert!(Context::new(&"é".repeat(4_000)).is_ok());
        assert!(Context::new("\u{1b}[2J").is_err());
    }
}
