//! The public signing keys: one item, so that a verifier reads them in one call.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;

use super::keys::{Key, PK};
use super::{Store, corrupt, failed, n, number};
use crate::auth::token::{PublicKey, PublicKeys};
use crate::clock::Timestamp;
use crate::{Error, Result};

/// Which write of the item was read; the next write depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u64);

/// All keys, retired ones included: one strongly consistent read.
pub async fn load(store: &Store) -> Result<(PublicKeys, Version)> {
    let request = store.client.get_item().table_name(store.identity()?).set_key(Some(Key::signing_keys().attributes()));
    let Some(item) = request.consistent_read(true).send().await.map_err(failed)?.item else {
        return Ok((PublicKeys::default(), Version(0)));
    };
    let Some(AttributeValue::M(stored)) = item.get("keys") else { return Err(corrupt("keys")) };
    let mut keys = PublicKeys::default();
    for (kid, value) in stored {
        let fields = value.as_m().map_err(|_| corrupt("keys"))?;
        let x = fields.get("x").and_then(|x| x.as_b().ok()).ok_or_else(|| corrupt("keys"))?;
        let until =
            if fields.contains_key("until") { Some(Timestamp::from_secs(number(fields, "until")?)) } else { None };
        keys.0.insert(kid.clone(), PublicKey { x: x.as_ref().to_vec(), until });
    }
    Ok((keys, Version(number(&item, "ver")?)))
}

/// Replaces the keys that were read as `version`.
///
/// # Errors
/// `Unavailable` if somebody else replaced them meanwhile: load and decide again.
pub async fn save(store: &Store, keys: &PublicKeys, version: Version) -> Result<()> {
    let value = |key: &PublicKey| {
        let mut fields = std::collections::HashMap::from([("x".to_owned(), AttributeValue::B(key.x.clone().into()))]);
        if let Some(until) = key.until {
            fields.insert("until".to_owned(), n(until.secs()));
        }
        AttributeValue::M(fields)
    };
    let stored = keys.0.iter().map(|(kid, key)| (kid.clone(), value(key))).collect();
    let mut item = Key::signing_keys().attributes();
    item.extend([("keys".to_owned(), AttributeValue::M(stored)), ("ver".to_owned(), n(version.0 + 1))]);
    let request = store.client.put_item().table_name(store.identity()?).set_item(Some(item));
    let request = match version.0 {
        0 => request.condition_expression(format!("attribute_not_exists({PK})")),
        read => request.condition_expression("ver = :read").expression_attribute_values(":read", n(read)),
    };
    match request.send().await {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.as_service_error(), Some(PutItemError::ConditionalCheckFailedException(_))) => {
            Err(Error::unavailable("the public keys were changed by somebody else"))
        }
        Err(error) => Err(failed(error)),
    }
}
