//! Secrets, their versions and the staging labels that move between them. AWSCURRENT leaves
//! AWSPREVIOUS behind; a label is on one version at a time. Absent: deletion, binary secrets, tags,
//! replicas, resource policies, pruning of old versions.

use super::refusal::Refusal;
use crate::clock;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const CURRENT: &str = "AWSCURRENT";
pub(crate) const PENDING: &str = "AWSPENDING";
const PREVIOUS: &str = "AWSPREVIOUS";

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created_ms: u64,
    pub(crate) rotation_function: Option<String>,
    /// When a rotation last produced AWSCURRENT.
    pub(crate) rotated_ms: Option<u64>,
    pub(crate) versions: BTreeMap<String, Version>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Version {
    /// `None` while a rotation has announced the version and not yet created its value.
    pub(crate) value: Option<String>,
    pub(crate) stages: BTreeSet<String>,
    pub(crate) created_ms: u64,
}

impl Secret {
    pub(crate) fn new(name: &str, arn: &str) -> Self {
        Self { name: name.to_owned(), arn: arn.to_owned(), created_ms: clock::epoch_ms(), ..Self::default() }
    }

    pub(crate) fn staged(&self, stage: &str) -> Option<&String> {
        self.versions.iter().find(|(_, version)| version.stages.contains(stage)).map(|(id, _)| id)
    }

    /// By id, by label, or both; AWSCURRENT when nothing is said.
    pub(crate) fn value(&self, id: Option<&str>, stage: Option<&str>) -> Result<(&str, &Version, &str), Refusal> {
        let found = match id {
            Some(id) => self.versions.get_key_value(id),
            None => self.staged(stage.unwrap_or(CURRENT)).and_then(|id| self.versions.get_key_value(id)),
        };
        let sought = || match (id, stage) {
            (Some(id), _) => format!("VersionId: {id}"),
            (None, stage) => format!("staging label: {}", stage.unwrap_or(CURRENT)),
        };
        if let (Some((_, version)), Some(_), Some(stage)) = (found, id, stage)
            && !version.stages.contains(stage)
        {
            return Err(Refusal::invalid_request(
                "You provided a VersionStage that is not associated to the provided VersionId.",
            ));
        }
        match found.and_then(|(id, version)| Some((id.as_str(), version, version.value.as_deref()?))) {
            Some(found) => Ok(found),
            None => Err(Refusal::not_found(format!(
                "Secrets Manager can't find the specified secret value for {}",
                sought()
            ))),
        }
    }

    pub(crate) fn put(&mut self, id: &str, value: String, stages: &[String]) -> Result<(), Refusal> {
        match self.versions.get(id).and_then(|version| version.value.as_ref()) {
            Some(known) if *known == value => return Ok(()), // the same request again
            Some(_) => {
                return Err(Refusal::exists(format!(
                    "A resource with the ID {id} already exists with a different value."
                )));
            }
            None => {}
        }
        let version = self.versions.entry(id.to_owned()).or_default();
        version.value = Some(value);
        version.created_ms = clock::epoch_ms();
        for stage in stages {
            self.attach(stage, id);
        }
        Ok(())
    }

    /// A rotation announces the version that it will make.
    pub(crate) fn announce(&mut self, id: &str) {
        self.versions
            .entry(id.to_owned())
            .or_insert_with(|| Version { created_ms: clock::epoch_ms(), ..Version::default() });
        self.attach(PENDING, id);
    }

    pub(crate) fn move_stage(&mut self, stage: &str, to: Option<&str>, from: Option<&str>) -> Result<(), Refusal> {
        let holder = self.staged(stage).cloned();
        if let Some(holder) = holder.as_deref()
            && from != Some(holder)
            && to != Some(holder)
        {
            return Err(Refusal::invalid_parameter(format!(
                "The parameter RemoveFromVersionId can't be empty. Staging label {stage} is currently attached to version {holder}, so you must explicitly reference that version in RemoveFromVersionId."
            )));
        }
        if holder.is_none() && from.is_some() {
            return Err(Refusal::invalid_parameter(format!(
                "The staging label {stage} is not attached to the version in RemoveFromVersionId."
            )));
        }
        match to {
            Some(to) => match self.versions.get(to) {
                None => {
                    Err(Refusal::not_found(format!("Secrets Manager can't find the specified secret version: {to}")))
                }
                Some(version) if version.value.is_none() => {
                    Err(Refusal::invalid_request(format!("The version {to} has no value yet.")))
                }
                Some(_) => {
                    self.attach(stage, to);
                    Ok(())
                }
            },
            None if stage == CURRENT => Err(Refusal::invalid_parameter("AWSCURRENT can be moved, not removed.")),
            None => {
                self.detach(stage);
                Ok(())
            }
        }
    }

