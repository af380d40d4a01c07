//! One text to a room.
//!
//! Up to [`DIRECT`] connections are posted to at once, at most `AT_A_TIME` at any moment; larger rooms are dealt out
//! to fan-out functions in hands of `HAND`. A connection that is gone is removed by exactly one of those who notice,
//! and that one tells the others. What is not delivered is not repeated: receivers notice the hole.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::frame::Frame;
use super::pace::QUIET;
use super::{Connection, ConnectionId, Kind, Member, Posted, Sockets};
use crate::background::{Background, Delivery};
use crate::{Result, RoomId};

/// Connections that are posted to by the function that has something to say.
pub const DIRECT: usize = 200;
/// Connections that one fan-out function posts to.
const HAND: usize = 250;
/// Posts under way at a time.
const AT_A_TIME: usize = 64;
/// How long all posts together may take.
const WITHIN: Duration = Duration::from_secs(4);

/// A text for each kind of client; without one, nothing is said to that kind.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// For those with Yjs.
    pub yjs: Option<Arc<str>>,
    /// For the others.
    pub json: Option<Arc<str>>,
}

/// A text on its way.
struct Post {
    to: ConnectionId,
    text: Arc<str>,
}

impl Message {
    /// The same for everybody.
    pub fn same(frame: &Frame) -> Result<Self> {
        let text: Arc<str> = frame.text()?.into();
        Ok(Self { yjs: Some(Arc::clone(&text)), json: Some(text) })
    }

    fn for_kind(&self, kind: Kind) -> Option<&Arc<str>> {
        match kind {
            Kind::Yjs => self.yjs.as_ref(),
            Kind::Json => self.json.as_ref(),
        }
    }

    fn to(&self, crowd: &[Connection]) -> Vec<Post> {
        let post = |connection: &Connection| {
            Some(Post { to: connection.id.clone(), text: Arc::clone(self.for_kind(connection.kind)?) })
        };
        crowd.iter().filter_map(post).collect()
    }
}

impl Sockets {
    /// Tells a message to `crowd`, connections of `room`. Failures are logged: whoever did not hear it will ask.
    pub async fn broadcast(&self, background: &Background, room: RoomId, crowd: Vec<Connection>, message: &Message) {
        if crowd.len() > DIRECT {
            self.deal_out(background, room, &crowd, message, false).await;
            return;
        }
        let gone = self.post_all(message.to(&crowd)).await;
        if !gone.is_empty() {
            self.clear_away(room, crowd, gone).await;
        }
    }

    /// Says a last word and closes; the records must be gone already.
    pub async fn dismiss(&self, background: &Background, room: RoomId, crowd: Vec<Connection>, frame: &Frame) {
        let message = match Message::same(frame) {
            Ok(message) => message,
            Err(error) => return tracing::error!(code = error.code(), error = ?error, "a frame was not written"),
        };
        if crowd.len() > DIRECT {
            return self.deal_out(background, room, &crowd, &message, true).await;
        }
        self.post_all(message.to(&crowd)).await;
        self.close_all(ids(&crowd)).await;
    }

    /// Ends memberships, tells `others` who left, and closes the connections.
    pub async fn expel(
        &self,
        background: &Background,
        room: RoomId,
        crowd: Vec<Connection>,
        others: Vec<Connection>,
    ) -> Result<()> {
        self.remove_records(room, &crowd).await?;
        self.close_all(ids(&crowd)).await;
        if others.len() > QUIET {
            return Ok(());
        }
        let mut left: Vec<Member> = Vec::new();
        for Connection { member, .. } in crowd {
            if !left.iter().any(|other| other.is(&member)) {
                left.push(member);
            }
        }
        for by in left {
            let message = Message::same(&Frame::UserLeft { by })?;
            self.broadcast(background, room, others.clone(), &message).await;
        }
        Ok(())
    }

    /// Ends memberships.
    pub async fn remove_records(&self, room: RoomId, crowd: &[Connection]) -> Result<()> {
        let removals = stream::iter(ids(crowd)).map(|id| async move { self.remove(room, &id).await });
        removals.buffer_unordered(AT_A_TIME).try_collect::<Vec<_>>().await.map(drop)
    }

    /// Does what another function handed over.
    pub async fn deliver(&self, delivery: &Delivery) {
        let text: Arc<str> = delivery.text.as_str().into();
        let posts = delivery.to.iter().map(|id| Post { to: id.clone(), text: Arc::clone(&text) });
        let gone = self.post_all(posts.collect()).await;
        if delivery.close {
            return self.close_all(delivery.to.clone()).await;
        }
        // In a room of this size nobody is told who leaves.
        self.remove_all(delivery.room, gone).await;
    }

