//! What clients are told: JSON text frames with a `type`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::Member;
use crate::rooms::{self, Cid, Entry, Op, Patch, Rev, Role, SessionName};
use crate::{RoomId, UserId};

/// Longest text or update in a frame, in bytes as it is sent: API Gateway takes 128 KB. Longer ones are fetched.
pub const MOST: usize = 90_000;

/// A frame.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum Frame {
    /// The answer to `join`.
    Welcome(Box<Welcome>),
    /// A change is durable.
    Ack {
        /// The client's number of it.
        n: u64,
        /// Its place.
        rev: Rev,
        /// For an edit: what leads from its base to `rev`.
        #[serde(skip_serializing_if = "Option::is_none")]
        patch: Option<Patch>,
    },
    /// What was asked is not done.
    Nack(Box<Nack>),
    /// A change, for those who follow with Yjs.
    Update {
        /// Its place.
        rev: Rev,
        /// What it does.
        u: Bytes,
        /// Who made it.
        by: Member,
    },
    /// A change, for those who follow by positions.
    Patch {
        /// The text before.
        from: Rev,
        /// The text after.
        to: Rev,
        /// The way.
        ops: Vec<Op>,
        /// Who made it; nobody, if it is an answer to `pull`.
        #[serde(skip_serializing_if = "Option::is_none")]
        by: Option<Member>,
    },
    /// The answer to `pull`.
    Batch {
        /// The first one wanted.
        from: Rev,
        /// The last one here.
        to: Rev,
        /// In order.
        updates: Vec<Logged>,
    },
    /// The answer to `pull` when what is wanted is no longer kept.
    Snapshot {
        /// The last entry.
        rev: Rev,
        /// Where the text is.
        url: String,
    },
    /// Where somebody is in the text.
    Presence {
        /// The client's own order of these.
        clock: u64,
        /// A cursor, as the clients have it.
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<Value>,
        /// A selection.
        #[serde(skip_serializing_if = "Option::is_none")]
        selection: Option<Value>,
        /// Anything else.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<Value>,
        /// Who.
        by: Member,
    },
    /// Somebody came.
    UserJoined {
        /// Who.
        member: Member,
    },
    /// Somebody's last connection is gone.
    UserLeft {
        /// Who.
        by: Member,
    },
    /// The answer to the `heartbeat` of a client that misses something.
    Behind {
        /// The last entry.
        rev: Rev,
    },
    /// The receiver's role is another one.
    Role {
        /// It.
        role: Role,
    },
    /// The room was deleted.
    RoomGone {},
}

impl Frame {
    /// As it is sent.
    pub fn text(&self) -> crate::Result<String> {
        serde_json::to_string(self).map_err(crate::Error::internal)
    }
}

/// A room as a joiner gets it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The room.
    pub room: RoomId,
    /// What the client writes with; only with Yjs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<Cid>,
    /// The last entry in `state`.
    pub rev: Rev,
    /// Which history it is.
    pub epoch: u64,
    /// What the client may do.
    pub role: Role,
    /// How the others see it.
    pub member: Member,
    /// Some of those who are here.
    pub members: Vec<Member>,
    /// How many connections are here.
    pub count: usize,
    /// Milliseconds between messages about presence.
    pub pace: u64,
    /// The text.
    pub state: State,
}

/// A text, as the joiner follows it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// An update of Yjs.
    Update(Bytes),
    /// The text itself.
    Text(String),
    /// Where it is, because it is too long for a frame.
    Url(String),
}

/// Why something is not done.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Nack {
    /// The client's number of what it asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<u64>,
    /// What it asked for.
    pub action: String,
    /// Stable.
    pub code: &'static str,
    /// A sentence.
    pub message: String,
    /// With `stale_base`: the last entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rev: Option<Rev>,
    /// With `stale_base`: the text then, unless it is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// An entry of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Logged {
    rev: Rev,
    u: Bytes,
    by: Option<Author>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Author {
    user_id: UserId,
    session: SessionName,
}

impl From<Entry> for Logged {
    fn from(entry: Entry) -> Self {
        let Entry { rev, update, name, .. } = entry;
        let by = name.map(|rooms::Name { user, session, .. }| Author { user_id: user, session });
        Self { rev, u: Bytes(update), by }
    }
}

/// Bytes in base64, with padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> serde::Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        STANDARD.decode(text.as_ref()).map(Self).map_err(|_| serde::de::Error::custom("`u` is base64, with padding"))
    }
}

/// Where the text of a room is, under the HTTP API.
pub fn snapshot_url(room: RoomId) -> String {
    format!("/api/rooms/{room}/snapshot")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn frames_are_named_as_the_protocol_has_them() {
        let sent = |frame: Frame| serde_json::from_str::<Value>(&frame.text().unwrap()).unwrap();
        assert_eq!(sent(Frame::RoomGone {}), json!({ "type": "room-gone" }));
        assert_eq!(sent(Frame::Behind { rev: 3 }), json!({ "type": "behind", "rev": 3 }));
        assert_eq!(sent(Frame::Ack { n: 1, rev: 2, patch: None }), json!({ "type": "ack", "n": 1, "rev": 2 }));
        let nack =
            Nack { n: Some(1), action: "edit".into(), code: "retry", message: "Later.".into(), ..Nack::default() };
        let expected = json!({ "type": "nack", "n": 1, "action": "edit", "code": "retry", "message": "Later." });
        assert_eq!(sent(Frame::Nack(Box::new(nack))), expected);
        let patch = Patch { from: 1, to: 2, ops: vec![Op::Delete { position: 0, length: 1 }] };
        let Patch { from, to, ops } = patch;
        let expected =
            json!({ "type": "patch", "from": 1, "to": 2, "ops": [{ "type": "delete", "position": 0, "length": 1 }] });
        assert_eq!(sent(Frame::Patch { from, to, ops, by: None }), expected);
    }
}
