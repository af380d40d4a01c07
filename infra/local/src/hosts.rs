//! Where the template's own APIs are: CloudFormation makes `<api>.execute-api.<region>.amazonaws.com`
//! of them, and here they are ports on loopback, without TLS.

use crate::template::{REGION, Template};

#[derive(Debug, Default)]
pub(crate) struct Hosts(Vec<(String, String)>);

impl Hosts {
    /// `http` and `ws` are the addresses of the two APIs, without a scheme.
    pub(crate) fn new(template: &Template, http: &str, ws: &str) -> Self {
        let host = |api: &str| format!("{api}.execute-api.{REGION}.amazonaws.com");
        let http_api = template.http_api.as_ref().map(|api| (host(api), http.to_owned()));
        let websocket_api = template.websocket_api.as_ref().map(|api| (host(&api.id), ws.to_owned()));
        Self(http_api.into_iter().chain(websocket_api).collect())
    }

    /// The text with every address of an API in it replaced by the one on this machine.
    pub(crate) fn resolve(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (host, address)| {
            text.replace(&format!("https://{host}"), &format!("http://{address}"))
                .replace(&format!("wss://{host}"), &format!("ws://{address}"))
                .replace(host, address)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_templates_own_apis_resolve() {
        let template = Template { http_api: Some("httpapi".to_owned()), ..Template::default() };
        let hosts = Hosts::new(&template, "127.0.0.1:1", "127.0.0.1:2");
        let url = "https://httpapi.execute-api.us-east-1.amazonaws.com/a";
        assert_eq!(hosts.resolve(url), "http://127.0.0.1:1/a");
        assert_eq!(hosts.resolve("wss://httpapi.execute-api.us-east-1.amazonaws.com"), "ws://127.0.0.1:1");
        let other = "https://other.execute-api.us-east-1.amazonaws.com/a";
        assert_eq!(hosts.resolve(other), other);
    }
}
