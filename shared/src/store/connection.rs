//! Connections of a room, in one partition of Ephemeral so that all are read in one query and none of it heats the log.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::ReturnValue;

use super::keys::{EXPIRES, Key, PK, SK};
use super::pages::Span;
use super::{Item, Store, corrupt, failed, n, number, parsed, s, text};
use crate::auth::account::DisplayName;
use crate::clock::Timestamp;
use crate::rooms::Cid;
use crate::sockets::{Connection, ConnectionId, Member};
use crate::{Result, RoomId};

/// Longest run of pages that one reading of a room's connections follows.
const PAGES: usize = 16;

/// Writes a record; false if the connection has one of another session or kind.
pub async fn put(store: &Store, room: RoomId, connection: &Connection) -> Result<bool> {
    let Connection { id, member, kind, cid, until } = connection;
    let mut item = Key::connection(room, id).attributes();
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    set("uid", s(member.user_id.to_string()));
    set("sess", s(member.session.as_str()));
    set("name", s(member.name.as_str()));
    set("kind", s(kind.name()));
    set(EXPIRES, n(until.secs()));
    if let Some(cid) = cid {
        set("cid", n(cid));
    }
    let request = store
        .client
        .put_item()
        .table_name(store.ephemeral()?)
        .set_item(Some(item))
        .condition_expression(format!("attribute_not_exists({PK}) OR (sess = :sess AND #kind = :kind)"))
        .expression_attribute_names("#kind", "kind")
        .expression_attribute_values(":sess", s(member.session.as_str()))
        .expression_attribute_values(":kind", s(kind.name()));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(error)),
        },
    }
}

/// A record, strongly consistent.
pub async fn get(store: &Store, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
    let request = store
        .client
        .get_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::connection(room, id).attributes()))
        .consistent_read(true);
    request.send().await.map_err(failed)?.item.map(|item| parse(&item)).transpose()
}

/// All records of a room, expired ones included, strongly consistent: whoever writes to the log reads them then, and a
/// joiner who reads the log after this has written its record first.
pub async fn of(store: &Store, room: RoomId) -> Result<Vec<Connection>> {
    let pages = store.pages(store.ephemeral()?, Key::connections(room), Span::All);
    let mut pages = pages.at_most(PAGES, "a room has more connections than one reading");
    let mut all = Vec::new();
    while let Some(items) = pages.next().await? {
        for item in items {
            all.push(parse(&item)?);
        }
    }
    Ok(all)
}

/// Lets a record hold until the time that it says; false if there is none any more.
pub async fn renew(store: &Store, room: RoomId, connection: &Connection) -> Result<bool> {
    let request = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::connection(room, &connection.id).attributes()))
        .update_expression(format!("SET {EXPIRES} = :until"))
        .condition_expression(format!("attribute_exists({PK})"))
        .expression_attribute_values(":until", n(connection.until.secs()));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(error)),
        },
    }
}

/// Removes a record; it is the answer to one caller only.
pub async fn remove(store: &Store, room: RoomId, id: &ConnectionId) -> Result<Option<Connection>> {
    let request = store
        .client
        .delete_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::connection(room, id).attributes()))
        .return_values(ReturnValue::AllOld);
    let removed = request.send().await.map_err(failed)?.attributes;
    removed.filter(|item| !item.is_empty()).map(|item| parse(&item)).transpose()
}

fn parse(item: &Item) -> Result<Connection> {
    let cid = match item.contains_key("cid") {
        true => Some(Cid::new(number(item, "cid")?).ok_or_else(|| corrupt("cid"))?),
        false => None,
    };
    Ok(Connection {
        id: parsed(item, SK)?,
        member: Member {
            user_id: parsed(item, "uid")?,
            session: parsed(item, "sess")?,
            name: DisplayName::try_from(text(item, "name")?.to_owned())?,
        },
        kind: parsed(item, "kind")?,
        cid,
        until: Timestamp::from_secs(number(item, EXPIRES)?),
    })
}
