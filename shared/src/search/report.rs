//! What came of documents that were sent.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::document::{Document, Flaw, Sent};

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Whether no document failed.
    pub success: bool,
    /// Documents that are new or were changed.
    pub indexed: usize,
    /// Documents that were there already, the same.
    pub skipped: usize,
    /// The others.
    pub failed: Vec<Failed>,
}

/// A document that was not indexed, and why. It can be sent again, with the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Its id, as it was sent.
    pub id: String,
    /// The stable code.
    pub code: Flaw,
    /// What to do.
    #[serde(default, skip_deserializing)]
    pub message: String,
}

impl Failed {
    pub(crate) fn new(id: impl Into<String>, code: Flaw) -> Self {
        Self { id: id.into(), code, message: code.to_string() }
    }
}

/// The documents of a request, and what is wrong with the others.
pub fn check(sent: Vec<Sent>) -> (Vec<Document>, Vec<Failed>) {
    let (mut documents, mut failed, mut seen) = (Vec::new(), Vec::new(), HashSet::new());
    for sent in sent {
        let id: String = sent.id.chars().take(256).collect();
        match Document::try_from(sent) {
            Ok(document) if seen.insert(document.id.clone()) => documents.push(document),
            Ok(_) => failed.push(Failed::new(id, Flaw::DuplicateId)),
            Err(flaw) => failed.push(Failed::new(id, flaw)),
        }
    }
    (documents, failed)
}
