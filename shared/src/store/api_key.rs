//! API keys, in their user's partition so that both are read in one call.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{EXPIRES, Key, PK, SK};
use super::user::{put_new, unchanged, user};
use super::{Item, Store, committed, corrupt, failed, n, number, parsed, s, text};
use crate::auth::Permission;
use crate::auth::account::{DisplayName, User};
use crate::auth::api_key::ApiKey;
use crate::clock::Timestamp;
use crate::{KeyId, Result, UserId};

/// How long the note of a last use is kept: as long as a key may live.
const KEPT: Duration = Duration::from_secs(366 * 86_400);

/// A user and one key, strongly consistent, in one call.
pub async fn with_user(store: &Store, id: UserId, key: KeyId) -> Result<(Option<User>, Option<ApiKey>)> {
    let [found_user, found_key] = store.batch_get([Key::user(id), Key::api_key(id, key)]).await?;
    Ok((found_user.map(|item| user(id, &item)).transpose()?, found_key.map(|item| parse(&item)).transpose()?))
}

/// The keys of a user, expired ones included: one strongly consistent query.
pub async fn of(store: &Store, user: UserId) -> Result<Vec<ApiKey>> {
    let (partition, prefix) = Key::api_keys(user);
    let query = store
        .client
        .query()
        .table_name(store.identity()?)
        .key_condition_expression(format!("{PK} = :user AND begins_with({SK}, :prefix)"))
        .expression_attribute_values(":user", s(partition))
        .expression_attribute_values(":prefix", s(prefix))
        .consistent_read(true);
    query.send().await.map_err(failed)?.items.unwrap_or_default().iter().map(parse).collect()
}

/// Stores a key of a user who still is as read; false if not.
pub async fn create(store: &Store, user: &User, key: &ApiKey) -> Result<bool> {
    let request = store
        .client
        .transact_write_items()
        .transact_items(unchanged(store, user)?)
        .transact_items(put_new(store, item(user.id, key))?);
    committed(request.send().await)
}

/// Deletes a key; false if there is none.
pub async fn delete(store: &Store, user: UserId, key: KeyId) -> Result<bool> {
    let request = store
        .client
        .delete_item()
        .table_name(store.identity()?)
        .set_key(Some(Key::api_key(user, key).attributes()))
        .condition_expression(format!("attribute_exists({PK})"));
    match request.send().await {
        Ok(_) => Ok(true),
        Err(error) => match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(false),
            _ => Err(failed(error)),
        },
    }
}

/// Notes that a key was in use, beside the rate limits: functions that serve keys may not write to Identity.
pub async fn note_use(store: &Store, user: UserId, key: KeyId, now: Timestamp) -> Result<()> {
    let request = store
        .client
        .update_item()
        .table_name(store.ephemeral()?)
        .set_key(Some(Key::key_use(user, key).attributes()))
        .update_expression(format!("SET used = :now, {EXPIRES} = :ex"))
        .expression_attribute_values(":now", n(now.secs()))
        .expression_attribute_values(":ex", n((now + KEPT).secs()));
    request.send().await.map(drop).map_err(failed)
}

/// When each key of a user was last noted in use: one eventually consistent query.
pub async fn uses(store: &Store, user: UserId) -> Result<HashMap<KeyId, Timestamp>> {
    let (partition, prefix) = Key::key_uses(user);
    let query = store
        .client
        .query()
        .table_name(store.ephemeral()?)
        .key_condition_expression(format!("{PK} = :user AND begins_with({SK}, :prefix)"))
        .expression_attribute_values(":user", s(partition))
        .expression_attribute_values(":prefix", s(prefix));
    let items = query.send().await.map_err(failed)?.items.unwrap_or_default();
    let read = |item: &Item| {
        let key = text(item, SK)?.strip_prefix(prefix).and_then(|id| id.parse().ok()).ok_or_else(|| corrupt(SK))?;
        Ok((key, Timestamp::from_secs(number(item, "used")?)))
    };
    items.iter().map(read).collect()
}

fn item(user: UserId, key: &ApiKey) -> Item {
    let mut item = Key::api_key(user, key.id).attributes();
    let scopes = key.scopes.iter().map(|scope| s(scope.name())).collect();
    item.extend(
        [
            ("id", s(key.id.to_string())),
            ("name", s(key.name.as_str())),
            ("hash", AttributeValue::B(key.hash.to_vec().into())),
            ("scopes", AttributeValue::L(scopes)),
            ("epoch", n(key.epoch)),
            ("created", n(key.created_at.secs())),
            ("until", n(key.expires_at.secs())),
            (EXPIRES, n(key.expires_at.secs())),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    item
}

fn parse(item: &Item) -> Result<ApiKey> {
    let hash = item.get("hash").and_then(|value| value.as_b().ok());
    let scopes = item.get("scopes").and_then(|value| value.as_l().ok()).ok_or_else(|| corrupt("scopes"))?;
    let scope = |value: &AttributeValue| {
        let name = value.as_s().ok().and_then(|name| name.parse::<Permission>().ok());
        name.ok_or_else(|| corrupt("scopes"))
    };
    Ok(ApiKey {
        id: parsed(item, "id")?,
        name: DisplayName::try_from(text(item, "name")?.to_owned())?,
        hash: hash.and_then(|blob| blob.as_ref().try_into().ok()).ok_or_else(|| corrupt("hash"))?,
        scopes: scopes.iter().map(scope).collect::<Result<_>>()?,
        epoch: number(item, "epoch")?,
        created_at: Timestamp::from_secs(number(item, "created")?),
        expires_at: Timestamp::from_secs(number(item, "until")?),
    })
}
