//! Reading a room beside other things: then its change is one round away.

use super::Rooms;
use super::author::Role;
use super::failure::Result;
use crate::{RoomId, UserId};

impl Rooms {
    /// Reads what a change by `user` will need, unless it is known: the next change of that user in this instance takes
    /// one round, PutItem. `access` is as in [`Rooms::update`], and asked beside the reading.
    ///
    /// # Errors
    /// `Gone`, or `Unavailable`.
    pub async fn prepare(
        &self,
        room: RoomId,
        user: UserId,
        access: impl AsyncFn() -> crate::Result<Option<Role>>,
    ) -> Result<()> {
        let mut warm = self.take(room);
        if let Some(replica) = &mut warm {
            // What an earlier call left unused may be older than a fence.
            replica.once = None;
        }
        let warm = match warm {
            Some(replica) if self.knows(&replica, user, &[]) => {
                self.keep(room, replica);
                return Ok(());
            }
            warm => warm,
        };
        let follows = warm.is_some();
        let (replica, role) = tokio::join!(self.refresh(room, warm), access());
        let (mut replica, fenced) = replica?;
        let role = if fenced { access().await? } else { role? };
        if let Some(role) = role {
            if follows || fenced {
                replica.roles.insert(user, role);
            } else {
                // Read beside a log whose end was not known before: good for a change that has begun already.
                replica.once = Some((user, role));
            }
        }
        self.keep(room, replica);
        Ok(())
    }
}
