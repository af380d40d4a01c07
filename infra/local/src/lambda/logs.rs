//! What the functions print, kept per function in a bounded ring, and echoed by the command.

use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::Notify;

const KEPT: usize = 5_000;

#[derive(Default)]
pub(crate) struct Logs {
    function: String,
    echo: bool,
    lines: Mutex<VecDeque<String>>,
    added: Notify,
}

impl Logs {
    pub(crate) fn new(function: &str, echo: bool) -> Self {
        Self { function: function.to_owned(), echo, ..Self::default() }
    }

    #[expect(clippy::print_stderr, reason = "echoing is asked for by the command only")]
    pub(crate) fn push(&self, line: String) {
        if self.echo {
            eprintln!("{:>20} | {line}", self.function);
        }
        if let Ok(mut lines) = self.lines.lock() {
            if lines.len() == KEPT {
                lines.pop_front();
            }
            lines.push_back(line);
        }
        self.added.notify_waiters();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().map(|lines| lines.iter().cloned().collect()).unwrap_or_default()
    }

    /// The first line that satisfies `wanted`, now or later: lines cross a pipe after the response.
    pub(crate) async fn find(&self, wanted: impl Fn(&str) -> bool) -> String {
        loop {
            let added = self.added.notified();
            tokio::pin!(added);
            added.as_mut().enable();
            if let Some(line) = self.lines().into_iter().find(|line| wanted(line)) {
                return line;
            }
            added.await;
        }
    }

    pub(crate) async fn follow(&self, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            self.push(String::from_utf8_lossy(&line).trim_end().to_owned());
            line.clear();
        }
    }
}
