//! One text to a room.
//!
//! Up to [`DIRECT`] connections are posted to at once, at most [`AT_A_TIME`] at any moment; larger rooms are dealt out
//! to fan-out functions in hands of [`HAND`]. A connection that is gone is removed by exactly one of those who notice,
//! and that one tells the others. What is not delivered is not repeated: receivers notice the hole.

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
    pub yjs: Option<String>,
    /// For the others.
    pub json: Option<String>,
}

impl Message {
    /// The same for everybody.
    pub fn same(frame: &Frame) -> Result<Self> {
        let text = frame.text()?;
        Ok(Self { yjs: Some(text.clone()), json: Some(text) })
    }

    fn for_kind(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Yjs => self.yjs.as_deref(),
            Kind::Json => self.json.as_deref(),
        }
    }
}

impl Sockets {
    /// Tells a message to `crowd`, connections of `room`. Failures are logged: whoever did not hear it will ask.
    pub async fn broadcast(&self, background: &Background, room: RoomId, crowd: Vec<Connection>, message: &Message) {
        if crowd.len() > DIRECT {
            self.deal_out(background, room, &crowd, message, false).await;
            return;
        }
        let to = crowd.iter().filter_map(|connection| Some((&connection.id, message.for_kind(connection.kind)?)));
        let gone = self.post_all(to).await;
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
        let texts = crowd.iter().filter_map(|connection| Some((&connection.id, message.for_kind(connection.kind)?)));
        self.post_all(texts).await;
        self.close_all(crowd.iter().map(|connection| &connection.id)).await;
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
        self.close_all(crowd.iter().map(|connection| &connection.id)).await;
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
        let removals = stream::iter(crowd).map(|connection| self.remove(room, &connection.id));
        removals.buffer_unordered(AT_A_TIME).try_for_each(async |_| Ok(())).await
    }

    /// Does what another function handed over.
    pub async fn deliver(&self, delivery: &Delivery) {
        let gone = self.post_all(delivery.to.iter().map(|id| (id, delivery.text.as_str()))).await;
        if delivery.close {
            return self.close_all(delivery.to.iter()).await;
        }
        // In a room of this size nobody is told who leaves.
        self.remove_all(delivery.room, &gone).await;
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
    async fn post_all<'a>(&self, to: impl Iterator<Item = (&'a ConnectionId, &'a str)>) -> Vec<ConnectionId> {
        let mut gone = Vec::new();
        let posts = stream::iter(to).map(async |(id, text)| (id, self.post(id, text).await));
        let mut posts = std::pin::pin!(posts.buffer_unordered(AT_A_TIME));
        let all = async {
            while let Some((id, posted)) = posts.next().await {
                match posted {
                    Ok(Posted::Gone) => gone.push(id.clone()),
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

    async fn close_all<'a>(&self, ids: impl Iterator<Item = &'a ConnectionId>) {
        let closing = stream::iter(ids).map(|id| self.close(id)).buffer_unordered(AT_A_TIME);
        closing
            .for_each(async |closed| {
                if let Err(error) = closed {
                    tracing::warn!(code = error.code(), error = ?error, "a connection was not closed");
                }
            })
            .await;
    }

    /// Removes those who are gone, and tells those who are not; who turns out to be gone then is next.
    async fn clear_away(&self, room: RoomId, mut crowd: Vec<Connection>, mut gone: Vec<ConnectionId>) {
        while !gone.is_empty() {
            crowd.retain(|connection| !gone.contains(&connection.id));
            let mut left: Vec<Member> = Vec::new();
            for member in self.remove_all(room, &gone).await {
                let here = crowd.iter().any(|connection| connection.member.is(&member));
                if !here && !left.iter().any(|other| other.is(&member)) {
                    left.push(member);
                }
            }
            if crowd.len() > QUIET {
                return;
            }
            let texts: Vec<String> =
                left.into_iter().filter_map(|by| Frame::UserLeft { by }.text().ok()).collect();
            let to = crowd.iter().flat_map(|connection| texts.iter().map(|text| (&connection.id, text.as_str())));
            gone = self.post_all(to).await;
            gone.sort();
            gone.dedup();
        }
    }

    /// Removes records; who was removed by this call and no other.
    async fn remove_all(&self, room: RoomId, ids: &[ConnectionId]) -> Vec<Member> {
        let removals = stream::iter(ids).map(|id| self.remove(room, id)).buffer_unordered(AT_A_TIME);
        let removed = removals.collect::<Vec<_>>().await;
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
                hands.push(Delivery { room, text: text.to_owned(), to, close });
            }
        }
        let dealing = stream::iter(&hands).map(|hand| background.fan_out(hand)).buffer_unordered(AT_A_TIME);
        dealing
            .for_each(async |dealt| {
                if let Err(error) = dealt {
                    tracing::warn!(code = error.code(), error = ?error, "a part of a room was not told");
                }
            })
            .await;
    }
}
