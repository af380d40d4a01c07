//! Who may enter a room, and as what: making and deleting rooms, giving and taking roles.
//!
//! A role that changed bites on the next message: after the change, a fence goes into the room's log, and whoever is
//! removed loses the connections too. A room always has an owner: nobody changes the own role, and whoever changes
//! another's must be an owner at that moment.

use serde::Serialize;

use crate::auth::Permission;
use crate::auth::account::DisplayName;
use crate::auth::authority::Authorized;
use crate::clock::Timestamp;
use crate::error::{Conflict, Invalid, Refusal as Forbidden};
use crate::rooms::{Entry, Failure, Refusal, Role};
use crate::sockets::Frame;
use crate::sockets::broadcast::Message;
use crate::{App, Error, Result, RoomId, UserId, store};

/// Rooms in one page of a list.
const PAGE: usize = 100;
/// How often a change of a role meets another one before it gives up.
const RACES: usize = 3;

/// A room, as one of its members has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The room.
    pub room: RoomId,
    /// What the room is called.
    pub name: DisplayName,
    /// What the member may do.
    pub role: Role,
    /// When the room was made.
    pub created_at: Timestamp,
}

/// A room in a list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    room_id: RoomId,
    name: DisplayName,
    role: Role,
    created_at: String,
}

impl From<Membership> for Listed {
    fn from(membership: Membership) -> Self {
        let Membership { room, name, role, created_at } = membership;
        Self { room_id: room, name, role, created_at: created_at.rfc3339() }
    }
}

/// A room that is about to be made.
#[derive(Debug)]
pub struct NewRoom {
    /// Its owner.
    pub owner: UserId,
    /// The owner's membership.
    pub membership: Membership,
    /// Its first text.
    pub first: Option<Entry>,
}

/// Makes a room: one transaction.
///
/// # Errors
/// PAYLOAD_TOO_LARGE for a first text that does not fit.
pub async fn create(app: &App, owner: UserId, name: Option<DisplayName>, text: Option<&str>) -> Result<Listed> {
    let name = name.map_or_else(|| DisplayName::try_from("Untitled".to_owned()), Ok)?;
    let created_at = app.clock.now();
    let membership = Membership { room: app.random.id()?, name, role: Role::Owner, created_at };
    let first = text.filter(|text| !text.is_empty()).map(|text| app.rooms.seed(text).map_err(error)).transpose()?;
    let new = NewRoom { owner, membership, first };
    if !store::room_member::create(&app.store, &new).await? {
        return Err(Error::unavailable("a new room's id is taken"));
    }
    Ok(new.membership.into())
}

/// The rooms of a user, a page of them; and the last one's id if there are more.
pub async fn list(app: &App, user: UserId, after: Option<RoomId>) -> Result<(Vec<Listed>, Option<RoomId>)> {
    let (rooms, more) = store::room_member::of(&app.store, user, after, PAGE).await?;
    let last = rooms.last().map(|membership| membership.room).filter(|_| more);
    Ok((rooms.into_iter().map(Listed::from).collect(), last))
}

/// The caller's membership.
///
/// # Errors
/// NOT_FOUND alike for a room that is not there and one of strangers.
pub async fn of(app: &App, room: RoomId, user: UserId) -> Result<Membership> {
    store::room_member::get(&app.store, room, user).await?.ok_or(Error::NotFound { what: "room" })
}

/// What a user may do in a room now: one read.
pub async fn role(app: &App, room: RoomId, user: UserId) -> Result<Option<Role>> {
    Ok(store::room_member::get(&app.store, room, user).await?.map(|membership| membership.role))
}

/// Gives `user` a role in a room, or takes all of them.
///
/// # Errors
/// NOT_FOUND for who is no member, and for a user that there is not; INSUFFICIENT_PERMISSIONS for members who are no
/// owners; OWN_ROLE for the own role, except that editors and viewers may leave.
pub async fn set(app: &App, caller: UserId, room: RoomId, user: UserId, role: Option<Role>) -> Result<()> {
    let (own, target) = tokio::try_join!(of(app, room, caller), store::user::by_id(&app.store, user))?;
    let leaves = caller == user && role.is_none() && own.role != Role::Owner;
    if own.role != Role::Owner && !leaves {
        return Err(Error::Forbidden(Forbidden::Permission("owner of the room")));
    }
    if caller == user && !leaves {
        return Err(Error::Conflict(Conflict::OwnRole));
    }
    if target.is_none() {
        return Err(Error::NotFound { what: "user" });
    }
    let owner = (!leaves).then_some(caller);
    let mut races = 0;
    while !store::room_member::set(&app.store, owner, user, &own, role).await? {
        races += 1;
        if owner.is_some() && of(app, room, caller).await?.role != Role::Owner {
            return Err(Error::Forbidden(Forbidden::Permission("owner of the room")));
        }
        if races == RACES {
            return Err(Error::unavailable("roles of a room change all the time"));
        }
    }
    // From here on nobody writes with the old role, whatever an instance remembers.
    app.rooms.fence(room).await.map_err(error)?;
    let mut theirs = app.sockets.of(room).await?;
    let others = theirs.extract_if(.., |connection| connection.member.user_id != user).collect::<Vec<_>>();
    match role {
        Some(role) => {
            let message = Message::same(&Frame::Role { role })?;
            app.sockets.broadcast(&app.background, room, theirs, &message).await;
        }
        None => {
            app.sockets.expel(&app.background, room, theirs, others).await?;
        }
    }
    Ok(())
}

/// Deletes a room, with its connections and memberships. Every step may be repeated: the caller's own membership goes
/// last.
///
/// # Errors
/// NOT_FOUND for who is no member; INSUFFICIENT_PERMISSIONS for members who are neither owners nor may delete rooms.
pub async fn delete_room(app: &App, caller: &Authorized, room: RoomId) -> Result<()> {
    let user = caller.user.id;
    let own = of(app, room, user).await?;
    if own.role != Role::Owner && !caller.may(Permission::DeleteRoom) {
        return Err(Error::Forbidden(Forbidden::Permission(Permission::DeleteRoom.name())));
    }
    app.rooms.close(room).await.map_err(error)?;
    let crowd = app.sockets.of(room).await?;
    app.sockets.remove_records(room, &crowd).await?;
    app.sockets.dismiss(&app.background, room, crowd, &Frame::RoomGone {}).await;
    for member in store::room_member::in_room(&app.store, room).await? {
        if member != user {
            store::room_member::forget(&app.store, room, member).await?;
        }
    }
    store::room_member::forget(&app.store, room, user).await
}

/// What an HTTP client is told of a room's refusal.
pub fn error(failure: Failure) -> Error {
    match failure {
        Failure::Refused(Refusal::Gone) => Error::NotFound { what: "room" },
        Failure::Refused(Refusal::TooBig | Refusal::Full) => {
            Error::Invalid { code: Invalid::TooLarge, message: "The text is too long for a room.".to_owned() }
        }
        Failure::Refused(refusal) => Error::invalid(refusal.to_string()),
        Failure::Other(error) => error,
    }
}
