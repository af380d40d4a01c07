//! All secrets of the stack: made from the template at the first start, kept in memory or in one file
//! that only its owner may read. Provider keys from the developer's environment are laid over the
//! value as it is read and are never written anywhere.

use super::refusal::Refusal;
use super::store::{CURRENT, Secret, Version};
use crate::error::{Error, Result};
use crate::random;
use crate::template::{self, Source};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

pub(crate) struct Vault {
    secrets: Mutex<Vec<Secret>>,
    file: Option<PathBuf>,
    /// Secret name to the keys that settings replace.
    overlay: BTreeMap<String, BTreeMap<String, String>>,
}

impl Vault {
    pub(crate) fn open(
        file: Option<PathBuf>,
        templates: &[template::Secret],
        overlay: BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<Self> {
        let mut secrets = match &file {
            Some(file) if file.exists() => load(file)?,
            _ => Vec::new(),
        };
        for template in templates {
            if secrets.iter().all(|secret| secret.name != template.name) {
                let mut secret = Secret::new(&template.name, &template.arn);
                let failed = |refusal: Refusal| Error::new(refusal.message);
                secret.put(&random::uuid()?, first_value(&template.source)?, &[CURRENT.to_owned()]).map_err(failed)?;
                secrets.push(secret);
            }
        }
        let vault = Self { secrets: secrets.into(), file, overlay };
        vault.save(&vault.lock()).map_err(|refusal| Error::new(refusal.message))?;
        Ok(vault)
    }

    /// By name or ARN.
    pub(crate) fn read<T>(
        &self,
        id: &str,
        look: impl FnOnce(&Secret) -> std::result::Result<T, Refusal>,
    ) -> std::result::Result<T, Refusal> {
        let secrets = self.lock();
        look(secrets.iter().find(|secret| secret.name == id || secret.arn == id).ok_or_else(missing)?)
    }

    /// Change a secret, and keep the change: an answer is given only after it is on disk.
    pub(crate) fn change<T>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Secret) -> std::result::Result<T, Refusal>,
    ) -> std::result::Result<T, Refusal> {
        let mut secrets = self.lock();
        let secret = secrets.iter_mut().find(|secret| secret.name == id || secret.arn == id).ok_or_else(missing)?;
        let result = change(secret)?;
        self.save(&secrets)?;
        Ok(result)
    }

    /// The value with the developer's own keys in it.
    pub(crate) fn overlaid(&self, name: &str, value: &str) -> String {
        let (Some(overlay), Ok(Value::Object(mut object))) = (self.overlay.get(name), serde_json::from_str(value))
        else {
            return value.to_owned();
        };
        object.extend(overlay.iter().map(|(key, value)| (key.clone(), value.clone().into())));
        Value::Object(object).to_string()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Secret>> {
        self.secrets.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn save(&self, secrets: &[Secret]) -> std::result::Result<(), Refusal> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = Value::from(secrets.iter().map(to_json).collect::<Vec<_>>()).to_string();
        let written = || -> std::io::Result<()> {
            let draft = file.with_extension("tmp");
            let _ = fs::remove_file(&draft); // a leftover may have another mode
            let mut open = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            open.write_all(text.as_bytes())?;
            open.sync_all()?;
            fs::rename(draft, file)
        };
        written().map_err(|error| Refusal::internal(format!("cannot write {}: {error}", file.display())))
    }
}

fn missing() -> Refusal {
    Refusal::not_found("Secrets Manager can't find the specified secret.")
}

fn first_value(source: &Source) -> Result<String> {
    let generate = match source {
        Source::Text(text) => return Ok(text.clone()),
        Source::Generate(generate) => generate,
    };
    let password = random::text(&generate.alphabet(), generate.length)?;
    let Some((template, key)) = &generate.into else { return Ok(password) };
    let mut object: Map<String, Value> = serde_json::from_str(template)
        .map_err(|error| Error::new(format!("SecretStringTemplate is no JSON object: {error}")))?;
    object.insert(key.clone(), password.into());
    Ok(Value::Object(object).to_string())
}

fn to_json(secret: &Secret) -> Value {
    let version =
        |version: &Version| json!({ "value": version.value, "stages": version.stages, "created": version.created_ms });
    let versions: Map<_, _> = secret.versions.iter().map(|(id, it)| (id.clone(), version(it))).collect();
    json!({ "name": secret.name, "arn": secret.arn, "created": secret.created_ms, "rotated": secret.rotated_ms, "versions": versions })
}

fn load(file: &Path) -> Result<Vec<Secret>> {
    let broken = |why: String| {
        Error::new(format!("{} is damaged ({why}); move it away to start with new secrets", file.display()))
    };
    let text = fs::read_to_string(file).map_err(|error| broken(error.to_string()))?;
    let list: Vec<Value> = serde_json::from_str(&text).map_err(|error| broken(error.to_string()))?;
    list.iter().map(|value| from_json(value).ok_or_else(|| broken("a field is missing".to_owned()))).collect()
}

fn from_json(value: &Value) -> Option<Secret> {
    let version = |value: &Value| {
        Some(Version {
            value: value["value"].as_str().map(str::to_owned),
            stages: value["stages"].as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            created_ms: value["created"].as_u64()?,
        })
    };
    let versions = value["versions"]
        .as_object()?
        .iter()
        .map(|(id, it)| Some((id.clone(), version(it)?)))
        .collect::<Option<_>>()?;
    Some(Secret {
        name: value["name"].as_str()?.to_owned(),
        arn: value["arn"].as_str()?.to_owned(),
        created_ms: value["created"].as_u64()?,
        rotation_function: None,
        rotated_ms: value["rotated"].as_u64(),
        versions,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Generate;

    #[test]
    fn generated_values_follow_the_template() {
        let generate = Generate {
            into: Some((r#"{"version": 1}"#.into(), "key".into())),
            length: 64,
            exclude_punctuation: true,
            ..Generate::default()
        };
        let value: Value = serde_json::from_str(&first_value(&Source::Generate(generate)).unwrap()).unwrap();
        let key = value["key"].as_str().unwrap();
        assert_eq!(value["version"], 1);
        assert!(key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    }

    #[test]
    fn a_secret_survives_its_file() {
        let mut secret = Secret::new("S", "arn:S");
        secret.put("v1", "one".into(), &[CURRENT.into()]).unwrap();
        secret.announce("v2");
        assert_eq!(from_json(&to_json(&secret)), Some(secret));
    }

    #[test]
    fn settings_replace_keys_of_the_value_only_as_it_is_read() {
        let overlay = BTreeMap::from([("P".to_owned(), BTreeMap::from([("K".to_owned(), "sk".to_owned())]))]);
        let template = template::Secret {
            name: "P".into(),
            arn: "arn:P".into(),
            source: Source::Text(r#"{"K":"","L":"x"}"#.into()),
        };
        let vault = Vault::open(None, &[template], overlay).unwrap();
        let stored = vault.read("P", |secret| Ok(secret.value(None, None)?.2.to_owned())).unwrap();
        assert_eq!(stored, r#"{"K":"","L":"x"}"#);
        assert_eq!(vault.overlaid("P", &stored), r#"{"K":"sk","L":"x"}"#);
    }
}
