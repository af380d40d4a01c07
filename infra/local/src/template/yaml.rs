//! YAML to a small tree that keeps line numbers and CloudFormation's tags.
//!
//! Every refusal of the template reader names a line, which is why this is built on parser events
//! and not on a deserialiser. Absent: anchors, aliases, several documents, YAML's own types (a
//! scalar is its text, as CloudFormation reads it).

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput, Tag};

/// Why the template is refused, and where.
#[derive(Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn at<T>(line: usize, why: impl Into<String>) -> Result<T, Self> {
        Err(Self { line, why: why.into() })
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Scalar(String),
    Sequence(Vec<Node>),
    Mapping(Vec<(Key, Node)>),
    /// `!Ref X`, `{Ref: X}`, `!Sub ...`, `{Fn::Sub: ...}`: the name has no `!` and no `Fn::`.
    Call {
        intrinsic: String,
        argument: Box<Node>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) line: usize,
}

pub(crate) fn parse(text: &str) -> Result<Node, Refusal> {
    let mut reader = Reader { events: Parser::new_from_str(text) };
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentStart(_) => {}
            Event::StreamEnd => return Refusal::at(line, "the template is empty"),
            event => {
                let root = reader.node(event, line)?;
                return match (reader.next()?.0, reader.next()?) {
                    (Event::DocumentEnd, (Event::StreamEnd, _)) => Ok(root),
                    (_, (_, line)) => Refusal::at(line, "a template is one YAML document"),
                };
            }
        }
    }
}

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Refusal> {
        match self.events.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Refusal::at(error.marker().line(), format!("this is not YAML: {}", error.info())),
            None => Refusal::at(0, "the template ends early"),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize) -> Result<Node, Refusal> {
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (Value::Scalar(scalar(&text, style)), tag),
            Event::SequenceStart(_, tag) => (self.sequence()?, tag),
            Event::MappingStart(_, tag) => (self.mapping()?, tag),
            Event::Alias(_) => return Refusal::at(line, "this stack does not read YAML aliases (`*name`)"),
            other => return Refusal::at(line, format!("unexpected YAML: {other:?}")),
        };
        let node = Node { line, value };
        match tag {
            Some(tag) => tagged(node, &tag),
            None => Ok(long_form(node)),
        }
    }

    fn sequence(&mut self) -> Result<Value, Refusal> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Sequence(items)),
                (event, line) => items.push(self.node(event, line)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Value, Refusal> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let (event, line) = self.next()?;
            let name = match event {
                Event::MappingEnd => return Ok(Value::Mapping(entries)),
                Event::Scalar(text, _, _, None) => text.into_owned(),
                _ => return Refusal::at(line, "a key must be a plain word"),
            };
            if entries.iter().any(|(key, _)| key.name == name) {
                return Refusal::at(line, format!("the key `{name}` is written twice"));
            }
            let (event, value_line) = self.next()?;
            let node = self.node(event, value_line)?;
            entries.push((Key { name, line }, node));
        }
    }
}

fn scalar(text: &str, style: ScalarStyle) -> String {
    match (style, text) {
        (ScalarStyle::Plain, "~" | "null") => String::new(),
        _ => text.to_owned(),
    }
}

fn tagged(node: Node, tag: &Tag) -> Result<Node, Refusal> {
    if tag.handle != "!" {
        return Refusal::at(node.line, format!("this stack does not emulate the YAML tag `{tag}`"));
    }
    let line = node.line;
    Ok(Node { line, value: Value::Call { intrinsic: tag.suffix.clone(), argument: Box::new(node) } })
}

/// `{Ref: X}` and `{"Fn::Sub": ...}` mean what `!Ref X` and `!Sub ...` mean.
fn long_form(node: Node) -> Node {
    let Value::Mapping(mut entries) = node.value else { return node };
    let intrinsic = match entries.as_slice() {
        [(key, _)] if key.name == "Ref" => Some("Ref".to_owned()),
        [(key, _)] => key.name.strip_prefix("Fn::").map(str::to_owned),
        _ => None,
    };
    match (intrinsic, entries.pop()) {
        (Some(intrinsic), Some((_, argument))) => {
            Node { line: node.line, value: Value::Call { intrinsic, argument: Box::new(argument) } }
        }
        (_, last) => {
            entries.extend(last);
            Node { line: node.line, value: Value::Mapping(entries) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tags_survive() {
        let root = parse("A: 1\nB:\n  - !Ref X\n  - Fn::Sub: ${Y}\n").unwrap();
        let Value::Mapping(entries) = &root.value else { panic!("{root:?}") };
        assert_eq!((entries[1].0.name.as_str(), entries[1].0.line), ("B", 2));
        let Value::Sequence(items) = &entries[1].1.value else { panic!("{root:?}") };
        assert_eq!(items[0].line, 3);
        assert!(matches!(&items[0].value, Value::Call { intrinsic, .. } if intrinsic == "Ref"));
        assert!(matches!(&items[1].value, Value::Call { intrinsic, .. } if intrinsic == "Sub"));
    }

    #[test]
    fn a_key_written_twice_is_refused_at_its_second_line() {
        let refusal = parse("A: 1\nB: 2\nA: 3\n").unwrap_err();
        assert_eq!(refusal, Refusal { line: 3, why: "the key `A` is written twice".into() });
    }

    #[test]
    fn broken_yaml_names_its_line() {
        assert_eq!(parse("A: 1\nB: [1\nC: 2\n").unwrap_err().line, 3);
    }
}
