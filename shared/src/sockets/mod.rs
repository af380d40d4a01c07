//! Who is connected to a room, and what is sent to them.
//!
//! A connection is for one room, and its `session` and `kind` are fixed by its first `join`: so a copy of its record may
//! be believed. What it may do is never part of the record; that is read where it counts. The record holds for
//! [`LEASE`] and is renewed by heartbeats, so that a connection which is gone without a word stops being a member.
//!
//! | module | what it decides |
//! |---|---|
//! | [`frame`] | what clients are told |
//! | `post` | one text to one connection |
//! | [`broadcast`] | one text to a room: how many at a time, and what becomes of those that are gone |
//! | [`pace`] | how much one connection may ask for |
//!
//! Deliberately absent: the text of a room and access to it.

pub mod broadcast;
pub mod frame;
pub mod pace;
mod post;

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use frame::Frame;
pub use post::Posted;

use crate::auth::account::DisplayName;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::rooms::{Cid, SessionName};
use crate::signed::Signed;
use crate::store::{self, Store};
use crate::{Error, Result, RoomId, UserId};
use pace::Paces;

/// How long a connection is a member without a heartbeat. Browsers slow the timers of hidden pages down to one a minute.
pub const LEASE: Duration = Duration::from_secs(120);
/// A heartbeat that comes with more than this left writes nothing.
const FRESH: Duration = Duration::from_secs(90);
/// How long a copy of a record is believed.
const TRUST: Duration = Duration::from_secs(30);
/// Records remembered at most.
const REMEMBERED: usize = 2_000;

/// API Gateway's name of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ConnectionId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err(Error::invalid("A connection's id has 1 to 64 letters, digits, `-`, `_` or `=`."));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ConnectionId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// How a client follows a room's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// By updates of Yjs.
    Yjs,
    /// By operations at positions.
    Json,
}

impl Kind {
    /// As it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yjs => "yjs",
            Self::Json => "json",
        }
    }
}

impl FromStr for Kind {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "yjs" => Ok(Self::Yjs),
            "json" => Ok(Self::Json),
            _ => Err(Error::invalid("`kind` is yjs or json.")),
        }
    }
}

/// Somebody in a room, as the others see them. One session may have several connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user.
    pub user_id: UserId,
    /// The user's client.
    pub session: SessionName,
    /// What the user is called.
    pub name: DisplayName,
}

impl Member {
    /// Whether both are one session of one user.
    pub fn is(&self, other: &Self) -> bool {
        self.user_id == other.user_id && self.session == other.session
    }
}

/// A connection that has joined its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// API Gateway's name.
    pub id: ConnectionId,
    /// Who.
    pub member: Member,
    /// How it follows the text.
    pub kind: Kind,
    /// The client id that it writes with; only with Yjs.
    pub cid: Option<Cid>,
    /// Until when it is a member, unless it says something.
    pub until: Timestamp,
}

/// The connections, and those that this instance knows.
#[derive(Debug)]
pub struct Sockets {
    store: Store,
    clock: Clock,
    config: Config,
    signed: OnceLock<Signed>,
    known: Mutex<HashMap<ConnectionId, (Connection, Timestamp)>>,
    /// How much each connection asks for.
    pub paces: Paces,
}

impl Sockets {
    /// Connects nothing yet.
    pub fn new(store: Store, config: &Config, clock: Clock) -> Self {
        Self {
            store,
            config: config.clone(),
            paces: Paces::new(clock.clone()),
            clock,
            signed: OnceLock::new(),
            known: Mutex::default(),
        }
    }

    /// The same with another way to post.
    pub fn posting(self, signed: Signed) -> Self {
        Self { signed: signed.into(), ..self }
    }

    /// When a lease that begins now ends.
    pub fn lease(&self) -> Timestamp {
        self.clock.now() + LEASE
    }

    /// Makes a connection a member of its room; false if it joined as another session or kind before.
    pub async fn join(&self, room: RoomId, connection: &Connection) -> Result<bool> {
        let joined = store::connection::put(&self.store, room, connection).await?;
        if joined {
            self.remember(connection);
        }
        Ok(joined)
    }

    /// The record of a connection that has joined: no call within 30 s of the last.
    pub async fn find(&self, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
        let now = self.clock.now();
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((connection, read)) = known.get(id)
                && now.since(*read) < TRUST
            {
                return Ok(Some(connection.clone()));
            }
        }
        let found = self.read(room, id).await?;
        Ok(found)
    }

    /// The record as it is now; `None` for a connection that has not joined, or whose lease is over.
    pub async fn read(&self, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
        let found = store::connection::get(&self.store, room, id).await?;
        let found = found.filter(|connection| connection.until > self.clock.now());
        match &found {
            Some(connection) => self.remember(connection),
            None => self.forget(id),
        }
        Ok(found)
    }

    /// Keeps a connection a member; `None` if it is none. A call that reads, and another one every half minute.
    pub async fn renew(&self, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
        let Some(mut connection) = self.read(room, id).await? else { return Ok(None) };
        let now = self.clock.now();
        if connection.until.since(now) < FRESH {
            connection.until = now + LEASE;
            if !store::connection::renew(&self.store, room, &connection).await? {
                self.forget(id);
                return Ok(None);
            }
            self.remember(&connection);
        }
        Ok(Some(connection))
    }

    /// Everybody who is connected to a room: one strongly consistent query, a page per MB.
    pub async fn of(&self, room: RoomId) -> Result<Vec<Connection>> {
        let now = self.clock.now();
        let mut all = store::connection::of(&self.store, room).await?;
        all.retain(|connection| connection.until > now);
        Ok(all)
    }

    /// Ends a membership; the record, for the one caller who ended it.
    pub async fn remove(&self, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
        self.forget(id);
        store::connection::remove(&self.store, room, id).await
    }

    fn remember(&self, connection: &Connection) {
        let now = self.clock.now();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (_, read)| now.since(*read) < TRUST);
        }
        if known.len() < REMEMBERED {
            known.insert(connection.id.clone(), (connection.clone(), now));
        }
    }

    fn forget(&self, id: &ConnectionId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_api_gateway_makes() {
        assert!("L0SM9cOFvHcCIhw=".parse::<ConnectionId>().is_ok());
        for text in ["", "a/b", "../x", "a b", "a%2f", &"a".repeat(65)] {
            assert!(text.parse::<ConnectionId>().is_err(), "{text}");
        }
    }
}
