//! Reading one mapping of the template: what is asked for is taken, what is known to mean nothing
//! here is ignored by name, and anything left over is refused. This is what makes the stack fail
//! loudly on a template that says more than it emulates.

use super::yaml::{Key, Node, Refusal, Value};

pub(crate) struct Fields<'a> {
    what: String,
    noun: &'static str,
    line: usize,
    entries: Vec<&'a (Key, Node)>,
}

impl<'a> Fields<'a> {
    /// `what` completes "does not emulate the `noun` `Foo` of ...".
    pub(crate) fn of(node: &'a Node, noun: &'static str, what: impl Into<String>) -> Result<Self, Refusal> {
        let what = what.into();
        match &node.value {
            Value::Mapping(entries) => Ok(Self { what, noun, line: node.line, entries: entries.iter().collect() }),
            _ => Refusal::at(node.line, format!("{what} must be a mapping")),
        }
    }

    pub(crate) fn line(&self) -> usize {
        self.line
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<&'a Node> {
        let at = self.entries.iter().position(|(key, _)| key.name == name)?;
        Some(&self.entries.remove(at).1)
    }

    pub(crate) fn need(&mut self, name: &str) -> Result<&'a Node, Refusal> {
        let (line, why) = (self.line, format!("{} lacks `{name}`", self.what));
        self.take(name).map_or_else(|| Refusal::at(line, why), Ok)
    }

    /// Known, and without effect on this machine.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        self.entries.retain(|(key, _)| !names.contains(&key.name.as_str()));
    }

    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.entries.first() {
            None => Ok(()),
            Some((key, _)) => Refusal::at(
                key.line,
                format!("this stack does not emulate the {} `{}` of {}", self.noun, key.name, self.what),
            ),
        }
    }
}

impl Node {
    pub(crate) fn text(&self) -> Result<&str, Refusal> {
        match &self.value {
            Value::Scalar(text) => Ok(text),
            _ => Refusal::at(self.line, "a single value is expected here"),
        }
    }

    pub(crate) fn number(&self) -> Result<u64, Refusal> {
        let text = self.text()?;
        text.parse().or_else(|_| Refusal::at(self.line, format!("`{text}` is not a whole number")))
    }

    pub(crate) fn boolean(&self) -> Result<bool, Refusal> {
        match self.text()? {
            "true" => Ok(true),
            "false" => Ok(false),
            text => Refusal::at(self.line, format!("`{text}` is neither true nor false")),
        }
    }

    pub(crate) fn list(&self) -> Result<&[Node], Refusal> {
        match &self.value {
            Value::Sequence(items) => Ok(items),
            _ => Refusal::at(self.line, "a list is expected here"),
        }
    }

    /// A list of words, or one word standing for a list of one, as CloudFormation allows.
    pub(crate) fn words(&self) -> Result<Vec<String>, Refusal> {
        match &self.value {
            Value::Scalar(word) => Ok(vec![word.clone()]),
            _ => self.list()?.iter().map(|item| item.text().map(str::to_owned)).collect(),
        }
    }

    pub(crate) fn entries(&self) -> Result<&[(Key, Node)], Refusal> {
        match &self.value {
            Value::Mapping(entries) => Ok(entries),
            _ => Refusal::at(self.line, "a mapping is expected here"),
        }
    }

    /// The node as JSON in which every scalar is a string: the shape of key schemas and indexes.
    pub(crate) fn json(&self) -> serde_json::Value {
        match &self.value {
            Value::Scalar(text) => text.clone().into(),
            Value::Sequence(items) => items.iter().map(Self::json).collect(),
            Value::Mapping(entries) => {
                serde_json::Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), node.json())).collect())
            }
            Value::Call { intrinsic, .. } => format!("!{intrinsic}").into(),
        }
    }
}
