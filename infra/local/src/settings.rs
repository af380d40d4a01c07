//! Settings: what the developer's environment, an env file or a test says in place of the template.
//!
//! A name is known when some function's environment, a parameter (`CORS_ORIGINS` is CorsOrigins) or a
//! key of a secret's JSON has it. A secret's key is laid over the secret and never gets into a
//! function's environment. Absent: export of any other variable to a function.

use crate::error::{Error, Result};
use crate::template::{Source, Template, same_name};
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The process environment: names that nobody knows are somebody else's.
    ambient: BTreeMap<String, String>,
    /// An env file or a test: a name that nobody knows is a mistake, at the place given.
    explicit: BTreeMap<String, (String, String)>,
}

impl Settings {
    pub(crate) fn ambient(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        self.ambient.extend(variables);
    }

    pub(crate) fn explicit(&mut self, name: &str, value: &str) {
        self.explicit.insert(name.to_owned(), (value.to_owned(), "a setting of this stack".to_owned()));
    }

    pub(crate) fn file(&mut self, path: &Path) -> Result<()> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))?;
        for (at, line) in text.lines().enumerate() {
            let place = format!("{}:{}", path.display(), at + 1);
            let pair = parse(line).map_err(|why| Error::new(format!("{place}: {why}")))?;
            if let Some((name, value)) = pair {
                self.explicit.insert(name, (value, place));
            }
        }
        Ok(())
    }

    /// All of them by name; what is explicit wins.
    pub(crate) fn merged(&self) -> BTreeMap<String, String> {
        let explicit = self.explicit.iter().map(|(name, (value, _))| (name.clone(), value.clone()));
        self.ambient.clone().into_iter().chain(explicit).collect()
    }

    /// Put them into the functions' environments; the keys of secrets come back, by secret.
    pub(crate) fn apply(&self, template: &mut Template) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let merged = self.merged();
        let mut known: Vec<String> = Vec::new();
        for function in &mut template.functions {
            for (name, value) in &mut function.environment {
                known.push(name.clone());
                if let Some(set) = merged.get(name) {
                    value.clone_from(set);
                }
            }
        }
        let mut overlay: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for secret in &template.secrets {
            let Source::Text(text) = &secret.source else { continue };
            let Ok(serde_json::Value::Object(object)) = serde_json::from_str(text) else { continue };
            for name in object.keys() {
                known.push(name.clone());
                if let Some(set) = merged.get(name) {
                    overlay.entry(secret.name.clone()).or_default().insert(name.clone(), set.clone());
                }
            }
        }
        for (name, (_, place)) in &self.explicit {
            let parameter = template.parameters.iter().any(|parameter| same_name(parameter, name));
            if !parameter && !known.contains(name) {
                return Err(Error::new(format!(
                    "{place}: `{name}` is no parameter, function variable or secret key of the template"
                )));
            }
        }
        Ok(overlay)
    }
}

/// `NAME=value`, `export NAME="value"`, `# comment` or nothing.
fn parse(line: &str) -> std::result::Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') else {
        return Err("this line is not NAME=value".to_owned());
    };
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return Err(format!("`{name}` is not a variable name"));
    }
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => match value[1..].split_once(quote) {
            Some((inside, rest)) if rest.trim().is_empty() || rest.trim().starts_with('#') => inside,
            _ => return Err(format!("the value of `{name}` has an unbalanced quote")),
        },
        _ => value.split(" #").next().unwrap_or_default().trim(),
    };
    Ok(Some((name.to_owned(), value.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_nobody_knows_is_refused_at_its_line() {
        let file = std::env::temp_dir().join(format!("aura-local-{}.env", std::process::id()));
        std::fs::write(&file, "# keys\nNOBODY=1\n").unwrap();
        let mut settings = Settings::default();
        settings.file(&file).unwrap();
        let error = settings.apply(&mut Template::default()).unwrap_err().to_string();
        std::fs::remove_file(&file).unwrap();
        assert!(error.ends_with(".env:2: `NOBODY` is no parameter, function variable or secret key of the template"));
        let mut ambient = Settings::default();
        ambient.ambient([("NOBODY".to_owned(), "1".to_owned())]);
        assert!(ambient.apply(&mut Template::default()).unwrap().is_empty());
    }

    #[test]
    fn lines_of_an_env_file() {
        let pair = |name: &str, value: &str| Ok(Some((name.to_owned(), value.to_owned())));
        assert_eq!(parse("  # comment"), Ok(None));
        assert_eq!(parse("A=b # why"), pair("A", "b"));
        assert_eq!(parse("export A='b # c' # d"), pair("A", "b # c"));
        assert_eq!(parse("A=\"x=y\""), pair("A", "x=y"));
        assert_eq!(parse("A="), pair("A", ""));
        assert_eq!(parse("A=\"b"), Err("the value of `A` has an unbalanced quote".into()));
        assert_eq!(parse("A"), Err("this line is not NAME=value".into()));
    }
}
