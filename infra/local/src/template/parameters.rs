//! `Parameters`: defaults, checked against the constraints that the template states, or settings,
//! which are not: the functions check their own values, and their tests need wrong ones.
//! Absent: SSM and AWS-specific parameter types, `AllowedPattern` (deploying checks it).

use super::fields::Fields;
use super::yaml::{Node, Refusal, Value};
use std::collections::{BTreeMap, HashMap};

/// `JwtExpiresIn` and `JWT_EXPIRES_IN` are one name.
pub(crate) fn same_name(parameter: &str, setting: &str) -> bool {
    let squeeze = |s: &str| s.replace('_', "").to_ascii_lowercase();
    squeeze(parameter) == squeeze(setting)
}

pub(crate) fn read(section: &Node, settings: &BTreeMap<String, String>) -> Result<HashMap<String, Value>, Refusal> {
    section.entries()?.iter().map(|(key, node)| Ok((key.name.clone(), value(&key.name, node, settings)?))).collect()
}

fn value(name: &str, node: &Node, settings: &BTreeMap<String, String>) -> Result<Value, Refusal> {
    let mut fields = Fields::of(node, "property", format!("the parameter {name}"))?;
    fields.ignore(&["Description", "ConstraintDescription", "NoEcho", "AllowedPattern"]);
    let kind = fields.need("Type")?;
    let default = fields.take("Default");
    let bounds = [fields.take("MinValue"), fields.take("MaxValue"), fields.take("MinLength"), fields.take("MaxLength")];
    let allowed = fields.take("AllowedValues");
    fields.finish()?;

    let set = settings.iter().find(|(setting, _)| same_name(name, setting));
    let text = match (set, default) {
        (Some((_, text)), _) => return typed(kind, text),
        (None, Some(default)) => default.text()?,
        (None, None) => {
            return Refusal::at(
                node.line,
                format!("the parameter {name} has no default; set it in the environment or --env-file"),
            );
        }
    };
    let refuse = |why: String| Refusal::at(node.line, format!("`{text}` is no value for the parameter {name}: {why}"));
    let [min, max, min_length, max_length] = bounds;
    if kind.text()? == "Number" {
        let Ok(number) = text.parse::<f64>() else { return refuse("not a number".into()) };
        if bound(min)?.is_some_and(|min| number < min) || bound(max)?.is_some_and(|max| number > max) {
            return refuse("outside MinValue and MaxValue".into());
        }
    }
    let length = text.chars().count() as f64;
    if bound(min_length)?.is_some_and(|min| length < min) || bound(max_length)?.is_some_and(|max| length > max) {
        return refuse("outside MinLength and MaxLength".into());
    }
    if let Some(allowed) = allowed
        && !allowed.words()?.iter().any(|value| value == text)
    {
        return refuse("not among AllowedValues".into());
    }
    typed(kind, text)
}

fn typed(kind: &Node, text: &str) -> Result<Value, Refusal> {
    let item = |item: &str| Node { line: kind.line, value: Value::Scalar(item.trim().to_owned()) };
    match kind.text()? {
        "String" | "Number" => Ok(Value::Scalar(text.to_owned())),
        "CommaDelimitedList" => Ok(Value::Sequence(text.split(',').map(item).collect())),
        other => Refusal::at(kind.line, format!("this stack does not emulate the parameter type `{other}`")),
    }
}

fn bound(node: Option<&Node>) -> Result<Option<f64>, Refusal> {
    let Some(node) = node else { return Ok(None) };
    let text = node.text()?;
    text.parse().map(Some).or_else(|_| Refusal::at(node.line, format!("`{text}` is not a number")))
}
