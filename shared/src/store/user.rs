//! Users and the credentials behind their addresses.

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Put, ReturnValue, TransactWriteItem};

use super::keys::{Key, PK};
use super::{Item, Store, failed, n, number, parsed, s, session, text};
use crate::auth::account::{DisplayName, User};
use crate::auth::session::Session;
use crate::auth::{Email, Role};
use crate::clock::Timestamp;
use crate::{Error, Result, UserId};

/// State of a user, and of a session, that may be used.
pub(super) const ACTIVE: &str = "active";

/// How often a registration meets another one of the same address before it gives up.
const RACES: usize = 3;

/// What is stored behind an address.
pub struct Credentials {
    /// Whose account it is.
    pub user: UserId,
    /// The password's hash.
    pub phc: String,
}

/// The credentials of an address: one strongly consistent read.
pub async fn credentials(store: &Store, email: &Email) -> Result<Option<Credentials>> {
    let item = get(store, Key::credentials(email)).await?;
    item.map(|item| Ok(Credentials { user: parsed(&item, "uid")?, phc: text(&item, "phc")?.to_owned() })).transpose()
}

/// A user: one strongly consistent read.
pub async fn by_id(store: &Store, id: UserId) -> Result<Option<User>> {
    get(store, Key::user(id)).await?.map(|item| user(id, &item)).transpose()
}

async fn get(store: &Store, key: Key) -> Result<Option<Item>> {
    let request = store.client.get_item().table_name(store.identity()?).set_key(Some(key.attributes()));
    Ok(request.consistent_read(true).send().await.map_err(failed)?.item)
}

/// Stores a new user with credentials and first session, all or nothing; false if the address is taken.
pub async fn create(store: &Store, new: &User, phc: &str, opened: &Session) -> Result<bool> {
    let mut credentials = Key::credentials(&new.email).attributes();
    credentials.extend([("uid".to_owned(), s(new.id.to_string())), ("phc".to_owned(), s(phc))]);
    let mut races = 0;
    loop {
        let result = store
            .client
            .transact_write_items()
            .transact_items(put_new(store, credentials.clone())?)
            .transact_items(put_new(store, item(new))?)
            .transact_items(put_new(store, session::item(new.id, opened))?)
            .send()
            .await;
        let Err(error) = result else { return Ok(true) };
        let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error() else {
            return Err(failed(error));
        };
        races += 1;
        match canceled.cancellation_reasons().first().and_then(|reason| reason.code()) {
            Some("ConditionalCheckFailed") => return Ok(false),
            // Another registration of the address is under way: whether it succeeds, the next try tells.
            Some("TransactionConflict") if races < RACES => {}
            _ => return Err(failed(error)),
        }
    }
}

/// Changes what a user may do; the user as it is then, or `None` if there is none.
pub async fn set_role(store: &Store, id: UserId, role: Role) -> Result<Option<User>> {
    let request = store
        .client
        .update_item()
        .table_name(store.identity()?)
        .set_key(Some(Key::user(id).attributes()))
        .update_expression("SET #role = :role")
        .condition_expression(format!("attribute_exists({PK})"))
        .expression_attribute_names("#role", "role")
        .expression_attribute_values(":role", s(role.name()))
        .return_values(ReturnValue::AllNew);
    match request.send().await {
        Ok(output) => user(id, &output.attributes.unwrap_or_default()).map(Some),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(None),
            _ => Err(failed(error)),
        },
    }
}

/// A put of an item that must not exist.
pub(super) fn put_new(store: &Store, item: Item) -> Result<TransactWriteItem> {
    let put = Put::builder()
        .table_name(store.identity()?)
        .set_item(Some(item))
        .condition_expression(format!("attribute_not_exists({PK})"))
        .build()
        .map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The condition that a user is active and of the epoch that was read.
pub(super) fn unchanged(store: &Store, user: &User) -> Result<TransactWriteItem> {
    let check = ConditionCheck::builder()
        .table_name(store.identity()?)
        .set_key(Some(Key::user(user.id).attributes()))
        .condition_expression("epoch = :epoch AND st = :active")
        .expression_attribute_values(":epoch", n(user.epoch))
        .expression_attribute_values(":active", s(ACTIVE))
        .build()
        .map_err(Error::internal)?;
    Ok(TransactWriteItem::builder().condition_check(check).build())
}

fn item(user: &User) -> Item {
    let mut item = Key::user(user.id).attributes();
    let state = if user.active { ACTIVE } else { "disabled" };
    item.extend(
        [
            ("tenant", s(user.tenant.to_string())),
            ("email", s(user.email.as_str())),
            ("name", s(user.name.as_str())),
            ("role", s(user.role.name())),
            ("st", s(state)),
            ("epoch", n(user.epoch)),
            ("created", n(user.created_at.secs())),
        ]
        .map(|(name, value): (&str, AttributeValue)| (name.to_owned(), value)),
    );
    item
}

pub(super) fn user(id: UserId, item: &Item) -> Result<User> {
    Ok(User {
        id,
        tenant: parsed(item, "tenant")?,
        email: parsed(item, "email")?,
        name: DisplayName::try_from(text(item, "name")?.to_owned())?,
        role: parsed(item, "role")?,
        active: text(item, "st")? == ACTIVE,
        epoch: number(item, "epoch")?,
        created_at: Timestamp::from_secs(number(item, "created")?),
    })
}
