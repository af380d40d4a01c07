//! What is indexed: one document, checked.
//!
//! What is wrong with one document is a [`Flaw`] of its own and harms no other one of the same request.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use aws_lc_rs::digest::{SHA256, digest};

use super::filter::{Metadata, Value};
use crate::ai::text;

/// The most characters of a document's text.
pub const CONTENT: usize = 100_000;
/// The most bytes of metadata as JSON, tags included: Pinecone takes 40 KB, some of which is ours.
pub const METADATA: usize = 40_000;
const ID: usize = 256;
const TITLE: usize = 300;
const TAGS: usize = 50;
const TAG: usize = 100;

/// A document as it is sent.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    /// The caller's own name for it.
    pub id: String,
    /// The text.
    pub content: String,
    /// A title, which counts more than the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What filters look at.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Json>,
    /// Short texts, which filters find as the member `tags` and searches as words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// A document that can be indexed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// The caller's own name for it.
    pub id: Id,
    /// The title; empty without one.
    pub title: String,
    /// The text.
    pub content: String,
    /// Metadata and, as `tags`, the tags.
    pub metadata: Metadata,
}

/// A caller's name for a document: 1 to 256 characters without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

impl Id {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stores know it by.
    pub fn key(&self) -> Key {
        let digest = digest(&SHA256, self.0.as_bytes());
        Key(std::array::from_fn(|n| digest.as_ref()[n]))
    }
}

impl TryFrom<String> for Id {
    type Error = Flaw;

    fn try_from(text: String) -> Result<Self, Flaw> {
        let fits = (1..=ID).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(Flaw::Id) }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

/// A document's name in a store: half of a SHA-256, so that every name is short and plain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key([u8; 16]);

impl Key {
    /// From bytes that were stored.
    pub fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Key {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        text.parse::<crate::UserId>().map(|id| Self(*id.bytes()))
    }
}

/// Why one document was not indexed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Flaw {
    /// No id that can be used.
    #[error("An id has 1 to 256 characters, none of them a control character.")]
    #[serde(rename = "INVALID_ID")]
    Id,
    /// The id is there twice.
    #[error("Another document of this request has the same id.")]
    DuplicateId,
    /// A text that cannot be used.
    #[error("Content has 1 to 100,000 characters, a title 300 at most, and neither has control characters.")]
    #[serde(rename = "INVALID_CONTENT")]
    Content,
    /// Metadata that cannot be used.
    #[error(
        "Metadata are texts, finite numbers, true, false and lists of texts, 40,000 bytes as JSON; no name begins with $ or _aura. Tags are 50 texts of 1 to 100 characters."
    )]
    #[serde(rename = "INVALID_METADATA")]
    Metadata,
    /// More than an item of the table holds.
    #[error("The document is too large to be kept, with its vectors: divide it.")]
    DocumentTooLarge,
    /// Somebody else writes it.
    #[error("Another request is writing this document: send it again in half a minute.")]
    DocumentBusy,
    /// The embedded store is full.
    #[error(
        "The namespace holds as many passages as the built-in store takes (20,000): divide it, or set PINECONE_API_KEY to use Pinecone."
    )]
    NamespaceFull,
    /// The namespace's vectors are of another kind.
    #[error(
        "The vectors of this namespace were made with another model or are in another store: delete the whole namespace first."
    )]
    VectorsDiffer,
    /// The call's time was over.
    #[error("The time was over before this document's turn: send it again.")]
    TimeOver,
    /// The model or the store did not take it.
    #[error("A provider did not take it: send it again.")]
    UpstreamUnavailable,
    /// There is no money left for it.
    #[error("There is no budget left to index it.")]
    BudgetExceeded,
}

impl Flaw {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Id => "INVALID_ID",
            Self::DuplicateId => "DUPLICATE_ID",
            Self::Content => "INVALID_CONTENT",
            Self::Metadata => "INVALID_METADATA",
            Self::DocumentTooLarge => "DOCUMENT_TOO_LARGE",
            Self::DocumentBusy => "DOCUMENT_BUSY",
            Self::NamespaceFull => "NAMESPACE_FULL",
            Self::VectorsDiffer => "VECTORS_DIFFER",
            Self::TimeOver => "TIME_OVER",
            Self::UpstreamUnavailable => "UPSTREAM_UNAVAILABLE",
            Self::BudgetExceeded => "BUDGET_EXCEEDED",
        }
    }
}

impl TryFrom<Sent> for Document {
    type Error = Flaw;

