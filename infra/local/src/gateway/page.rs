//! The page at `/` and its files under `/page/`, compiled in. Its policy lets it talk to this stack's two APIs, to S3 and to
//! nothing else.

use crate::server::{self, Response};
use hyper::StatusCode;
use hyper::body::Bytes;

/// A file of `infra/local/page`, by its path there.
struct File {
    path: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($($path:literal),+ $(,)?) => {
        &[$(File { path: $path, text: include_str!(concat!("../../page/", $path)) }),+]
    };
}

/// Everything but `index.html`, which takes in the templates and links the styles of the panels in this order.
const FILES: &[File] = files![
    "style.css",
    "main.js",
    "lib/alerts.js",
    "lib/api.js",
    "lib/asking.js",
    "lib/aura-client.js",
    "lib/dom.js",
    "lib/secrets.js",
    "lib/session.js",
    "lib/shared_text.js",
    "lib/text.js",
    "panels/account.css",
    "panels/account.html",
    "panels/account.js",
    "panels/editor.css",
    "panels/editor.html",
    "panels/editor.js",
    "panels/generate.css",
    "panels/generate.form.js",
    "panels/generate.html",
    "panels/generate.js",
    "panels/images.css",
    "panels/images.html",
    "panels/images.js",
    "panels/keys.css",
    "panels/keys.html",
    "panels/keys.js",
    "panels/library.css",
    "panels/library.html",
    "panels/library.js",
    "panels/roles.html",
    "panels/roles.js",
    "panels/search.css",
    "panels/search.html",
    "panels/search.js",
    "panels/status.css",
    "panels/status.html",
    "panels/status.js",
    "panels/text.css",
    "panels/text.html",
    "panels/text.js",
    "panels/usage.chart.js",
    "panels/usage.css",
    "panels/usage.html",
    "panels/usage.js",
];

pub(crate) struct Page {
    policy: String,
    index: Bytes,
}

impl Page {
    /// `ws` and `s3` are the origins of the WebSocket API and of uploads, which no browser takes for `'self'`: their ports
    /// are others.
    pub(crate) fn new(ws: &str, s3: &str) -> Self {
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self' {ws} {s3}; img-src data: blob: 'self' {s3}; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
             trusted-types 'none'"
        );
        Self { policy, index: index().into() }
    }

    /// The page at `/`, or one of its files; `None` for every other path.
    pub(crate) fn response(&self, path: &str) -> Option<Response> {
        let (media_type, body) = match path.strip_prefix("/page/") {
            None if path == "/" => ("text/html; charset=utf-8", self.index.clone()),
            None => return None,
            Some(path) => {
                let file = FILES.iter().find(|file| file.path == path)?;
                (media_type(path)?, Bytes::from_static(file.text.as_bytes()))
            }
        };
        let mut response = server::respond(StatusCode::OK, media_type, body);
        server::set(&mut response, "content-security-policy", &self.policy);
        server::set(&mut response, "x-content-type-options", "nosniff");
        server::set(&mut response, "referrer-policy", "no-referrer");
        server::set(&mut response, "cache-control", "no-store");
        Some(response)
    }
}

fn index() -> String {
    let panels = |extension: &'static str| {
        FILES.iter().filter(move |file| file.path.starts_with("panels/") && file.path.ends_with(extension))
    };
    let styles: String =
        panels(".css").map(|file| format!("<link rel=\"stylesheet\" href=\"/page/{}\">\n", file.path)).collect();
    let templates: String = panels(".html").map(|file| file.text).collect();
    include_str!("../../page/index.html").replace("<!-- styles -->\n", &styles).replace("<!-- panels -->\n", &templates)
}

/// What is served by itself; a template is part of the page.
fn media_type(path: &str) -> Option<&'static str> {
    match path.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{FILES, index};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    fn on_disk(folder: &Path, prefix: &str, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            match entry.file_type().unwrap().is_dir() {
                true => on_disk(&entry.path(), &format!("{name}/"), found),
                false => _ = found.insert(name),
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_served() {
        let mut found = BTreeSet::new();
        on_disk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("page"), "", &mut found);
        assert!(found.remove("index.html"));
        assert_eq!(FILES.iter().map(|file| file.path.to_owned()).collect::<BTreeSet<_>>(), found);
    }

    #[test]
    fn the_page_has_no_script_and_no_style_of_its_own() {
        let index = index();
        assert!(index.contains("<template id=\"account-panel\">") && index.contains("/page/panels/account.css"));
        assert!(!index.contains("<style") && !index.contains(" style=") && !index.contains("<script>"), "{index}");
        assert!(!index.contains("<!-- panels -->") && !index.contains("<!-- styles -->"));
    }

    #[test]
    fn every_panel_has_its_template() {
        let scripts = FILES.iter().filter(|file| file.path.ends_with(".js") && file.text.contains("Panel = {"));
        for script in scripts {
            let template = script.path.replace(".js", ".html");
            assert!(FILES.iter().any(|file| file.path == template), "{template}");
        }
    }
}
