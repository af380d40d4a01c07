//! What the command says once everything answers, to people and to programs.

use aura_local::{Error, Result, Stack};
use std::path::Path;
use std::time::Duration;

/// Complete or not there at all: programs wait for this file.
pub(crate) fn write(file: &Path, stack: &Stack) -> Result<()> {
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let written =
        std::fs::write(&draft, format!("{:#}\n", stack.addresses())).and_then(|()| std::fs::rename(&draft, file));
    written.map_err(|error| Error::new(format!("cannot write {}: {error}", file.display())))
}

#[expect(clippy::print_stdout, reason = "this is what the command is for")]
pub(crate) fn print(stack: &Stack, data: Option<&Path>, took: Duration) {
    println!("\nRoutes");
    let routes = stack.routes();
    for route in &routes {
        println!("  {:<7} {:<32} {}", route.method, route.path, route.function);
    }
    let messages = stack.socket_routes();
    for route in &messages {
        println!("  {:<7} {:<32} {}", "WS", route.key, route.function);
    }
    let routed = |name: &String| {
        routes.iter().map(|r| &r.function).chain(messages.iter().map(|r| &r.function)).any(|f| f == name)
    };
    let without: Vec<_> = stack.functions().into_iter().filter(|name| !routed(name)).collect();
    if !without.is_empty() {
        println!("  (invoked by other services: {})", without.join(", "));
    }
    println!("\nAddresses");
    println!("  HTTP API and page  {}", stack.http());
    let none = if messages.is_empty() { " (template.yaml has none)" } else { "" };
    println!("  WebSocket API      {}{none}", stack.websocket());
    println!("  DynamoDB           {}", stack.dynamodb());
    println!("  Secrets Manager    {}", stack.secrets_manager());
    println!("  Lambda             {}", stack.lambda());
    println!("  S3                 {}", stack.s3());
    println!("\nOutputs");
    for (name, value) in stack.outputs() {
        println!("  {name:<24} {value}");
    }
    match data {
        Some(data) => println!("\nData is kept in {}.", data.display()),
        None => println!("\nData is in memory and ends with this command; keep it with --data DIR."),
    }
    println!("\nready in {} ms. Try it: open {}/ or run\n", took.as_millis(), stack.http());
    println!("  curl {}/health\n\nCtrl-C ends it.", stack.http());
}
