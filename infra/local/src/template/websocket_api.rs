//! AWS::Serverless::WebSocketApi, and the AWS::ApiGatewayV2::RouteResponse resources beside it: SAM
//! makes a route from each key of `Routes`, but lets it answer its caller only where the template
//! declares a route response for the route that SAM names.
//! Absent: API keys, models, stage variables, custom domains, IAM authorisation; throttling and logs
//! are accepted and do nothing.

use super::fields::Fields;
use super::yaml::{Key, Node, Refusal};
use std::collections::BTreeMap;
use std::time::Duration;

const LONGEST_INTEGRATION: u64 = 29_000;

#[derive(Debug, Clone)]
pub(crate) struct WebSocketApi {
    /// What `!Ref` answers.
    pub(crate) id: String,
    pub(crate) logical_id: String,
    pub(crate) stage: String,
    /// The members of a message, outermost first, that lead to the key of its route.
    pub(crate) selection: Vec<String>,
    pub(crate) routes: BTreeMap<String, WebSocketRoute>,
    pub(crate) authorizer: Option<Authorizer>,
}

#[derive(Debug, Clone)]
pub(crate) struct WebSocketRoute {
    pub(crate) function: String,
    /// The body of the function's answer goes to the caller.
    pub(crate) answers: bool,
    pub(crate) timeout: Duration,
    line: usize,
    selects_response: bool,
}

/// A REQUEST authoriser of `$connect`.
#[derive(Debug, Clone)]
pub(crate) struct Authorizer {
    pub(crate) function: String,
    /// `route.request.header.Name` or `route.request.querystring.name`: without one of them, 401.
    pub(crate) sources: Vec<String>,
    line: usize,
}

/// An AWS::ApiGatewayV2::RouteResponse, before it is known to belong to a route.
pub(crate) struct RouteResponse {
    pub(crate) line: usize,
    api: String,
    route: String,
}

/// The logical id that SAM gives to the route of a key.
pub(crate) fn route_id(api: &str, key: &str) -> String {
    let mut word = key.trim_start_matches('$').to_ascii_lowercase();
    if let Some(first) = word.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    format!("{api}{word}Route")
}

/// Those of all routes, for `!Ref`; `properties` may still hold intrinsics.
pub(crate) fn route_ids(api: &str, properties: Option<&Node>) -> Result<Vec<String>, Refusal> {
    let Some(properties) = properties else { return Ok(Vec::new()) };
    let routes = properties.entries()?.iter().find(|(key, _)| key.name == "Routes");
    let Some((_, routes)) = routes else { return Ok(Vec::new()) };
    Ok(routes.entries()?.iter().map(|(key, _)| route_id(api, &key.name)).collect())
}

pub(crate) fn read(logical_id: &str, properties: &mut Fields<'_>) -> Result<WebSocketApi, Refusal> {
    properties.ignore(&[
        "AccessLogSettings",
        "Description",
        "DisableSchemaValidation",
        "FailOnWarnings",
        "IpAddressType",
        "Name",
        "PropagateTags",
        "RouteSettings",
        "Tags",
    ]);
    if let Some(settings) = properties.take("DefaultRouteSettings") {
        let mut fields = Fields::of(settings, "property", "DefaultRouteSettings")?;
        fields.ignore(&[
            "DataTraceEnabled",
            "DetailedMetricsEnabled",
            "LoggingLevel",
            "ThrottlingBurstLimit",
            "ThrottlingRateLimit",
        ]);
        fields.finish()?;
    }
    let stage = properties.take("StageName");
    if let Some(stage) = stage
        && (stage.text()?.is_empty() || !stage.text()?.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)))
    {
        return Refusal::at(stage.line, format!("`{}` is no stage of a WebSocket API", stage.text()?));
    }
    let selection = properties.need("RouteSelectionExpression")?;
    let Some(path) = selection.text()?.strip_prefix("$request.body.").filter(|path| !path.is_empty()) else {
        return Refusal::at(selection.line, "this stack emulates the route selection `$request.body.{name}` only");
    };
    let section = properties.need("Routes")?;
    let mut routes = BTreeMap::new();
    for (key, node) in section.entries()? {
        routes.insert(key.name.clone(), route(key, node)?);
    }
    if routes.is_empty() {
        return Refusal::at(section.line, "a WebSocket API has one route or more");
    }
    let authorizer = properties.take("Auth").map(authorizer).transpose()?.flatten();
    if let Some(authorizer) = &authorizer
        && !routes.contains_key("$connect")
    {
        return Refusal::at(authorizer.line, "an authoriser guards `$connect`, which has no route");
    }
    Ok(WebSocketApi {
        id: logical_id.to_ascii_lowercase(),
        logical_id: logical_id.to_owned(),
        stage: stage.map_or(Ok("default"), Node::text)?.to_owned(),
        selection: path.split('.').map(str::to_owned).collect(),
        routes,
        authorizer,
    })
}

