//! The fields of a generated form, exactly as clients receive them.
//!
//! Deliberately absent: rules (`check` has them) and any behaviour of a rendered form.

use serde::{Deserialize, Serialize};

/// One input of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// The input's name: a letter, then letters, digits and `_`, 64 in all.
    pub field_name: String,
    /// What kind of input it is.
    pub field_type: FieldType,
    /// What a person reads beside it, 1 to 120 characters, plain text.
    pub label: String,
    /// An example shown while it is empty, up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    /// Whether it must be filled in.
    pub required: bool,
    /// What its value must satisfy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// What can be chosen: select and radio only, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<Vec<Choice>>,
}

/// The kinds of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// One line.
    Text,
    /// An email address.
    Email,
    /// A secret.
    Password,
    /// A number.
    Number,
    /// A day.
    Date,
    /// One of several, from a menu.
    Select,
    /// Yes or no.
    Checkbox,
    /// One of several, all visible.
    Radio,
    /// Several lines.
    Textarea,
    /// A file.
    File,
}

impl FieldType {
    /// Whether the input offers options.
    pub fn is_choice(self) -> bool {
        matches!(self, Self::Select | Self::Radio)
    }
}

/// What a value must satisfy; an absent member asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Validation {
    /// Fewest characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_length: Option<u32>,
    /// Most characters, up to 10,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression that the whole value matches, up to 256 bytes, of the syntax that browsers and Rust share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// What to tell a person whose value does not match, up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_message: Option<String>,
}

/// One option of a select or radio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What is submitted.
    pub value: String,
    /// What a person reads.
    pub label: String,
}
