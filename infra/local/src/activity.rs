//! What is under way, so that a test can wait for the end of all of it in place of sleeping.

use tokio::sync::watch;

#[derive(Clone)]
pub(crate) struct Activity(watch::Sender<usize>);

impl Default for Activity {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Activity {
    /// Under way until what this returns is dropped.
    pub(crate) fn begin(&self) -> Underway {
        self.0.send_modify(|count| *count += 1);
        Underway(self.clone())
    }

    /// Wait until nothing is under way.
    pub(crate) async fn quiet(&self) {
        let mut count = self.0.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }
}

pub(crate) struct Underway(Activity);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}
