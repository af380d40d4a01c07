//! AWS::Serverless::Function with the `Globals` merged in. The binary that cargo builds names the
//! function everywhere: `login`, not `LoginFunction`.

use super::fields::Fields;
use super::http_api;
use super::policy::{self, Statement};
use super::yaml::{Node, Refusal};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Debug, Clone, Default)]
pub(crate) struct Function {
    pub(crate) logical_id: String,
    /// The binary, and so the function's name.
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) memory_mb: u64,
    pub(crate) timeout: Duration,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) policies: Vec<Statement>,
    pub(crate) events: Vec<Event>,
}

/// What invokes a function from outside; WebSocket routes are the API's (`super::websocket_api`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// `None` stands for `$default`.
    Http(Option<HttpRoute>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpRoute {
    /// Upper case, or `ANY`.
    pub(crate) method: String,
    pub(crate) path: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(Some(route)) => write!(f, "{} {}", route.method, route.path),
            Self::Http(None) => f.write_str("$default"),
        }
    }
}

/// Of a function's properties, those that mean nothing to a process on this machine.
const WITHOUT_EFFECT: [&str; 6] = ["Description", "Handler", "Architectures", "CodeUri", "LoggingConfig", "Tracing"];

#[derive(Debug, Default)]
pub(crate) struct Globals {
    memory_mb: Option<u64>,
    timeout: Option<u64>,
    environment: BTreeMap<String, String>,
}

impl Globals {
    pub(crate) fn read(section: Option<&Node>) -> Result<Self, Refusal> {
        let Some(section) = section else { return Ok(Self::default()) };
        let mut sections = Fields::of(section, "section", "Globals")?;
        let globals = match sections.take("Function") {
            Some(node) => {
                let mut fields = Fields::of(node, "property", "Globals.Function")?;
                let globals = Self::of(&mut fields)?;
                fields.finish()?;
                globals
            }
            None => Self::default(),
        };
        sections.finish()?;
        Ok(globals)
    }

    /// The properties that Globals and a function share.
    fn of(fields: &mut Fields<'_>) -> Result<Self, Refusal> {
        fields.ignore(&WITHOUT_EFFECT);
        if let Some(runtime) = fields.take("Runtime")
            && !runtime.text()?.starts_with("provided.")
        {
            return Refusal::at(runtime.line, format!("this stack does not emulate the runtime `{}`", runtime.text()?));
        }
        Ok(Self {
            memory_mb: fields.take("MemorySize").map(Node::number).transpose()?,
            timeout: fields.take("Timeout").map(Node::number).transpose()?,
            environment: fields.take("Environment").map(variables).transpose()?.unwrap_or_default(),
        })
    }
}

fn variables(environment: &Node) -> Result<BTreeMap<String, String>, Refusal> {
    let mut fields = Fields::of(environment, "property", "Environment")?;
    let variables = match fields.take("Variables") {
        Some(node) => node
            .entries()?
            .iter()
            .map(|(key, node)| Ok((key.name.clone(), node.text()?.to_owned())))
            .collect::<Result<_, Refusal>>()?,
        None => BTreeMap::new(),
    };
    fields.finish()?;
    Ok(variables)
}

/// `Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: login}}`
pub(crate) fn binary(resource: &Node, id: &str) -> Result<String, Refusal> {
    let find = |node: &Node, name: &str| -> Result<Option<Node>, Refusal> {
        Ok(node.entries()?.iter().find(|(key, _)| key.name == name).map(|(_, node)| node.clone()))
    };
    let missing = |line| Refusal::at(line, format!("{id} has no Metadata.BuildProperties.Binary, so no binary to run"));
    let Some(metadata) = find(resource, "Metadata")? else { return missing(resource.line) };
    match find(&metadata, "BuildMethod")? {
        Some(method) if method.text()? == "rust-cargolambda" => {}
        _ => {
            return Refusal::at(
                metadata.line,
                format!("{id}: this stack emulates the BuildMethod rust-cargolambda only"),
            );
        }
    }
    let Some(properties) = find(&metadata, "BuildProperties")? else { return missing(metadata.line) };
    let Some(binary) = find(&properties, "Binary")? else { return missing(properties.line) };
    let name = binary.text()?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Refusal::at(binary.line, format!("`{name}` is not a kebab-case binary name"));
    }
    Ok(name.to_owned())
}

pub(crate) fn read(
    id: &str,
    line: usize,
    name: String,
    properties: &mut Fields<'_>,
    globals: &Globals,
) -> Result<Function, Refusal> {
    let own = Globals::of(properties)?;
    let policies = properties.take("Policies").map(policy::read).transpose()?.unwrap_or_default();
    let events = properties.take("Events").map(events).transpose()?.unwrap_or_default();
    let mut environment = globals.environment.clone();
    environment.extend(own.environment);
    Ok(Function {
        logical_id: id.to_owned(),
        name,
        line,
        memory_mb: own.memory_mb.or(globals.memory_mb).unwrap_or(128),
        timeout: Duration::from_secs(own.timeout.or(globals.timeout).unwrap_or(3)),
        environment,
        policies,
        events,
    })
}

fn events(section: &Node) -> Result<Vec<Event>, Refusal> {
    let mut events = Vec::new();
    for (key, node) in section.entries()? {
        let mut fields = Fields::of(node, "property", format!("the event {}", key.name))?;
        let kind = fields.need("Type")?;
        let properties = fields.take("Properties");
        fields.finish()?;
        match kind.text()? {
            "HttpApi" => events.push(Event::Http(properties.map(http_api::route).transpose()?.flatten())),
            other => return Refusal::at(kind.line, format!("this stack does not emulate the event type `{other}`")),
        }
    }
    Ok(events)
}
