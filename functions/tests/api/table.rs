//! One name, four spellings: the route table, template.yaml, the binaries, the events and the README agree.

use std::collections::BTreeSet;
use std::fs;

use aura_functions::route;
use aura_local::template::Template;
use serde_json::Value;

use crate::world::root;

fn files(directory: &str, extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect()
}

fn functions() -> BTreeSet<String> {
    route::ALL.iter().map(|route| route.name.to_owned()).chain(["rotate-signing-key".to_owned()]).collect()
}

#[test]
fn template_binaries_and_events_have_the_same_functions() {
    let template = Template::read(&root().join("template.yaml"), &Default::default()).unwrap();
    let deployed: BTreeSet<_> = template.functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(deployed, functions());
    assert_eq!(files("functions/src/bin", ".rs"), functions());
    assert_eq!(files("events", ".json"), functions());
    for function in &template.functions {
        let mut camel: String = function.name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        camel.push_str("Function");
        assert_eq!(function.logical_id, camel);
    }
}

#[test]
fn template_routes_are_the_tables() {
    let text = fs::read_to_string(root().join("template.yaml")).unwrap();
    for route in route::ALL.iter().filter(|route| !route.method.is_empty()) {
        let line = format!("Method: {}, Path: {}}}", route.method, route.path);
        assert_eq!(text.matches(&line).count(), 1, "{line}");
    }
    assert_eq!(text.matches("Type: HttpApi").count(), route::ALL.len());
}

#[test]
fn every_function_gets_the_state_it_needs_and_no_other() {
    let template = Template::read(&root().join("template.yaml"), &Default::default()).unwrap();
    for route in route::ALL {
        let function = template.functions.iter().find(|function| function.name == route.name).unwrap();
        for need in [aura::Need::Identity, aura::Need::Ephemeral, aura::Need::SigningKey, aura::Need::Providers] {
            let has = function.environment.contains_key(need.setting());
            assert_eq!(has, route.needs.contains(&need), "{} and {}", route.name, need.setting());
        }
    }
}

#[test]
fn events_are_for_their_routes() {
    for route in route::ALL.iter().filter(|route| !route.method.is_empty()) {
        let text = fs::read_to_string(root().join(format!("events/{}.json", route.name))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["routeKey"], format!("{} {}", route.method, route.path));
        assert_eq!(event["requestContext"]["http"]["method"], route.method);
        assert_eq!(event["rawPath"], route.path);
    }
}

#[test]
fn the_readme_lists_every_route() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for route in route::ALL.iter().filter(|route| !route.method.is_empty()) {
        let row = format!("| `{}` | {} | `{}` |", route.name, route.method, route.path);
        assert!(readme.contains(&row), "README.md has no row {row}");
    }
}

/// What cfn-lint and its like let pass: wildcards in policies, state without an owner, keys in plain sight.
#[test]
fn the_template_grants_nothing_by_wildcard() {
    let text = fs::read_to_string(root().join("template.yaml")).unwrap();
    for (number, line) in text.lines().enumerate() {
        let content = line.split('#').next().unwrap();
        assert!(!content.contains('*'), "template.yaml:{}: a wildcard: {line}", number + 1);
        assert!(!content.contains("_API_KEY: "), "template.yaml:{}: a key in an environment: {line}", number + 1);
    }
}
