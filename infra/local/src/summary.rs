//! What the command says once everything answers, to people and to programs.

use aura_local::template::Event;
use aura_local::{Error, Result, Stack};
use std::path::Path;
use std::time::Duration;

/// Complete or not there at all: programs wait for this file.
pub fn write(file: &Path, stack: &Stack) -> Result<()> {
    let draft = file.with_extension(format!("{}.tmp", std::process::id()));
    let written = std::fs::write(&draft, format!("{:#}\n", stack.addresses())).and_then(|()| std::fs::rename(&draft, file));
    written.map_err(|error| Error::new(format!("cannot write {}: {error}", file.display())))
}

pub fn print(stack: &Stack, data: Option<&Path>, took: Duration) {
    println!("\nRoutes");
    let mut routes: Vec<_> = stack
        .template()
        .functions
        .iter()
        .flat_map(|function| {
            let row = move |event: &Event| match event {
                Event::Http(Some(route)) => (route.path.clone(), route.method.clone(), function.name.clone()),
                Event::Http(None) => ("any other".to_owned(), "ANY".to_owned(), function.name.clone()),
            };
            function.events.iter().map(row)
        })
        .collect();
    routes.sort_by_key(|(path, method, _)| (!path.starts_with('/'), path.clone(), method.clone()));
    for (path, method, function) in routes {
        println!("  {method:<7} {path:<32} {function}");
    }
    let without: Vec<_> = stack.template().functions.iter().filter(|function| function.events.is_empty()).map(|function| function.name.as_str()).collect();
    if !without.is_empty() {
        println!("  (invoked by other services: {})", without.join(", "));
    }
    println!("\nAddresses");
    println!("  HTTP API and page  {}", stack.http());
    println!("  WebSocket API      {}", stack.ws());
    println!("  DynamoDB           {}", stack.dynamodb());
    println!("  Secrets Manager    {}", stack.secrets_manager());
    println!("  Lambda             {}", stack.lambda());
    match data {
        Some(data) => println!("\nData is kept in {}.", data.display()),
        None => println!("\nData is in memory and ends with this command; keep it with --data DIR."),
    }
    println!("\nready in {} ms. Try it: open {}/ or run\n", took.as_millis(), stack.http());
    println!("  curl {}/health\n\nCtrl-C ends it.", stack.http());
}
