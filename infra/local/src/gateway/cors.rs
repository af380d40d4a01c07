//! CORS as an HTTP API does it when the template configures it: preflights are answered by the
//! gateway, and the functions' own CORS headers are replaced.

use crate::server::{self, Request, Response};
use crate::template::Cors;
use hyper::StatusCode;

impl Cors {
    fn allowed_origin(&self, origin: &str) -> Option<String> {
        let covers = |pattern: &String| match pattern.strip_suffix('*') {
            Some(scheme) => origin.starts_with(scheme),
            None => pattern == origin,
        };
        let any = !self.credentials && self.origins.iter().any(|pattern| pattern == "*");
        self.origins.iter().any(covers).then(|| if any { "*".to_owned() } else { origin.to_owned() })
    }

    pub(crate) fn preflight(&self, request: &Request) -> Response {
        let mut response = server::respond(StatusCode::NO_CONTENT, "application/json", "");
        response.headers_mut().clear();
        let origin = request.header("origin").and_then(|origin| self.allowed_origin(origin));
        let method = request.header("access-control-request-method");
        let (Some(origin), Some(method)) = (origin, method) else { return response };
        if !self.methods.iter().any(|allowed| allowed == "*" || allowed.eq_ignore_ascii_case(method)) {
            return response;
        }
        server::set(&mut response, "access-control-allow-origin", &origin);
        server::set(&mut response, "access-control-allow-methods", &self.methods.join(","));
        if !self.headers.is_empty() {
            server::set(&mut response, "access-control-allow-headers", &self.headers.join(","));
        }
        if let Some(age) = self.max_age {
            server::set(&mut response, "access-control-max-age", &age.to_string());
        }
        self.credentials(&mut response);
        response
    }

    pub(crate) fn apply(&self, origin: Option<&str>, response: &mut Response) {
        let own: Vec<_> =
            response.headers().keys().filter(|name| name.as_str().starts_with("access-control-")).cloned().collect();
        for name in own {
            response.headers_mut().remove(name);
        }
        let Some(origin) = origin.and_then(|origin| self.allowed_origin(origin)) else { return };
        server::set(response, "access-control-allow-origin", &origin);
        if !self.expose.is_empty() {
            server::set(response, "access-control-expose-headers", &self.expose.join(","));
        }
        self.credentials(response);
    }

    fn credentials(&self, response: &mut Response) {
        if self.credentials {
            server::set(response, "access-control-allow-credentials", "true");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use hyper::{HeaderMap, Method};

    fn cors() -> Cors {
        Cors {
            origins: vec!["http://a".into()],
            methods: vec!["GET".into(), "POST".into()],
            headers: vec!["x-h".into()],
            expose: vec!["x-e".into()],
            max_age: Some(600),
            credentials: false,
        }
    }

    fn preflight(origin: &'static str, method: &'static str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("origin", HeaderValue::from_static(origin));
        headers.insert("access-control-request-method", HeaderValue::from_static(method));
        cors().preflight(&Request {
            method: Method::OPTIONS,
            uri: "/".parse().unwrap(),
            headers,
            body: "".into(),
            peer: [127, 0, 0, 1].into(),
            upgrade: None,
        })
    }

    #[test]
    fn preflights_are_answered_for_allowed_origins_and_methods_only() {
        let response = preflight("http://a", "POST");
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()["access-control-allow-origin"], "http://a");
        assert_eq!(response.headers()["access-control-allow-methods"], "GET,POST");
        assert_eq!(response.headers()["access-control-max-age"], "600");
        for refused in [preflight("http://b", "POST"), preflight("http://a", "DELETE"), preflight("http://a.b", "GET")]
        {
            assert_eq!((refused.status().as_u16(), refused.headers().len()), (204, 0));
        }
    }

    #[test]
    fn the_functions_own_headers_are_replaced() {
        let mut response = server::respond(StatusCode::OK, "text/plain", "");
        server::set(&mut response, "access-control-allow-origin", "*");
        cors().apply(Some("http://b"), &mut response);
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        cors().apply(Some("http://a"), &mut response);
        assert_eq!(response.headers()["access-control-allow-origin"], "http://a");
        assert_eq!(response.headers()["access-control-expose-headers"], "x-e");
    }
}
