//! Who writes: roles in a room, names of sessions, and the client ids that Yjs puts into every update.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Error, Result, UserId};

/// What somebody may do in one room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything, also to delete the room and to say who may enter.
    Owner,
    /// Read and write.
    Editor,
    /// Read.
    Viewer,
}

impl Role {
    /// As it is stored and sent.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Editor => "editor",
            Self::Viewer => "viewer",
        }
    }

    /// Whether the text may be changed.
    pub const fn may_write(self) -> bool {
        matches!(self, Self::Owner | Self::Editor)
    }
}

impl FromStr for Role {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "owner" => Ok(Self::Owner),
            "editor" => Ok(Self::Editor),
            "viewer" => Ok(Self::Viewer),
            _ => Err(Error::invalid("A role in a room is owner, editor or viewer.")),
        }
    }
}

impl Serialize for Role {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What a client calls itself, the same after a reload: with the number of a change, it tells a resend from a new one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct SessionName(String);

impl SessionName {
    /// Longest name, in characters.
    pub const MOST: usize = 64;

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SessionName {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.is_empty() || text.len() > Self::MOST || !text.bytes().all(plain) {
            return Err(Error::invalid("`session` has 1 to 64 letters, digits, `-` or `_`."));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SessionName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <std::borrow::Cow<'de, str>>::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A client id of Yjs. Two writers with one id would make the text differ between readers, so the server gives them
/// out: those below 2^32 to sessions, one each; those above to its own changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Cid(u64);

impl Cid {
    /// One more than the largest id that Yjs can write.
    const END: u64 = 1 << 53;
    /// The first of the server's own.
    const OURS: u64 = 1 << 32;

    /// An id, if Yjs can write it.
    pub const fn new(value: u64) -> Option<Self> {
        if value < Self::END { Some(Self(value)) } else { None }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// An id for a session, of random bits: 1 to 2^32 - 1.
    pub const fn session(random: u64) -> Self {
        Self(random % (Self::OURS - 1) + 1)
    }

    /// An id for changes that the server makes, of random bits: from 2^32 on.
    pub const fn server(random: u64) -> Self {
        Self(Self::OURS + random % (Self::END - Self::OURS))
    }
}

impl fmt::Display for Cid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whose change it is, as the connection's record has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The user.
    pub user: UserId,
    /// The user's client.
    pub session: SessionName,
    /// The client id that the session was given when it joined; only sessions with Yjs have one.
    pub cid: Option<Cid>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_and_sessions_share_no_client_id() {
        for random in [0, 1, u64::from(u32::MAX) - 1, u64::from(u32::MAX), 1 << 32, (1 << 53) - 1, u64::MAX] {
            assert!((1..1 << 32).contains(&Cid::session(random).get()));
            assert!((1 << 32..1 << 53).contains(&Cid::server(random).get()));
        }
        assert!(Cid::new(1 << 53).is_none());
    }

    #[test]
    fn a_session_is_a_short_plain_name() {
        assert!("a-B_9".parse::<SessionName>().is_ok());
        let long = "a".repeat(65);
        for text in ["", "a b", "é", "a#b", long.as_str()] {
            assert!(text.parse::<SessionName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_role_survives_its_name() {
        for role in [Role::Owner, Role::Editor, Role::Viewer] {
            assert_eq!(role.name().parse::<Role>().unwrap(), role);
        }
        assert!(!Role::Viewer.may_write());
    }
}
