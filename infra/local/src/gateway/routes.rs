//! Which route takes a request, as an HTTP API chooses: the most specific path first (fixed segments
//! before `{parameters}`, those before `{greedy+}`), a named method before ANY, `$default` last.
//! Paths are compared as sent: case and a trailing slash matter.

use crate::template::{Event, Function};
use std::collections::BTreeMap;

pub(crate) struct Routes {
    /// Most specific first.
    routes: Vec<Route>,
    default: Option<String>,
}

struct Route {
    key: String,
    method: String,
    segments: Vec<Segment>,
    function: String,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Fixed(String),
    Parameter(String),
    Greedy(String),
}

#[derive(Debug, PartialEq)]
pub(crate) struct Match<'a> {
    pub(crate) function: &'a str,
    pub(crate) key: &'a str,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Routes {
    pub(crate) fn new(functions: &[Function]) -> Self {
        let mut routes = Vec::new();
        let mut default = None;
        for function in functions {
            for Event::Http(route) in &function.events {
                match route {
                    None => default = Some(function.name.clone()),
                    Some(route) => routes.push(Route {
                        key: format!("{} {}", route.method, route.path),
                        method: route.method.clone(),
                        segments: route.path.split('/').skip(1).map(segment).collect(),
                        function: function.name.clone(),
                    }),
                }
            }
        }
        let rank = |route: &Route| (route.segments.iter().map(kind).collect::<Vec<_>>(), route.method == "ANY");
        routes.sort_by_key(rank);
        Self { routes, default }
    }

    /// `None` for a path or method that no route takes.
    pub(crate) fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        self.find_named(method, path).or_else(|| {
            let function = self.default.as_deref()?;
            Some(Match { function, key: "$default", parameters: BTreeMap::new() })
        })
    }

    /// As `find`, without `$default`.
    pub(crate) fn find_named(&self, method: &str, path: &str) -> Option<Match<'_>> {
        let sent: Vec<&str> = path.split('/').skip(1).collect();
        self.routes.iter().filter(|route| route.method == "ANY" || route.method == method).find_map(|route| {
            let parameters = parameters(&route.segments, &sent)?;
            Some(Match { function: &route.function, key: &route.key, parameters })
        })
    }
}

fn segment(text: &str) -> Segment {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Parameter(name.to_owned()),
        },
        None => Segment::Fixed(text.to_owned()),
    }
}

fn kind(segment: &Segment) -> u8 {
    match segment {
        Segment::Fixed(_) => 0,
        Segment::Parameter(_) => 1,
        Segment::Greedy(_) => 2,
    }
}

fn parameters(segments: &[Segment], sent: &[&str]) -> Option<BTreeMap<String, String>> {
    let mut parameters = BTreeMap::new();
    for (at, segment) in segments.iter().enumerate() {
        let text = percent_decode(sent.get(at)?);
        match segment {
            Segment::Fixed(fixed) if *fixed == text => {}
            Segment::Parameter(name) if !text.is_empty() => {
                parameters.insert(name.clone(), text);
            }
            Segment::Greedy(name) if sent[at..].iter().any(|rest| !rest.is_empty()) => {
                parameters.insert(name.clone(), percent_decode(&sent[at..].join("/")));
                return Some(parameters);
            }
            _ => return None,
        }
    }
    (segments.len() == sent.len()).then_some(parameters)
}

/// `%41` to `A`; what is no escape stays as it is.
pub(crate) fn percent_decode(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while let Some(&byte) = bytes.get(at) {
        let escaped =
            text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[(&str, &str)]) -> Routes {
        let functions: Vec<Function> = list
            .iter()
            .map(|(route, function)| {
                let route = route
                    .split_once(' ')
                    .map(|(method, path)| crate::template::HttpRoute { method: method.into(), path: path.into() });
                Function { name: (*function).into(), events: vec![Event::Http(route)], ..Function::default() }
            })
            .collect();
        Routes::new(&functions)
    }

    #[test]
    fn the_most_specific_route_wins() {
        let routes = routes(&[
            ("$default", "fallback"),
            ("ANY /{proxy+}", "greedy"),
            ("GET /rooms/{id}", "room"),
            ("GET /rooms/new", "new"),
            ("ANY /rooms/{id}", "any-room"),
            ("GET /rooms/{id}/{rest+}", "rest"),
        ]);
        let taken = |method, path| routes.find(method, path).map(|found| found.function.to_owned());
        assert_eq!(taken("GET", "/rooms/new").as_deref(), Some("new"));
        assert_eq!(taken("GET", "/rooms/7").as_deref(), Some("room"));
        assert_eq!(taken("PUT", "/rooms/7").as_deref(), Some("any-room"));
        assert_eq!(taken("GET", "/rooms/7/a/b").as_deref(), Some("rest"));
        assert_eq!(taken("GET", "/rooms/").as_deref(), Some("greedy"));
        assert_eq!(taken("GET", "/").as_deref(), Some("fallback"));
    }

    #[test]
    fn parameters_are_decoded() {
        let routes = routes(&[("GET /rooms/{id}/{rest+}", "rest")]);
        let found = routes.find("GET", "/rooms/a%20b/c/d%2Fe").unwrap();
        assert_eq!(found.key, "GET /rooms/{id}/{rest+}");
        assert_eq!(found.parameters, BTreeMap::from([("id".into(), "a b".into()), ("rest".into(), "c/d/e".into())]));
    }

    #[test]
    fn case_slash_and_method_matter() {
        let routes = routes(&[("GET /health", "health")]);
        assert!(routes.find("GET", "/health").is_some());
        for (method, path) in [("GET", "/health/"), ("GET", "/Health"), ("POST", "/health"), ("GET", "//health")] {
            assert_eq!(routes.find(method, path), None);
        }
    }

    #[test]
    fn odd_escapes_stay() {
        assert_eq!(percent_decode("%41%zz%4"), "A%zz%4");
        assert_eq!(percent_decode("%é"), "%é");
        assert_eq!(percent_decode("%FF"), "\u{fffd}");
    }
}
