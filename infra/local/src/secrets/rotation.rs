//! The rotation protocol of Secrets Manager: announce a version, then ask the rotation function to
//! create, set, test and finish it, in that order, stopping at the first failure. Absent: the
//! schedule, and AWS's own repetition of a failed rotation (a second call resumes it).

use super::store::{CURRENT, PENDING};
use super::vault::Vault;
use crate::error::{Error, Result};
use crate::lambda::Lambda;
use crate::{clock, random};
use serde_json::json;

const STEPS: [&str; 4] = ["createSecret", "setSecret", "testSecret", "finishSecret"];

/// The version that is now AWSCURRENT.
pub(crate) async fn rotate(
    vault: &Vault,
    lambda: &Lambda,
    secret: &str,
    function: &str,
    token: Option<String>,
) -> Result<String> {
    let refused = |why: String| Error::new(format!("the rotation of {secret} by `{function}` failed: {why}"));
    let fresh = match token {
        Some(token) => token,
        None => random::uuid()?,
    };
    let announce = vault.change(secret, |secret| {
        let current = secret.staged(CURRENT).cloned();
        let pending = secret.staged(PENDING).filter(|pending| Some(*pending) != current.as_ref()).cloned();
        let token = pending.unwrap_or(fresh); // one that failed half-way is taken up again
        secret.announce(&token);
        Ok((secret.arn.clone(), token))
    });
    let (arn, token) = announce.map_err(|refusal| refused(refusal.message))?;
    for step in STEPS {
        let event = json!({ "Step": step, "SecretId": arn, "ClientRequestToken": token });
        let outcome = lambda.invoke(function, event.to_string().into()).await;
        outcome.map_err(|error| refused(format!("{step}: {error}")))?;
    }
    let finished = vault.change(secret, |secret| {
        let current = secret.staged(CURRENT) == Some(&token);
        if current {
            secret.rotated_ms = Some(clock::epoch_ms());
        }
        Ok(current)
    });
    match finished {
        Ok(true) => Ok(token),
        Ok(false) => Err(refused("finishSecret did not move AWSCURRENT to the new version".to_owned())),
        Err(refusal) => Err(refused(refusal.message)),
    }
}
