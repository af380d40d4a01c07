//! Providers' own descriptions of their APIs, made strict, where `CONTRACT_SPECS` tells where they lie.

use std::path::PathBuf;

use serde_json::{Value, json};

/// What a request must keep to.
pub type Schema = jsonschema::Validator;

/// The schema of a request; `None`, and a word about it, where there are no descriptions.
#[expect(clippy::disallowed_methods, reason = "a test looks for its data where it is told to")]
pub fn schema(description: &str, request: &str) -> Option<Schema> {
    let Some(folder) = std::env::var_os("CONTRACT_SPECS").map(PathBuf::from) else {
        eprintln!("requests are not validated: CONTRACT_SPECS names no folder");
        return None;
    };
    let spec = std::fs::read(folder.join(description)).expect("a description");
    let spec: Value = serde_json::from_slice(&spec).expect("JSON");
    let schema = json!({"$ref": format!("#/components/schemas/{request}"), "components": spec["components"]});
    Some(jsonschema::validator_for(&schema).expect("a schema"))
}

/// Holds a request against it.
pub fn keeps(schema: Option<&Schema>, request: &Value) {
    let Some(schema) = schema else { return };
    let errors: Vec<String> = schema.iter_errors(request).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}: {request}");
}
