//! One name, four spellings: the route table, template.yaml, the binaries, the events and the README agree.

use std::collections::BTreeSet;
use std::fs;

use aura::Need;
use aura_functions::{route, socket_route};
use serde_json::Value;

use crate::world::{World, root};

const NEEDS: [Need; 13] = [
    Need::Identity,
    Need::Ephemeral,
    Need::Rooms,
    Need::Vectors,
    Need::IndexWorker,
    Need::Posts,
    Need::Address,
    Need::Origins,
    Need::FanOut,
    Need::Compaction,
    Need::SigningKey,
    Need::Providers,
    Need::Uploads,
];

fn files(directory: &str, extension: &str) -> BTreeSet<String> {
    let entries =
        fs::read_dir(root().join(directory)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter_map(|name| name.strip_suffix(extension).map(str::to_owned)).collect()
}

fn functions() -> BTreeSet<String> {
    route::ALL
        .iter()
        .map(|route| route.name.to_owned())
        .chain(socket_route::ALL.iter().map(|route| route.name.to_owned()))
        .chain(["rotate-signing-key".to_owned(), "grant-admin".to_owned(), "index-worker".to_owned()])
        .collect()
}

#[tokio::test]
async fn the_template_binaries_and_events_have_the_same_functions() {
    let world = World::start().await;
    assert_eq!(world.stack.functions().into_iter().collect::<BTreeSet<_>>(), functions());
    assert_eq!(files("functions/src/bin", ".rs"), functions());
    assert_eq!(files("events", ".json"), functions());
    let template = fs::read_to_string(root().join("template.yaml")).unwrap();
    for function in functions() {
        let mut camel: String = function.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        camel.push_str("Function");
        assert!(template.contains(&format!("\n  {camel}:\n")), "template.yaml has no {camel}");
    }
}

#[tokio::test]
async fn the_templates_routes_are_the_tables() {
    let world = World::start().await;
    let deployed: BTreeSet<_> = world.stack.routes().into_iter().map(|r| (r.function, r.method, r.path)).collect();
    let declared = route::ALL.iter().map(|r| match r.method {
        "" => (r.name.to_owned(), "ANY".to_owned(), "$default".to_owned()),
        method => (r.name.to_owned(), method.to_owned(), r.path.to_owned()),
    });
    assert_eq!(deployed, declared.collect());
}

#[tokio::test]
async fn every_function_gets_the_state_it_needs_and_no_other() {
    let world = World::start().await;
    let environments = &world.stack.addresses()["environment"];
    let functions = route::ALL.map(|route| (route.name, route.needs)).into_iter();
    for (name, needs) in functions.chain(socket_route::ALL.map(|route| (route.name, route.needs))) {
        for need in NEEDS {
            let has = environments[name].get(need.setting()).is_some();
            assert_eq!(has, needs.contains(&need), "{name} and {}", need.setting());
        }
    }
}

#[tokio::test]
async fn the_templates_socket_routes_are_the_tables() {
    let world = World::start().await;
    let deployed: BTreeSet<_> =
        world.stack.socket_routes().into_iter().map(|route| (route.key, route.function, route.answers)).collect();
    let declared = socket_route::ALL.iter().filter(|route| !route.key.is_empty());
    let declared = declared.map(|route| (route.key.to_owned(), route.name.to_owned(), route.answers));
    assert_eq!(deployed, declared.collect());
}

#[test]
fn events_of_sockets_are_for_their_routes() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for route in socket_route::ALL {
        let text = fs::read_to_string(root().join(format!("events/{}.json", route.name))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        if !route.key.is_empty() {
            assert_eq!(event["requestContext"]["routeKey"], route.key);
        }
        assert!(readme.contains(&format!("| `{}` | ", route.name)), "README.md has no row of {}", route.name);
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
        let path = event["rawPath"].as_str().unwrap();
        assert!(route::methods(path).split(", ").any(|method| method == route.method), "{path}");
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
        // A connection's id is known only once it is there; objects of a bucket have no names beforehand.
        let content = content.strip_suffix("/@connections/*").unwrap_or(content);
        let content = content.strip_suffix("!Sub ${UploadBucket.Arn}/uploads/*").unwrap_or(content);
        assert!(!content.contains('*'), "template.yaml:{}: a wildcard: {line}", number + 1);
        assert!(!content.contains("_API_KEY: "), "template.yaml:{}: a key in an environment: {line}", number + 1);
    }
}
