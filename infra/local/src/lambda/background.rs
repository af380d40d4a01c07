//! Asynchronous invocations: the caller has its 202, and the event waits for a process as long as it
//! takes. A function that fails is tried again twice under the same request id, as on AWS; the pauses
//! are shorter than AWS's one and two minutes. Absent: dead-letter queues, destinations, the age at
//! which AWS drops an event (six hours).

use super::{Fault, InvokeError, Lambda};
use crate::random;
use hyper::body::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// Of an event; synchronous ones may have six times as much.
pub(crate) const MAX_EVENT: usize = 1024 * 1024;
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];

impl Lambda {
    /// Invoke it now or later; nobody waits for the answer.
    pub(crate) fn invoke_in_background(self: &Arc<Self>, name: &str, event: Bytes) {
        let (lambda, name) = (Arc::clone(self), name.to_owned());
        let underway = self.activity.begin();
        tokio::spawn(async move {
            let _underway = underway;
            let Ok(id) = random::uuid() else { return };
            let mut pauses = PAUSES.into_iter();
            // A dropped one is lost: that is what the fault is for.
            while let Err(error) = lambda.invoke_patiently(&id, &name, event.clone(), None).await
                && !matches!(error, InvokeError::Dropped)
            {
                let Some(pause) = pauses.next() else {
                    lambda.log(&name, format!("{id} is given up after three attempts: {error}"));
                    return;
                };
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Being short of processes is no failure here, unless the stack is ending.
    pub(crate) async fn invoke_patiently(
        &self,
        id: &str,
        name: &str,
        event: Bytes,
        fault: Option<Fault>,
    ) -> Result<Bytes, InvokeError> {
        loop {
            match self.invoke_as(id, name, event.clone(), fault).await {
                Err(InvokeError::Throttled) if !self.permits.is_closed() => {}
                outcome => return outcome,
            }
        }
    }
}
