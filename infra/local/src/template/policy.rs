//! The functions' policies, kept as statements which the emulated services enforce. Absent: Deny,
//! conditions, managed policies and SAM policy templates. Action wildcards are refused on purpose:
//! a function's policy names what the function does.

use super::fields::Fields;
use super::yaml::{Node, Refusal};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) actions: Vec<String>,
    /// ARNs; a `*` stands for any text.
    pub(crate) resources: Vec<String>,
}

impl Statement {
    pub(crate) fn allows(&self, action: &str, arn: &str) -> bool {
        self.actions.iter().any(|allowed| allowed.eq_ignore_ascii_case(action))
            && self.resources.iter().any(|pattern| covers(pattern, arn))
    }
}

/// Whether a pattern, in which `*` stands for any text, matches.
pub(crate) fn covers(pattern: &str, arn: &str) -> bool {
    let Some((fixed, mut pattern)) = pattern.split_once('*') else { return pattern == arn };
    let Some(mut rest) = arn.strip_prefix(fixed) else { return false };
    while let Some((part, later)) = pattern.split_once('*') {
        let Some(at) = rest.find(part) else { return false };
        (rest, pattern) = (&rest[at + part.len()..], later);
    }
    rest.ends_with(pattern)
}

pub(crate) fn read(policies: &Node) -> Result<Vec<Statement>, Refusal> {
    let mut statements = Vec::new();
    for policy in policies.list()? {
        let mut fields = Fields::of(policy, "policy template", "Policies")?;
        fields.ignore(&["Version"]);
        let list = fields.take("Statement");
        fields.finish()?;
        let Some(list) = list else {
            return Refusal::at(policy.line, "a policy without `Statement`");
        };
        for node in list.list()? {
            statements.push(statement(node)?);
        }
    }
    Ok(statements)
}

fn statement(node: &Node) -> Result<Statement, Refusal> {
    let mut fields = Fields::of(node, "element", "a policy statement")?;
    fields.ignore(&["Sid"]);
    let effect = fields.need("Effect")?;
    if effect.text()? != "Allow" {
        return Refusal::at(effect.line, "this stack emulates the policy effect Allow only");
    }
    let (action, resource) = (fields.need("Action")?, fields.need("Resource")?);
    fields.finish()?;
    let (actions, resources) = (action.words()?, resource.words()?);
    for name in &actions {
        if name.contains('*') {
            return Refusal::at(
                action.line,
                format!("`{name}` is a wildcard; name the actions that the function uses"),
            );
        }
        let emulated = ["execute-api:ManageConnections", "lambda:InvokeFunction"].contains(&name.as_str())
            || ["dynamodb:", "s3:", "secretsmanager:"].iter().any(|service| name.starts_with(service));
        if !emulated {
            return Refusal::at(action.line, format!("this stack does not emulate the service of the action `{name}`"));
        }
    }
    if resources.iter().any(|arn| arn == "*") {
        return Refusal::at(resource.line, "`*` is every resource; name those that the function uses");
    }
    Ok(Statement { actions, resources })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text_wherever_it_is() {
        let arn = "arn:aws:execute-api:us-east-1:1:api/prod/POST/@connections/a=";
        for pattern in ["*", arn, "arn:*", "*/prod/*", "arn:aws:execute-api:*:api/*/POST/@connections/*", "*a="] {
            assert!(covers(pattern, arn), "{pattern}");
        }
        for pattern in ["", "arn", "*/dev/*", "arn:aws:execute-api:*:api/*/GET/@connections/*", "*b=", "arn:*:api/prod"]
        {
            assert!(!covers(pattern, arn), "{pattern}");
        }
        assert!(!covers("a*a", "a"), "the two ends may not share a letter");
    }
}
