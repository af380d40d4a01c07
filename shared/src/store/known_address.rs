//! Addresses from which an account signed in, for 30 days: there its owner gets in even while others guess.

use std::time::Duration;

use super::keys::{EXPIRES, Key};
use super::{Store, failed, n, number};
use crate::clock::Timestamp;
use crate::limits::ClientIp;
use crate::{Result, UserId};

/// How long an address is known after the last sign-in.
const KNOWN: Duration = Duration::from_secs(30 * 86_400);

/// Notes a sign-in: one write, in any order with others of its kind.
pub async fn put(store: &Store, user: UserId, ip: ClientIp, now: Timestamp) -> Result<()> {
    let mut item = Key::known_address(user, ip).attributes();
    item.insert(EXPIRES.to_owned(), n((now + KNOWN).secs()));
    let request = store.client.put_item().table_name(store.ephemeral()?).set_item(Some(item));
    request.send().await.map(drop).map_err(failed)
}

/// Whether the user signed in from here before: one eventually consistent read.
pub async fn contains(store: &Store, user: UserId, ip: ClientIp, now: Timestamp) -> Result<bool> {
    let key = Key::known_address(user, ip).attributes();
    let item =
        store.client.get_item().table_name(store.ephemeral()?).set_key(Some(key)).send().await.map_err(failed)?.item;
    // Time to live deletes late: the date counts, not the item.
    item.map_or(Ok(false), |item| Ok(number::<u64>(&item, EXPIRES)? > now.secs()))
}