fn route(key: &Key, node: &Node) -> Result<WebSocketRoute, Refusal> {
    let name = &key.name;
    if !["$connect", "$disconnect", "$default"].contains(&name.as_str())
        && (name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        return Refusal::at(
            key.line,
            format!("`{name}` is no route key: SAM takes letters and digits, $connect, $disconnect and $default"),
        );
    }
    let mut fields = Fields::of(node, "property", format!("the route {name}"))?;
    fields.ignore(&["OperationName"]);
    let function = fields.need("FunctionArn")?.text()?;
    let response = fields.take("RouteResponseSelectionExpression");
    if let Some(response) = response
        && response.text()? != "$default"
    {
        return Refusal::at(response.line, "this stack emulates the route response selection `$default` only");
    }
    let timeout = fields.take("IntegrationTimeout");
    let milliseconds = timeout.map(Node::number).transpose()?.unwrap_or(LONGEST_INTEGRATION);
    if let Some(timeout) = timeout
        && !(50..=LONGEST_INTEGRATION).contains(&milliseconds)
    {
        return Refusal::at(timeout.line, "an IntegrationTimeout has 50 to 29000 milliseconds");
    }
    fields.finish()?;
    Ok(WebSocketRoute {
        function: function_name(function),
        answers: false,
        timeout: Duration::from_millis(milliseconds),
        line: key.line,
        selects_response: response.is_some(),
    })
}

fn authorizer(node: &Node) -> Result<Option<Authorizer>, Refusal> {
    let mut fields = Fields::of(node, "property", "Auth")?;
    fields.ignore(&["Name", "InvokeRole"]);
    let kind = fields.need("AuthType")?;
    let function = match kind.text()? {
        "NONE" => None,
        "CUSTOM" => Some(function_name(fields.need("AuthArn")?.text()?)),
        other => return Refusal::at(kind.line, format!("this stack does not emulate the AuthType `{other}`")),
    };
    let sources = fields.take("IdentitySource").map(Node::words).transpose()?.unwrap_or_default();
    fields.finish()?;
    if let Some(source) = sources.iter().find(|source| identity_source(source).is_none()) {
        return Refusal::at(node.line, format!("this stack does not emulate the identity source `{source}`"));
    }
    Ok(function.map(|function| Authorizer { function, sources, line: node.line }))
}

pub(crate) enum IdentitySource<'a> {
    Header(&'a str),
    Query(&'a str),
}

pub(crate) fn identity_source(source: &str) -> Option<IdentitySource<'_>> {
    let (kind, name) = source.strip_prefix("route.request.")?.split_once('.')?;
    match kind {
        "header" => Some(IdentitySource::Header(name)),
        "querystring" => Some(IdentitySource::Query(name)),
        _ => None,
    }
}

pub(crate) fn response(line: usize, properties: &mut Fields<'_>) -> Result<RouteResponse, Refusal> {
    let key = properties.need("RouteResponseKey")?;
    if key.text()? != "$default" {
        return Refusal::at(key.line, "a WebSocket API has the route response `$default` only");
    }
    Ok(RouteResponse {
        line,
        api: properties.need("ApiId")?.text()?.to_owned(),
        route: properties.need("RouteId")?.text()?.to_owned(),
    })
}

/// Everything that the API refers to and that refers to it is there.
pub(crate) fn connect(
    api: &mut WebSocketApi,
    responses: &[RouteResponse],
    functions: &[super::Function],
) -> Result<(), Refusal> {
    for response in responses {
        let route = api.routes.iter_mut().find(|(key, _)| route_id(&api.logical_id, key) == response.route);
        match route {
            Some((_, route)) if response.api == api.id => route.answers = true,
            _ => return Refusal::at(response.line, format!("`{}` is no route of {}", response.route, api.logical_id)),
        }
    }
    for (key, route) in &api.routes {
        known(functions, &route.function, route.line)?;
        if route.answers && !route.selects_response {
            return Refusal::at(
                route.line,
                format!("the route {key} has a RouteResponse and no RouteResponseSelectionExpression to use it"),
            );
        }
        if route.selects_response && !route.answers {
            return Refusal::at(
                route.line,
                format!("the route {key} answers nobody: no AWS::ApiGatewayV2::RouteResponse belongs to it"),
            );
        }
    }
    match &api.authorizer {
        Some(authorizer) => known(functions, &authorizer.function, authorizer.line),
        None => Ok(()),
    }
}

fn known(functions: &[super::Function], name: &str, line: usize) -> Result<(), Refusal> {
    if functions.iter().any(|function| function.name == name) {
        return Ok(());
    }
    Refusal::at(line, format!("`{name}` is no function of this template"))
}

fn function_name(arn: &str) -> String {
    arn.rsplit(':').next().unwrap_or(arn).to_owned()
}
