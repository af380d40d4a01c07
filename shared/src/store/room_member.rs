//! Who may enter a room. A membership is two items, written together: one beside the user's others, which is what
//! access reads (the log's partition stays cool) and what lists a user's rooms; one beside the room, so that a room that
//! is deleted finds its members.

use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem};

use super::keys::{Key, PK, SK};
use super::pages::Span;
use super::{Item, Store, committed, failed, n, number, parsed, room_log, room_snapshot, s, text};
use crate::auth::account::DisplayName;
use crate::clock::Timestamp;
use crate::members::{Membership, NewRoom};
use crate::rooms::Role;
use crate::{Error, Result, RoomId, UserId};

/// Makes a room with its owner and first text, all or nothing; false if its id is taken.
pub async fn create(store: &Store, new: &NewRoom) -> Result<bool> {
    let Membership { room, name, role, created_at } = &new.membership;
    let mut meta = Key::room(*room).attributes();
    meta.extend(room_snapshot::new_meta(1));
    meta.insert("owner".to_owned(), s(new.owner.to_string()));
    meta.insert("name".to_owned(), s(name.as_str()));
    meta.insert("created".to_owned(), n(created_at.secs()));
    let mut request = store
        .client
        .transact_write_items()
        .transact_items(put(store, meta, true)?)
        .transact_items(put(store, by_user(new.owner, &new.membership), true)?)
        .transact_items(put(store, by_room(*room, new.owner, *role), true)?);
    if let Some(entry) = &new.first {
        request = request.transact_items(room_log::seed_put(store, *room, entry)?);
    }
    committed(request.send().await)
}

/// A user's membership: one strongly consistent read.
pub async fn get(store: &Store, room: RoomId, user: UserId) -> Result<Option<Membership>> {
    let request = store
        .client
        .get_item()
        .table_name(store.rooms()?)
        .set_key(Some(Key::membership(user, room).attributes()))
        .consistent_read(true);
    request.send().await.map_err(failed)?.item.map(|item| membership(&item)).transpose()
}

/// The rooms of a user behind `after`, by id, at most `most`; and whether there are more.
pub async fn of(store: &Store, user: UserId, after: Option<RoomId>, most: usize) -> Result<(Vec<Membership>, bool)> {
    let (partition, prefix) = Key::memberships(user);
    let query = store
        .client
        .query()
        .table_name(store.rooms()?)
        .key_condition_expression(format!("{PK} = :user AND begins_with({SK}, :prefix)"))
        .expression_attribute_values(":user", s(partition))
        .expression_attribute_values(":prefix", s(prefix))
        .set_exclusive_start_key(after.map(|room| Key::membership(user, room).attributes()))
        .limit(i32::try_from(most).unwrap_or(i32::MAX))
        .consistent_read(true);
    let output = query.send().await.map_err(failed)?;
    let memberships = output.items.unwrap_or_default().iter().map(membership).collect::<Result<_>>()?;
    Ok((memberships, output.last_evaluated_key.is_some()))
}

/// Gives or takes a membership, if `owner` still owns the room then; false if not.
pub async fn set(
    store: &Store,
    owner: Option<UserId>,
    user: UserId,
    membership: &Membership,
    role: Option<Role>,
) -> Result<bool> {
    let room = membership.room;
    let mut request = store.client.transact_write_items();
    if let Some(owner) = owner {
        let check = ConditionCheck::builder()
            .table_name(store.rooms()?)
            .set_key(Some(Key::membership(owner, room).attributes()))
            .condition_expression("#role = :owner")
            .expression_attribute_names("#role", "role")
            .expression_attribute_values(":owner", s(Role::Owner.name()))
            .build()
            .map_err(Error::internal)?;
        request = request.transact_items(TransactWriteItem::builder().condition_check(check).build());
    }
    let [first, second] = match role {
        Some(role) => {
            let membership = Membership { role, ..membership.clone() };
            [put(store, by_user(user, &membership), false)?, put(store, by_room(room, user, role), false)?]
        }
        None => [delete(store, Key::membership(user, room))?, delete(store, Key::room_member(room, user))?],
    };
    committed(request.transact_items(first).transact_items(second).send().await)
}

/// Everybody who may enter a room, strongly consistent.
pub async fn in_room(store: &Store, room: RoomId) -> Result<Vec<UserId>> {
    let (partition, prefix) = Key::room_members(room);
    let mut pages = store.pages(store.rooms()?, partition, Span::Prefix(prefix));
    let mut users = Vec::new();
    while let Some(items) = pages.next().await? {
        for item in items {
            users.push(parsed(&item, "uid")?);
        }
    }
    Ok(users)
}

/// Takes a room out of a user's list; the other half expires with the room.
pub async fn forget(store: &Store, room: RoomId, user: UserId) -> Result<()> {
    let request =
        store.client.delete_item().table_name(store.rooms()?).set_key(Some(Key::membership(user, room).attributes()));
    request.send().await.map(drop).map_err(failed)
}

fn put(store: &Store, item: Item, new: bool) -> Result<TransactWriteItem> {
    let put = Put::builder().table_name(store.rooms()?).set_item(Some(item));
    let put = if new { put.condition_expression(format!("attribute_not_exists({PK})")) } else { put };
    Ok(TransactWriteItem::builder().put(put.build().map_err(Error::internal)?).build())
}

fn delete(store: &Store, key: Key) -> Result<TransactWriteItem> {
    let delete = Delete::builder().table_name(store.rooms()?).set_key(Some(key.attributes()));
    Ok(TransactWriteItem::builder().delete(delete.build().map_err(Error::internal)?).build())
}

fn by_user(user: UserId, membership: &Membership) -> Item {
    let Membership { room, name, role, created_at } = membership;
    let mut item = Key::membership(user, *room).attributes();
    let attributes: [(&str, AttributeValue); 4] = [
        ("room", s(room.to_string())),
        ("name", s(name.as_str())),
        ("role", s(role.name())),
        ("created", n(created_at.secs())),
    ];
    item.extend(attributes.map(|(name, value)| (name.to_owned(), value)));
    item
}

fn by_room(room: RoomId, user: UserId, role: Role) -> Item {
    let mut item = Key::room_member(room, user).attributes();
    item.insert("uid".to_owned(), s(user.to_string()));
    item.insert("role".to_owned(), s(role.name()));
    item
}

fn membership(item: &Item) -> Result<Membership> {
    Ok(Membership {
        room: parsed(item, "room")?,
        name: DisplayName::try_from(text(item, "name")?.to_owned())?,
        role: parsed(item, "role")?,
        created_at: Timestamp::from_secs(number(item, "created")?),
    })
}
