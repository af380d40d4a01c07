//! Tickets for a room's door: only their hashes are stored.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnValue;

use super::keys::{EXPIRES, Key, PK};
use super::{Store, failed, n, number, parsed, s, text};
use crate::auth::account::DisplayName;
use crate::auth::authority::Standing;
use crate::clock::Timestamp;
use crate::ticket::{Guest, Hash};
use crate::{Error, Result};

/// Stores what a ticket stands for.
pub async fn put(store: &Store, hash: &Hash, guest: &Guest, until: Timestamp) -> Result<()> {
    let Guest { room, name, standing: Standing { user, by, epoch } } = guest;
    let mut item = Key::ticket(hash).attributes();
    item.extend(
        [
            ("room", s(room.to_string())),
            ("name", s(name.as_str())),
            ("uid", s(user.to_string())),
            ("by", s(by.to_string())),
            ("epoch", n(epoch)),
            (EXPIRES, n(until.secs())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let request = store
        .client
        .put_item()
        .table_name(store.ephemeral()?)
        .set_item(Some(item))
        .condition_expression(format!("attribute_not_exists({PK})"));
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Err(Error::internal("two tickets are the same")),
            _ => Err(failed(error)),
        },
    }
}

/// Takes a ticket, and until when it was good: the first caller has it, no other.
pub async fn take(store: &Store, hash: &Hash) -> Result<Option<(Guest, Timestamp)>> {
    let request = store
        .client
        .delete_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::ticket(hash).attributes()))
        .return_values(ReturnValue::AllOld);
    let Some(item) = request.send().await.map_err(failed)?.attributes.filter(|item| !item.is_empty()) else {
        return Ok(None);
    };
    let guest = Guest {
        room: parsed(&item, "room")?,
        name: DisplayName::try_from(text(&item, "name")?.to_owned())?,
        standing: Standing { user: parsed(&item, "uid")?, by: parsed(&item, "by")?, epoch: number(&item, "epoch")? },
    };
    Ok(Some((guest, Timestamp::from_secs(number(&item, EXPIRES)?))))
}