    fn attach(&mut self, stage: &str, id: &str) {
        let before = self.detach(stage);
        if stage == CURRENT
            && let Some(before) = before.filter(|before| before != id)
        {
            self.detach(PREVIOUS);
            if let Some(version) = self.versions.get_mut(&before) {
                version.stages.insert(PREVIOUS.to_owned());
            }
        }
        if let Some(version) = self.versions.get_mut(id) {
            version.stages.insert(stage.to_owned());
        }
    }

    fn detach(&mut self, stage: &str) -> Option<String> {
        let holder = self.staged(stage).cloned()?;
        self.versions.get_mut(&holder)?.stages.remove(stage);
        Some(holder)
    }

    pub(crate) fn describe(&self) -> Value {
        let staged = self.versions.iter().filter(|(_, version)| !version.stages.is_empty());
        let stages: Map<_, _> = staged.map(|(id, version)| (id.clone(), json!(version.stages))).collect();
        let mut description = json!({
            "ARN": self.arn,
            "Name": self.name,
            "CreatedDate": seconds(self.created_ms),
            "LastChangedDate": seconds(self.versions.values().map(|version| version.created_ms).max().unwrap_or(self.created_ms)),
            "RotationEnabled": self.rotation_function.is_some(),
            "VersionIdsToStages": stages,
        });
        if let Some(function) = &self.rotation_function {
            description["RotationLambdaARN"] = function.clone().into();
        }
        if let Some(rotated) = self.rotated_ms {
            description["LastRotatedDate"] = seconds(rotated);
        }
        description
    }
}

pub(crate) fn seconds(epoch_ms: u64) -> Value {
    json!(epoch_ms as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret() -> Secret {
        let mut secret = Secret::new("S", "arn:S");
        secret.put("v1", "one".into(), &[CURRENT.into()]).unwrap();
        secret
    }

    #[test]
    fn current_leaves_previous_behind() {
        let mut secret = secret();
        secret.put("v2", "two".into(), &[CURRENT.into()]).unwrap();
        secret.put("v3", "three".into(), &[CURRENT.into()]).unwrap();
        assert_eq!(secret.value(None, None).unwrap().2, "three");
        assert_eq!(secret.value(None, Some(PREVIOUS)).unwrap().2, "two");
        assert_eq!(secret.value(Some("v1"), None).unwrap().2, "one");
        assert_eq!(secret.describe()["VersionIdsToStages"], json!({"v2": [PREVIOUS], "v3": [CURRENT]}));
    }

    #[test]
    fn a_put_is_idempotent_by_token() {
        let mut secret = secret();
        secret.put("v1", "one".into(), &[CURRENT.into()]).unwrap();
        assert_eq!(secret.put("v1", "other".into(), &[CURRENT.into()]).unwrap_err().kind, "ResourceExistsException");
    }

    #[test]
    fn a_rotation_announces_fills_and_moves() {
        let mut secret = secret();
        secret.announce("v2");
        assert_eq!(secret.describe()["VersionIdsToStages"]["v2"], json!([PENDING]));
        assert_eq!(secret.value(Some("v2"), Some(PENDING)).unwrap_err().kind, "ResourceNotFoundException");
        assert_eq!(secret.move_stage(CURRENT, Some("v2"), Some("v1")).unwrap_err().kind, "InvalidRequestException");
        secret.put("v2", "two".into(), &[PENDING.into()]).unwrap();
        assert_eq!(secret.move_stage(CURRENT, Some("v2"), None).unwrap_err().kind, "InvalidParameterException");
        secret.move_stage(CURRENT, Some("v2"), Some("v1")).unwrap();
        assert_eq!(secret.value(None, None).unwrap().2, "two");
        assert_eq!(secret.staged(PREVIOUS).unwrap(), "v1");
    }

    #[test]
    fn a_label_that_is_elsewhere_is_refused() {
        let secret = secret();
        assert_eq!(secret.value(Some("v1"), Some(PENDING)).unwrap_err().kind, "InvalidRequestException");
        assert_eq!(secret.value(None, Some(PENDING)).unwrap_err().kind, "ResourceNotFoundException");
    }
}