    fn try_from(sent: Sent) -> Result<Self, Flaw> {
        let Sent { id, content, title, metadata, tags } = sent;
        let id = Id::try_from(id)?;
        let content = text::required("content", &content, CONTENT).map_err(|_| Flaw::Content)?;
        let title = match title {
            Some(title) if text::control(&title).is_some() => return Err(Flaw::Content),
            Some(title) => text::line(&title),
            None => String::new(),
        };
        if title.chars().count() > TITLE {
            return Err(Flaw::Content);
        }
        let mut checked = Metadata::new();
        for (name, json) in metadata {
            let reserved = name.is_empty() || name.starts_with('$') || name.starts_with("_aura");
            if reserved || name.chars().any(char::is_control) {
                return Err(Flaw::Metadata);
            }
            checked.insert(name, value(json)?);
        }
        if !tags.is_empty() {
            let fits = |tag: &String| (1..=TAG).contains(&tag.chars().count()) && !tag.chars().any(char::is_control);
            if tags.len() > TAGS || !tags.iter().all(fits) || checked.contains_key("tags") {
                return Err(Flaw::Metadata);
            }
            checked.insert("tags".to_owned(), Value::List(tags));
        }
        let size = serde_json::to_vec(&checked).map_or(usize::MAX, |json| json.len());
        if size > METADATA {
            return Err(Flaw::Metadata);
        }
        Ok(Self { id, title, content, metadata: checked })
    }
}

fn value(json: Json) -> Result<Value, Flaw> {
    match json {
        Json::Bool(value) => Ok(Value::Bool(value)),
        Json::Number(number) => number.as_f64().map(Value::Number).ok_or(Flaw::Metadata),
        Json::String(text) => Ok(Value::Text(text)),
        Json::Array(items) => {
            let text = |item| if let Json::String(text) = item { Ok(text) } else { Err(Flaw::Metadata) };
            items.into_iter().map(text).collect::<Result<_, _>>().map(Value::List)
        }
        Json::Null | Json::Object(_) => Err(Flaw::Metadata),
    }
}

impl Document {
    /// The tags.
    pub fn tags(&self) -> &[String] {
        match self.metadata.get("tags") {
            Some(Value::List(tags)) => tags,
            _ => &[],
        }
    }

    /// A hash of everything that is stored of it, and of how it is stored: equal hashes need no work.
    pub fn fingerprint(&self, embedder: &str) -> [u8; 16] {
        let Self { id, title, content, metadata } = self;
        let metadata = serde_json::to_string(metadata).unwrap_or_default();
        let mut hash = aws_lc_rs::digest::Context::new(&SHA256);
        for part in [VERSION, embedder, id.as_str(), title, content, &metadata] {
            hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finish();
        std::array::from_fn(|n| digest.as_ref()[n])
    }
}

/// Raise it when documents are cut or weighed in another way: those that were indexed are then indexed anew.
const VERSION: &str = "1";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Json) -> Result<Document, Flaw> {
        Document::try_from(serde_json::from_value::<Sent>(json).unwrap())
    }

    #[test]
    fn good_documents_pass() {
        let document = read(json!({"id": "a/1", "content": " Text.\r\n", "title": "A\ttitle", "tags": ["x"],
            "metadata": {"year": 2020, "open": true, "list": ["a"], "text": ""}}));
        let document = document.unwrap();
        assert_eq!(
            (document.title.as_str(), document.content.as_str(), document.tags()),
            ("A title", "Text.", &["x".to_owned()][..])
        );
        assert_eq!(document.metadata.len(), 5);
    }

    #[test]
    fn each_flaw_is_named() {
        for (json, flaw) in [
            (json!({"id": "", "content": "x"}), Flaw::Id),
            (json!({"id": "a\u{0}", "content": "x"}), Flaw::Id),
            (json!({"id": "x".repeat(257), "content": "x"}), Flaw::Id),
            (json!({"id": "a", "content": " \u{200B} "}), Flaw::Content),
            (json!({"id": "a", "content": "\u{1b}[31m"}), Flaw::Content),
            (json!({"id": "a", "content": "x".repeat(CONTENT + 1)}), Flaw::Content),
            (json!({"id": "a", "content": "x", "title": "x".repeat(301)}), Flaw::Content),
            (json!({"id": "a", "content": "x", "metadata": {"a": null}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "metadata": {"a": {"b": 1}}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "metadata": {"a": [1]}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "metadata": {"$a": 1}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "metadata": {"_aura_doc": "x"}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "metadata": {"a": "x".repeat(METADATA)}}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "tags": [""]}), Flaw::Metadata),
            (json!({"id": "a", "content": "x", "tags": ["a"], "metadata": {"tags": ["b"]}}), Flaw::Metadata),
        ] {
            let found = read(json.clone()).unwrap_err();
            assert_eq!(found, flaw, "{}", &json.to_string()[..60.min(json.to_string().len())]);
            assert_eq!(serde_json::to_value(flaw).unwrap(), flaw.code());
        }
    }

    #[test]
    fn fingerprints_tell_every_part_apart() {
        let base = json!({"id": "a", "content": "b", "title": "c", "metadata": {"d": 1}});
        let first = read(base.clone()).unwrap();
        let mut seen = vec![first.fingerprint("m"), first.fingerprint("n")];
        for (name, value) in
            [("id", json!("z")), ("content", json!("z")), ("title", json!("z")), ("tags", json!(["z"]))]
        {
            let mut other = base.clone();
            other[name] = value;
            seen.push(read(other).unwrap().fingerprint("m"));
        }
        assert_eq!(first.fingerprint("m"), read(base).unwrap().fingerprint("m"));
        let count = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), count);
    }
}
