//! `!Ref`, `!GetAtt`, `!Sub` and `!Join`, resolved to what the deployed stack would see: names, ARNs and
//! parameter values. Absent: conditions, mappings, imports, `!If` and the rest; a template
//! that uses one is refused at its line.

use super::yaml::{Key, Node, Refusal, Value};
use std::collections::HashMap;

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "123456789012";

/// What a resource answers to `!Ref` and `!GetAtt`.
pub(crate) struct Resource {
    pub(crate) kind: String,
    pub(crate) reference: String,
    pub(crate) arn: Option<String>,
}

#[derive(Default)]
pub(crate) struct Scope {
    pub(crate) parameters: HashMap<String, Value>,
    pub(crate) resources: HashMap<String, Resource>,
}

impl Scope {
    /// The same tree without a single intrinsic in it.
    pub(crate) fn resolve(&self, node: &Node) -> Result<Node, Refusal> {
        let value = match &node.value {
            Value::Scalar(text) => Value::Scalar(text.clone()),
            Value::Sequence(items) => {
                Value::Sequence(items.iter().map(|item| self.resolve(item)).collect::<Result<_, _>>()?)
            }
            Value::Mapping(entries) => Value::Mapping(
                entries
                    .iter()
                    .map(|(key, node)| Ok((Key { name: key.name.clone(), line: key.line }, self.resolve(node)?)))
                    .collect::<Result<_, Refusal>>()?,
            ),
            Value::Call { intrinsic, argument } => match intrinsic.as_str() {
                "Ref" => self.reference(argument.text()?, node.line)?,
                "GetAtt" => Value::Scalar(self.attribute_of(argument)?),
                "Sub" => Value::Scalar(self.substitute(argument)?),
                "Join" => Value::Scalar(self.join(argument)?),
                other => {
                    return Refusal::at(node.line, format!("this stack does not emulate the intrinsic `!{other}`"));
                }
            },
        };
        Ok(Node { line: node.line, value })
    }

    fn reference(&self, name: &str, line: usize) -> Result<Value, Refusal> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        if let Some(resource) = self.resources.get(name) {
            return Ok(Value::Scalar(resource.reference.clone()));
        }
        let pseudo = match name {
            "AWS::Region" => REGION,
            "AWS::AccountId" => ACCOUNT,
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::StackName" => "aura-local",
            _ if name.starts_with("AWS::") => {
                return Refusal::at(line, format!("this stack does not emulate the pseudo parameter `{name}`"));
            }
            _ => return Refusal::at(line, format!("`{name}` is neither a parameter nor a resource of this template")),
        };
        Ok(Value::Scalar(pseudo.to_owned()))
    }

    fn attribute_of(&self, argument: &Node) -> Result<String, Refusal> {
        let words = match &argument.value {
            Value::Scalar(dotted) => dotted.splitn(2, '.').map(str::to_owned).collect(),
            _ => argument.words()?,
        };
        match words.as_slice() {
            [resource, attribute] => self.attribute(resource, attribute, argument.line),
            _ => Refusal::at(argument.line, "`!GetAtt` takes a resource and an attribute"),
        }
    }

    fn attribute(&self, name: &str, attribute: &str, line: usize) -> Result<String, Refusal> {
        let Some(resource) = self.resources.get(name) else {
            return Refusal::at(line, format!("`{name}` is not a resource of this template"));
        };
        match (attribute, &resource.arn) {
            ("Arn", Some(arn)) => Ok(arn.clone()),
            _ => Refusal::at(
                line,
                format!("this stack does not emulate the attribute `{attribute}` of {}", resource.kind),
            ),
        }
    }

    fn join(&self, argument: &Node) -> Result<String, Refusal> {
        match argument.list()? {
            [between, list] => Ok(self.resolve(list)?.words()?.join(between.text()?)),
            _ => Refusal::at(argument.line, "`!Join` takes a text and a list"),
        }
    }

    fn substitute(&self, argument: &Node) -> Result<String, Refusal> {
        let (text, local) = match &argument.value {
            Value::Scalar(text) => (text.as_str(), None),
            Value::Sequence(parts) if parts.len() == 2 => (parts[0].text()?, Some(self.resolve(&parts[1])?)),
            _ => return Refusal::at(argument.line, "`!Sub` takes a string, or a string and a mapping"),
        };
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            out.push_str(before);
            let Some((name, tail)) = after.split_once('}') else {
                return Refusal::at(argument.line, "`${` without its `}`");
            };
            out.push_str(&self.variable(name, local.as_ref(), argument.line)?);
            rest = tail;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn variable(&self, name: &str, local: Option<&Node>, line: usize) -> Result<String, Refusal> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some(local) = local
            && let Some((_, node)) = local.entries()?.iter().find(|(key, _)| key.name == name)
        {
            return Ok(node.text()?.to_owned());
        }
        if let Some((resource, attribute)) = name.split_once('.') {
            return self.attribute(resource, attribute, line);
        }
        match self.reference(name, line)? {
            Value::Scalar(text) => Ok(text),
            _ => Refusal::at(line, format!("`${{{name}}}` is a list, which `!Sub` cannot hold")),
        }
    }
}
