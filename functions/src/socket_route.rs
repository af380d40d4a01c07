//! The table of what comes by WebSocket, or from our own functions: `serve::socket` and `serve::event` take a row.

use aura::Need;

/// One function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketRoute {
    /// The function's name.
    pub name: &'static str,
    /// The route's key, an `action` or one of API Gateway's own; empty for functions that only ours invoke.
    pub key: &'static str,
    /// Whether its answer goes to the caller.
    pub answers: bool,
    /// State that it opens.
    pub needs: &'static [Need],
}

/// What every message takes: who it is, the connection, the room, and a way to close it.
const MESSAGE: &[Need] = &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Posts, Need::FanOut];
/// The same, for those who write.
const CHANGE: &[Need] = &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Posts, Need::FanOut, Need::Compaction];

const ACTION: SocketRoute = SocketRoute { name: "", key: "", answers: true, needs: MESSAGE };

/// `$connect`, and the authoriser before it.
pub const CONNECT: SocketRoute = SocketRoute {
    name: "connect",
    key: "$connect",
    answers: false,
    needs: &[Need::Identity, Need::Ephemeral, Need::Rooms, Need::Origins],
};
/// `$disconnect`
pub const DISCONNECT: SocketRoute = SocketRoute {
    name: "disconnect",
    key: "$disconnect",
    answers: false,
    needs: &[Need::Ephemeral, Need::Posts, Need::FanOut],
};
/// Whatever no other route takes.
pub const DEFAULT: SocketRoute = SocketRoute { name: "default", key: "$default", ..ACTION };
/// Enter the room.
pub const JOIN: SocketRoute = SocketRoute { name: "join", key: "join", ..ACTION };
/// Leave it.
pub const LEAVE: SocketRoute = SocketRoute { name: "leave", key: "leave", ..ACTION };
/// A change by positions.
pub const EDIT: SocketRoute = SocketRoute { name: "edit", key: "edit", needs: CHANGE, ..ACTION };
/// A change of Yjs.
pub const UPDATE: SocketRoute = SocketRoute { name: "update", key: "update", needs: CHANGE, ..ACTION };
/// What somebody missed.
pub const PULL: SocketRoute = SocketRoute { name: "pull", key: "pull", ..ACTION };
/// Where somebody is.
pub const PRESENCE: SocketRoute = SocketRoute { name: "presence", key: "presence", ..ACTION };
/// That somebody is.
pub const HEARTBEAT: SocketRoute = SocketRoute { name: "heartbeat", key: "heartbeat", ..ACTION };
/// Posts to a part of a large room.
pub const FAN_OUT: SocketRoute =
    SocketRoute { name: "fan-out", key: "", answers: false, needs: &[Need::Ephemeral, Need::Posts] };
/// Makes a snapshot.
pub const COMPACT_ROOM: SocketRoute =
    SocketRoute { name: "compact-room", key: "", answers: false, needs: &[Need::Rooms] };

/// Every one of them.
pub const ALL: [SocketRoute; 12] =
    [CONNECT, DISCONNECT, DEFAULT, JOIN, LEAVE, EDIT, UPDATE, PULL, PRESENCE, HEARTBEAT, FAN_OUT, COMPACT_ROOM];
