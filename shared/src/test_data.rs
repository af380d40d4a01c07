//! What tests may read that does not belong to the project: recorded answers of providers, and providers' own
//! descriptions of their APIs. Without the variable that names the folder, a test says that it was skipped.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A folder of such files.
pub(crate) struct Folder(PathBuf);

/// Recorded answers, by provider: `openai/otel.chat_200.json`.
pub(crate) fn recorded() -> Option<Folder> {
    folder("PROVIDER_FIXTURES")
}

/// Descriptions of APIs, made strict.
pub(crate) fn described() -> Option<Folder> {
    folder("CONTRACT_SPECS")
}

#[expect(clippy::disallowed_methods, reason = "a test looks for its data where it is told to")]
fn folder(variable: &str) -> Option<Folder> {
    let folder = std::env::var_os(variable);
    if folder.is_none() {
        eprintln!("skipped: {variable} names no folder");
    }
    folder.map(|folder| Folder(PathBuf::from(folder)))
}

impl Folder {
    /// A file's JSON.
    pub(crate) fn json(&self, name: &str) -> Value {
        json(&self.0.join(name))
    }

    /// The names of the files in a folder of it.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let files = std::fs::read_dir(self.0.join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A file's JSON.
pub(crate) fn json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
