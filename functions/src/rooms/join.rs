//! `join`: become a member of the room, and get its text.

use aura::rooms::{Refusal, Rev, SessionName};
use aura::sockets::broadcast::Message as Told;
use aura::sockets::frame::{Bytes, Frame, MOST, State, Welcome, snapshot_url};
use aura::sockets::{Connection, Kind, Member, pace};
use aura::{App, members, rooms};
use serde::Deserialize;

use crate::socket::{Answer, Message};

/// Members named in a welcome.
const NAMED: usize = 50;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    kind: Kind,
    session: SessionName,
    /// The last entry that the client knows.
    rev: Option<Rev>,
}

/// Joins: the record is written before the log is read, so that no change falls between the two; and access is read
/// again after the record was written, so that a removal meets one of them.
pub async fn join(app: &App, message: Message<Join>) -> Answer {
    let Message { guest, connection: id, body: Join { kind, session, rev } } = message;
    let (room, user) = (guest.room, guest.standing.user);
    let access = async || members::role(app, room, user).await?.ok_or(Refusal::Forbidden.into());
    let cid = async {
        match kind {
            Kind::Yjs => Ok(Some(app.rooms.assign_cid(room, user).await?)),
            Kind::Json => Ok(None),
        }
    };
    let standing = async { Ok::<_, rooms::Failure>(app.authority.still(&guest.standing).await?) };
    let (cid, _, _) = tokio::try_join!(cid, access(), standing)?;
    let member = Member { user_id: user, session, name: guest.name };
    let connection = Connection { id, member: member.clone(), kind, cid, until: app.sockets.lease() };
    if !app.sockets.join(room, &connection).await? {
        return Err(Refusal::Bad("This connection is another session's: open a new one.").into());
    }
    let crowd = async { Ok::<_, rooms::Failure>(app.sockets.of(room).await?) };
    let entered = tokio::try_join!(app.rooms.state(room, rev), access(), crowd);
    let (state, role, crowd) = match entered {
        Ok(entered) => entered,
        Err(failure) => {
            if matches!(failure, rooms::Failure::Refused(_)) {
                app.sockets.remove(room, &connection.id).await?;
            }
            return Err(failure.into());
        }
    };
    announce(app, &connection, room, &crowd).await?;
    let long = |bytes: usize| bytes > MOST;
    let text = match kind {
        Kind::Yjs if long(state.update.len() / 3 * 4) => State::Url(snapshot_url(room)),
        Kind::Yjs => State::Update(Bytes(state.update)),
        Kind::Json if long(state.text.len()) => State::Url(snapshot_url(room)),
        Kind::Json => State::Text(state.text),
    };
    let mut members: Vec<Member> = Vec::new();
    for other in &crowd {
        if members.len() < NAMED && !members.iter().any(|known| known.is(&other.member)) {
            members.push(other.member.clone());
        }
    }
    Ok(Some(Frame::Welcome(Box::new(Welcome {
        room,
        client_id: cid,
        rev: state.rev,
        epoch: state.epoch,
        role,
        member,
        members,
        count: crowd.len(),
        pace: u64::try_from(pace::between(crowd.len()).as_millis()).unwrap_or(u64::MAX),
        state: text,
    }))))
}

/// Tells the others, unless the session is here already or they are many.
async fn announce(app: &App, new: &Connection, room: aura::RoomId, crowd: &[Connection]) -> aura::Result<()> {
    let others: Vec<Connection> = crowd.iter().filter(|other| other.id != new.id).cloned().collect();
    if crowd.len() > pace::QUIET || others.iter().any(|other| other.member.is(&new.member)) {
        return Ok(());
    }
    let told = Told::same(&Frame::UserJoined { member: new.member.clone() })?;
    app.sockets.broadcast(&app.background, room, others, &told).await;
    Ok(())
}
