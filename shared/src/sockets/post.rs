//! One text to one connection, through API Gateway's `@connections`.

use std::time::Duration;

use reqwest::Method;

use super::{ConnectionId, Sockets};
use crate::signed::{Answer, Request, Signed};
use crate::{Error, Result};

/// How long a post may take: what is slower counts as lost, and its receiver asks for what it misses.
const WITHIN: Duration = Duration::from_secs(1);

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// API Gateway has it.
    Sent,
    /// There is no such connection any more.
    Gone,
    /// The receiver reads too slowly, or the gateway is busy; the receiver asks for what it misses.
    Skipped,
}

impl Sockets {
    /// Posts a text.
    ///
    /// # Errors
    /// `Internal` for what no later post will do better: a policy that forbids it, a text that is too long.
    pub async fn post(&self, id: &ConnectionId, text: &str) -> Result<Posted> {
        match self.call(Method::POST, id, text.to_owned()).await {
            Ok(Answer { status, .. }) if status.is_success() => Ok(Posted::Sent),
            Ok(Answer { status, .. }) if status.as_u16() == 410 => Ok(Posted::Gone),
            Ok(Answer { status, .. }) if status.as_u16() == 429 || status.is_server_error() => Ok(Posted::Skipped),
            Ok(Answer { status, kind }) => Err(Error::internal(format!("a post was refused: {status} {kind}"))),
            Err(Error::Unavailable { .. }) => Ok(Posted::Skipped),
            Err(error) => Err(error),
        }
    }

    /// Closes a connection; one that is gone is closed.
    pub async fn close(&self, id: &ConnectionId) -> Result<()> {
        let Answer { status, kind } = self.call(Method::DELETE, id, String::new()).await?;
        if status.is_success() || status.as_u16() == 410 {
            return Ok(());
        }
        Err(Error::unavailable(format!("a connection was not closed: {status} {kind}")))
    }

    async fn call(&self, method: Method, id: &ConnectionId, body: String) -> Result<Answer> {
        let stage = self.config.connections_url.as_deref();
        let stage = stage.ok_or_else(|| Error::internal("CONNECTIONS_URL is not set"))?;
        let signed = match self.signed.get() {
            Some(signed) => signed,
            None => {
                let signed = Signed::new(&self.config.aws, self.clock.clone())?;
                self.signed.get_or_init(|| signed)
            }
        };
        let url = format!("{stage}/@connections/{}", id.as_str().replace('=', "%3D"));
        signed.send(Request { service: "execute-api", method, url: &url, headers: &[], body, within: WITHIN }).await
    }
}
