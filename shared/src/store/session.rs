//! Sessions: families of refresh tokens, in their user's partition so that both are read in one call.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};

use super::keys::{EXPIRES, Key, PK};
use super::user::{ACTIVE, put_new, unchanged, user};
use super::{Item, Store, committed, corrupt, failed, n, number, s, text};
use crate::auth::account::User;
use crate::auth::session::Session;
use crate::clock::Timestamp;
use crate::{Error, Result, SessionId, UserId};

/// Days that an ended session is kept, so that a late token meets its end and not a gap.
const KEPT_SECS: u64 = 86_400;

/// A user and one session, strongly consistent, in one call.
pub async fn with_user(store: &Store, id: UserId, session: SessionId) -> Result<(Option<User>, Option<Session>)> {
    let [found_user, found_session] = store.batch_get([Key::user(id), Key::session(id, session)]).await?;
    let found_session = found_session.map(|item| parse(session, &item)).transpose()?;
    Ok((found_user.map(|item| user(id, &item)).transpose()?, found_session))
}

/// Stores a session of a user that still is as it was read, with a renewed password hash if there is one; false if
/// the user changed meanwhile.
pub async fn open(store: &Store, user: &User, session: &Session, renewed_phc: Option<&str>) -> Result<bool> {
    let mut request = store
        .client
        .transact_write_items()
        .transact_items(unchanged(store, user)?)
        .transact_items(put_new(store, item(user.id, session))?);
    if let Some(phc) = renewed_phc {
        let update = Update::builder()
            .table_name(store.identity()?)
            .set_key(Some(Key::credentials(&user.email).attributes()))
            .update_expression("SET phc = :phc")
            .condition_expression("uid = :uid")
            .expression_attribute_values(":phc", s(phc))
            .expression_attribute_values(":uid", s(user.id.to_string()))
            .build()
            .map_err(Error::internal)?;
        request = request.transact_items(TransactWriteItem::builder().update(update).build());
    }
    committed(request.send().await)
}

/// Moves a session to its next generation; false if it, or its user, is not as it was read.
pub async fn rotate(store: &Store, user: &User, read: &Session, now: Timestamp, idle_until: Timestamp) -> Result<bool> {
    let update = Update::builder()
        .table_name(store.identity()?)
        .set_key(Some(Key::session(user.id, read.id).attributes()))
        .update_expression("SET gen = :next, rot_at = :now, idle_exp = :idle")
        .condition_expression("st = :active AND gen = :gen AND abs_exp > :now AND idle_exp > :now")
        .expression_attribute_values(":active", s(ACTIVE))
        .expression_attribute_values(":gen", n(read.generation))
        .expression_attribute_values(":next", n(read.generation + 1))
        .expression_attribute_values(":now", n(now.micros()))
        .expression_attribute_values(":idle", n(idle_until.micros()))
        .build()
        .map_err(Error::internal)?;
    let request = store
        .client
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().update(update).build())
        .transact_items(unchanged(store, user)?);
    committed(request.send().await)
}

/// Ends a session; one that does not exist has ended.
pub async fn end(store: &Store, user: UserId, session: SessionId) -> Result<()> {
    let result = store
        .client
        .update_item()
        .table_name(store.identity()?)
        .set_key(Some(Key::session(user, session).attributes()))
        .update_expression("SET st = :ended")
        .condition_expression(format!("attribute_exists({PK})"))
        .expression_attribute_values(":ended", s("ended"))
        .send()
        .await;
    match result {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.as_service_error(), Some(UpdateItemError::ConditionalCheckFailedException(_))) => {
            Ok(())
        }
        Err(error) => Err(failed(error)),
    }
}

pub(super) fn item(user: UserId, session: &Session) -> Item {
    let mut item = Key::session(user, session.id).attributes();
    let state = if session.active { ACTIVE } else { "ended" };
    item.extend(
        [
            ("gen", n(session.generation)),
            ("st", s(state)),
            ("nonce", AttributeValue::B(session.nonce.to_vec().into())),
            ("rot_at", n(session.rotated_at.micros())),
            ("idle_exp", n(session.idle_until.micros())),
            ("abs_exp", n(session.ends_at.micros())),
            ("epoch", n(session.epoch)),
            (EXPIRES, n(session.ends_at.secs() + KEPT_SECS)),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    item
}

fn parse(id: SessionId, item: &Item) -> Result<Session> {
    let nonce = item.get("nonce").and_then(|value| value.as_b().ok());
    let time = |name| Ok::<_, Error>(Timestamp::from_micros(number(item, name)?));
    Ok(Session {
        id,
        generation: number(item, "gen")?,
        active: text(item, "st")? == ACTIVE,
        nonce: nonce.and_then(|blob| blob.as_ref().try_into().ok()).ok_or_else(|| corrupt("nonce"))?,
        rotated_at: time("rot_at")?,
        idle_until: time("idle_exp")?,
        ends_at: time("abs_exp")?,
        epoch: number(item, "epoch")?,
    })
}