    /// Ends a membership, and tells the others if it was the session's last connection.
    pub async fn leave(&self, background: &Background, room: RoomId, id: &ConnectionId) -> Result<()> {
        let Some(left) = self.remove(room, id).await? else { return Ok(()) };
        let crowd = self.of(room).await?;
        if crowd.len() <= QUIET && !crowd.iter().any(|other| other.member.is(&left.member)) {
            let message = Message::same(&Frame::UserLeft { by: left.member })?;
            self.broadcast(background, room, crowd, &message).await;
        }
        Ok(())
    }

    /// Posts, and names those who are gone.
    async fn post_all(&self, posts: Vec<Post>) -> Vec<ConnectionId> {
        let mut gone = Vec::new();
        let posting = stream::iter(posts).map(|Post { to, text }| async move { (self.post(&to, &text).await, to) });
        let mut posting = std::pin::pin!(posting.buffer_unordered(AT_A_TIME));
        let all = async {
            while let Some((posted, id)) = posting.next().await {
                match posted {
                    Ok(Posted::Gone) => gone.push(id),
                    Ok(Posted::Sent | Posted::Skipped) => {}
                    Err(error) => tracing::error!(code = error.code(), error = ?error, "a post failed"),
                }
            }
        };
        if tokio::time::timeout(WITHIN, all).await.is_err() {
            tracing::warn!("posting to a room took too long; the rest was left out");
        }
        gone
    }

    async fn close_all(&self, ids: Vec<ConnectionId>) {
        let closing = stream::iter(ids).map(|id| async move { self.close(&id).await });
        let mut closing = std::pin::pin!(closing.buffer_unordered(AT_A_TIME));
        while let Some(closed) = closing.next().await {
            if let Err(error) = closed {
                tracing::warn!(code = error.code(), error = ?error, "a connection was not closed");
            }
        }
    }

    /// Removes those who are gone, and tells those who are not; who turns out to be gone then is next.
    async fn clear_away(&self, room: RoomId, mut crowd: Vec<Connection>, mut gone: Vec<ConnectionId>) {
        while !gone.is_empty() {
            crowd.retain(|connection| !gone.contains(&connection.id));
            let mut left: Vec<Member> = Vec::new();
            for member in self.remove_all(room, gone).await {
                let here = crowd.iter().any(|connection| connection.member.is(&member));
                if !here && !left.iter().any(|other| other.is(&member)) {
                    left.push(member);
                }
            }
            if crowd.len() > QUIET {
                return;
            }
            let told = left.into_iter().filter_map(|by| Message::same(&Frame::UserLeft { by }).ok());
            gone = self.post_all(told.flat_map(|message| message.to(&crowd)).collect()).await;
            gone.sort();
            gone.dedup();
        }
    }

    /// Removes records; who was removed by this call and no other.
    async fn remove_all(&self, room: RoomId, ids: Vec<ConnectionId>) -> Vec<Member> {
        let removals = stream::iter(ids).map(|id| async move { self.remove(room, &id).await });
        let removed = removals.buffer_unordered(AT_A_TIME).collect::<Vec<_>>().await;
        let ours = removed.into_iter().filter_map(|removed| match removed {
            Ok(connection) => Some(connection?.member),
            Err(error) => {
                tracing::warn!(code = error.code(), error = ?error, "a connection that is gone was not removed");
                None
            }
        });
        ours.collect()
    }

    async fn deal_out(
        &self,
        background: &Background,
        room: RoomId,
        crowd: &[Connection],
        message: &Message,
        close: bool,
    ) {
        let mut hands = Vec::new();
        for kind in [Kind::Yjs, Kind::Json] {
            let Some(text) = message.for_kind(kind) else { continue };
            let ids: Vec<_> =
                crowd.iter().filter(|connection| connection.kind == kind).map(|connection| &connection.id).collect();
            for hand in ids.chunks(HAND) {
                let to = hand.iter().map(|id| (*id).clone()).collect();
                hands.push(Delivery { room, text: text.to_string(), to, close });
            }
        }
        let dealing = stream::iter(hands).map(|hand| async move { background.fan_out(&hand).await });
        let mut dealing = std::pin::pin!(dealing.buffer_unordered(AT_A_TIME));
        while let Some(dealt) = dealing.next().await {
            if let Err(error) = dealt {
                tracing::warn!(code = error.code(), error = ?error, "a part of a room was not told");
            }
        }
    }
}

fn ids(crowd: &[Connection]) -> Vec<ConnectionId> {
    crowd.iter().map(|connection| connection.id.clone()).collect()
}
