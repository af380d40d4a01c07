//! How a stack is asked for. Tests take the defaults: free ports, memory only, no environment but
//! what they set.

use crate::error::{Error, Result};
use crate::launch::Plan;
use crate::settings::Settings;
use crate::sockets::Limits;
use crate::stack::Stack;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What to start; see [`Stack::builder`].
pub struct Builder(Plan);

impl Default for Builder {
    fn default() -> Self {
        Self(Plan {
            template: PathBuf::from("template.yaml"),
            binaries: Arc::new(|name| PathBuf::from("target/debug").join(name)),
            settings: Settings::default(),
            data: None,
            port: 0,
            ws_port: 0,
            processes: 64,
            ttl_sweep: Some(Duration::from_secs(1)),
            rotate: true,
            echo: false,
            sockets: Limits::default(),
        })
    }
}

impl Builder {
    /// The template to serve.
    pub fn template(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.template = path.into();
        self
    }

    /// Where the binary of a function is, by its name.
    pub fn binaries(mut self, find: impl Fn(&str) -> PathBuf + Send + Sync + 'static) -> Self {
        self.0.binaries = Arc::new(find);
        self
    }

    /// A function variable, a parameter or a secret's key; a name that is none of them fails the start.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.0.settings.explicit(name, value);
        self
    }

    /// Variables of which only the known names count.
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.0.settings.ambient(variables);
        self
    }

    /// A file of NAME=value lines, each as `setting`.
    pub fn env_file(mut self, path: &Path) -> Result<Self> {
        self.0.settings.file(path)?;
        Ok(self)
    }

    /// Keep tables and secrets here. Without it they live in memory.
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.0.data = Some(directory.into());
        self
    }

    /// Port of the HTTP API; 0, the default, is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.0.port = port;
        self
    }

    /// Port of the WebSocket API; 0, the default, is any free one.
    pub fn ws_port(mut self, port: u16) -> Self {
        self.0.ws_port = port;
        self
    }

    /// The most processes at a time, over all functions.
    pub fn processes(mut self, most: usize) -> Self {
        self.0.processes = most.max(1);
        self
    }

    /// How often expired items are deleted; `None` leaves them, as DynamoDB may for days.
    pub fn ttl_sweep(mut self, every: Option<Duration>) -> Self {
        self.0.ttl_sweep = every;
        self
    }

    /// Whether scheduled secrets are rotated at the first start.
    pub fn rotate(mut self, rotate: bool) -> Self {
        self.0.rotate = rotate;
        self
    }

    /// Whether the functions' output goes to standard error too.
    pub fn echo(mut self, echo: bool) -> Self {
        self.0.echo = echo;
        self
    }

    /// How long a WebSocket connection may be silent, in place of ten minutes.
    pub fn websocket_idle(mut self, limit: Duration) -> Self {
        self.0.sockets.idle = limit;
        self
    }

    /// How long a WebSocket connection may live, in place of two hours.
    pub fn websocket_life(mut self, limit: Duration) -> Self {
        self.0.sockets.life = limit;
        self
    }

    /// The most WebSocket connections that may open within a second, in place of 500.
    pub fn websocket_connections_per_second(mut self, most: u32) -> Self {
        self.0.sockets.connections_per_second = most;
        self
    }

    /// Returns once everything answers, including the first rotation of the secrets.
    pub async fn start(self) -> Result<Stack> {
        Stack::start(self.0).await
    }
}

impl Stack {
    /// Free ports, memory only, no settings.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// `template.yaml` in `start` or the nearest directory above it.
pub fn find_template(start: &Path) -> Result<PathBuf> {
    let found = start.ancestors().map(|directory| directory.join("template.yaml")).find(|path| path.is_file());
    found.ok_or_else(|| {
        Error::new(format!("there is no template.yaml in {} or above it; name one with --template", start.display()))
    })
}
