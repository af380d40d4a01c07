//! AWS::Serverless::HttpApi and the HttpApi event: routes and CORS. Absent: authorisers, stages
//! other than `$default`, throttling (accepted, not enforced), custom domains.

use super::fields::Fields;
use super::function::HttpRoute;
use super::yaml::{Node, Refusal};

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) expose: Vec<String>,
    pub(crate) max_age: Option<u64>,
    pub(crate) credentials: bool,
}

pub(crate) fn read(properties: &mut Fields<'_>) -> Result<Option<Cors>, Refusal> {
    properties.ignore(&["Description", "Name", "Tags", "DefaultRouteSettings", "AccessLogSettings", "FailOnWarnings"]);
    if let Some(stage) = properties.take("StageName")
        && stage.text()? != "$default"
    {
        return Refusal::at(stage.line, "this stack emulates the stage `$default` only");
    }
    properties.take("CorsConfiguration").map(cors).transpose()
}

fn cors(node: &Node) -> Result<Cors, Refusal> {
    let mut fields = Fields::of(node, "property", "CorsConfiguration")?;
    let mut words = |name| fields.take(name).map(Node::words).transpose().map(Option::unwrap_or_default);
    let cors = Cors {
        origins: words("AllowOrigins")?,
        methods: words("AllowMethods")?,
        headers: words("AllowHeaders")?,
        expose: words("ExposeHeaders")?,
        max_age: fields.take("MaxAge").map(Node::number).transpose()?,
        credentials: fields.take("AllowCredentials").map(Node::boolean).transpose()?.unwrap_or(false),
    };
    fields.finish()?;
    Ok(cors)
}

/// `None` for an event without a path: the `$default` route.
pub(crate) fn route(node: &Node) -> Result<Option<HttpRoute>, Refusal> {
    let mut fields = Fields::of(node, "property", "an HttpApi event")?;
    fields.ignore(&["ApiId"]);
    let (method, path) = (fields.take("Method"), fields.take("Path"));
    if let Some(version) = fields.take("PayloadFormatVersion")
        && version.text()? != "2.0"
    {
        return Refusal::at(version.line, "this stack emulates the payload format 2.0 only");
    }
    fields.finish()?;
    let Some(path) = path else {
        return match method {
            None => Ok(None),
            Some(method) => Refusal::at(method.line, "a route with a Method needs a Path"),
        };
    };
    let text = path.text()?;
    let greedy_early = text.split('/').rev().skip(1).any(|segment| segment.ends_with("+}"));
    if !text.starts_with('/') || greedy_early {
        return Refusal::at(
            path.line,
            format!("`{text}` is no route path: it starts with `/`, and `{{name+}}` can only come last"),
        );
    }
    let method = method.map_or(Ok("ANY"), Node::text)?.to_ascii_uppercase();
    const METHODS: [&str; 8] = ["ANY", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    if !METHODS.contains(&method.as_str()) {
        return Refusal::at(path.line, format!("`{method}` is no method of a route"));
    }
    Ok(Some(HttpRoute { method, path: text.to_owned() }))
}
