//! template.yaml, read into exactly what the stack emulates: functions, routes, tables, secrets,
//! rotations and policies. Anything else in it stops the stack with a sentence naming the line.
//! Absent: conditions, mappings.

mod bucket;
mod fields;
mod function;
mod http_api;
mod intrinsics;
mod parameters;
mod policy;
mod resources;
mod secret;
mod table;
mod websocket_api;
mod yaml;

pub(crate) use bucket::Bucket;
#[cfg(test)]
pub(crate) use function::HttpRoute;
pub(crate) use function::{Event, Function};
pub(crate) use http_api::Cors;
pub(crate) use intrinsics::{ACCOUNT, REGION};
pub(crate) use parameters::same_name;
pub(crate) use policy::{Statement, covers};
#[cfg(test)]
pub(crate) use secret::Generate;
pub(crate) use secret::{Rotation, Secret, Source};
pub(crate) use table::{Table, arn as table_arn};
pub(crate) use websocket_api::{Authorizer, IdentitySource, WebSocketApi, WebSocketRoute, identity_source};

use crate::error::{Error, Result};
use fields::Fields;
use intrinsics::Scope;
use std::collections::BTreeMap;
use std::path::Path;
use yaml::{Node, Refusal};

#[derive(Debug, Default)]
pub(crate) struct Template {
    pub(crate) functions: Vec<Function>,
    pub(crate) tables: Vec<Table>,
    pub(crate) secrets: Vec<Secret>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) rotations: Vec<Rotation>,
    pub(crate) cors: Option<Cors>,
    /// What `!Ref` answers for the HTTP API.
    pub(crate) http_api: Option<String>,
    pub(crate) websocket_api: Option<WebSocketApi>,
    pub(crate) outputs: Vec<(String, String)>,
    pub(crate) parameters: Vec<String>,
}

impl Template {
    /// `settings` override parameters by name; functions' env is left as the template has it.
    pub(crate) fn read(path: &Path, settings: &BTreeMap<String, String>) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| Error::new(format!("cannot read {}: {error}", path.display())))?;
        let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::parse(&text, settings).map_err(|refusal| Error::new(format!("{file}:{}: {}", refusal.line, refusal.why)))
    }

    fn parse(text: &str, settings: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let root = yaml::parse(text)?;
        let mut sections = Fields::of(&root, "section", "the template")?;
        sections.ignore(&["AWSTemplateFormatVersion", "Description", "Metadata"]);
        if let Some(transform) = sections.take("Transform")
            && transform.text()? != "AWS::Serverless-2016-10-31"
        {
            return Refusal::at(transform.line, "this stack emulates the transform AWS::Serverless-2016-10-31 only");
        }
        let mut scope = Scope::default();
        let mut template = Self::default();
        if let Some(parameters) = sections.take("Parameters") {
            scope.parameters = parameters::read(parameters, settings)?;
            template.parameters = parameters.entries()?.iter().map(|(key, _)| key.name.clone()).collect();
        }
        let resources = sections.need("Resources")?;
        scope.resources = resources::names(resources)?;
        let globals = sections.take("Globals").map(|node| scope.resolve(node)).transpose()?;
        let globals = function::Globals::read(globals.as_ref())?;
        let resources = scope.resolve(resources)?;
        resources::read(&resources, &globals, &mut template)?;
        if let Some(outputs) = sections.take("Outputs") {
            template.outputs = resolved_outputs(&scope, outputs)?;
        }
        sections.finish()?;
        Ok(template)
    }

    /// Lets pages of this origin call what has an own answer to other origins: the page to try it does.
    pub(crate) fn admit(&mut self, origin: &str) {
        for cors in self.buckets.iter_mut().filter_map(|bucket| bucket.cors.as_mut()) {
            cors.origins.push(origin.to_owned());
        }
        for origins in self.functions.iter_mut().filter_map(|function| function.environment.get_mut("CORS_ORIGINS")) {
            *origins = format!("{origins},{origin}");
        }
    }

    #[cfg(test)]
    fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }
}

fn resolved_outputs(scope: &Scope, outputs: &Node) -> Result<Vec<(String, String)>, Refusal> {
    let mut resolved = Vec::new();
    for (key, node) in outputs.entries()? {
        let node = scope.resolve(node)?;
        let mut fields = Fields::of(&node, "property", format!("the output {}", key.name))?;
        resolved.push((key.name.clone(), fields.need("Value")?.text()?.to_owned()));
        fields.ignore(&["Description", "Export"]);
        fields.finish()?;
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests;
