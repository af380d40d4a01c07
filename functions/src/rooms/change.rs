//! What `update` and `edit` share: who writes, what is read ahead, and who is told.
//!
//! | before the answer | rounds of DynamoDB calls |
//! |---|---|
//! | connection, user and room are known to this instance | 1: PutItem beside the Query of connections |
//! | anything else | 2: what is not known, all at once; then the same |

use aura::auth::Permission;
use aura::error::Refusal;
use aura::rooms::{Author, Failure, Role, Written};
use aura::sockets::broadcast::Message as Told;
use aura::sockets::frame::{Bytes, Frame};
use aura::sockets::{Connection, Kind};
use aura::ticket::Guest;
use aura::{App, Error, Result, RoomId, members, rooms};

use crate::socket::{Answer, Message, Problem};

/// Reads all that a change needs and that this instance does not know, in one round.
pub async fn prepare<B>(app: &App, message: &Message<B>) -> Answer<(Connection, Author)> {
    let Guest { room, standing, .. } = &message.guest;
    let user = standing.user;
    let caller = async { Ok::<_, Problem>(app.authority.still(standing).await?) };
    let text = async { Ok::<_, Problem>(app.rooms.prepare(*room, user, async || role(app, *room, user).await).await?) };
    let (connection, caller, ()) = tokio::try_join!(message.joined(app), caller, text)?;
    let needed = Permission::EditDocument;
    if !caller.may(needed) {
        return Err(Error::Forbidden(Refusal::Permission(needed.name())).into());
    }
    let author = Author { user, session: connection.member.session.clone(), cid: connection.cid };
    Ok((connection, author))
}

/// What the author may do now: one read.
pub async fn role(app: &App, room: RoomId, user: aura::UserId) -> Result<Option<Role>> {
    members::role(app, room, user).await
}

/// Makes the change, and tells the others. The connections are read while the change is written: somebody who joins at
/// this very moment may miss it, and hears of it with the first heartbeat.
pub async fn make(
    app: &App,
    room: RoomId,
    connection: Connection,
    write: impl Future<Output = rooms::Result<Written>>,
) -> Answer<Written> {
    let (written, crowd) = tokio::join!(write, app.sockets.of(room));
    let written = match written {
        // Perhaps by its history: nobody else asks for that to be made shorter while nothing can be written.
        Err(full @ Failure::Refused(rooms::Refusal::Full)) => {
            compact(app, room).await;
            return Err(full.into());
        }
        written => written?,
    };
    let compacted = async {
        if written.compact {
            compact(app, room).await;
        }
    };
    let told = async {
        let told = async {
            let mut crowd = crowd?;
            crowd.retain(|other| other.id != connection.id);
            let told = tell(app, room, &connection, &crowd, &written).await?;
            app.sockets.broadcast(&app.background, room, crowd, &told).await;
            Ok::<_, Error>(())
        };
        if let Err(error) = told.await {
            // The change is durable all the same; the others notice the hole.
            tracing::warn!(code = error.code(), error = ?error, "a change was not told");
        }
    };
    tokio::join!(compacted, told);
    Ok(written)
}

/// Asks for a shorter history; that it was asked for in vain does not touch the change.
async fn compact(app: &App, room: RoomId) {
    if let Err(error) = app.background.compact(room).await {
        tracing::warn!(code = error.code(), error = ?error, "compaction was not asked for");
    }
}

/// The change, as each kind of client follows it.
async fn tell(app: &App, room: RoomId, from: &Connection, crowd: &[Connection], written: &Written) -> Result<Told> {
    let is_here = |kind| crowd.iter().any(|connection| connection.kind == kind);
    let Written { rev, update, .. } = written;
    let mut told = Told::default();
    if is_here(Kind::Yjs) {
        let frame = Frame::Update { rev: *rev, u: Bytes(update.clone()), by: from.member.clone() };
        told.yjs = Some(frame.text()?.into());
    }
    if is_here(Kind::Json) {
        let patch = app.rooms.patch(room, rev - 1, Some(*rev)).await.map_err(members::error)?;
        let frame = Frame::Patch { from: patch.from, to: patch.to, ops: patch.ops, by: Some(from.member.clone()) };
        told.json = Some(frame.text()?.into());
    }
    Ok(told)
}
