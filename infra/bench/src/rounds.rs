//! Counts a function's DynamoDB calls, and how many of them had to follow one another, from between it and the table.
//!
//! Every answer is held for a while, as a network would hold it, so that calls which are sent together overlap beyond
//! doubt: the longest chain of calls that do not overlap is the number of round trips. Only for counting; what is
//! timed goes straight to the local stack.

use anyhow::{Context as _, Result};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_millis(15);

/// From a call's first byte to the last one of its answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    begin: Instant,
    end: Option<Instant>,
}

/// Stands before DynamoDB until this process ends.
pub(crate) struct Counter {
    /// The endpoint to give to a function.
    pub(crate) endpoint: String,
    spans: Spans,
    seen: usize,
}

type Spans = Arc<Mutex<Vec<Span>>>;

/// What a stretch of time cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) calls: usize,
    pub(crate) rounds: usize,
}

impl Counter {
    /// Stand before the service at `endpoint`, an `http://` address.
    pub(crate) fn start(endpoint: &str) -> Result<Self> {
        let behind = endpoint.strip_prefix("http://").context("the endpoint is not http")?.to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let spans = Spans::default();
        let kept = Arc::clone(&spans);
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (behind, spans) = (behind.clone(), Arc::clone(&kept));
                std::thread::spawn(move || pass_on(stream, &behind, &spans));
            }
        });
        Ok(Self { endpoint, spans, seen: 0 })
    }

    /// The cost since the last look.
    pub(crate) fn take(&mut self) -> Cost {
        let all = self.spans.lock().unwrap_or_else(PoisonError::into_inner);
        let spans = all[self.seen..].to_vec();
        self.seen = all.len();
        Cost { calls: spans.len(), rounds: rounds(spans) }
    }
}

/// The most calls of which each began after the one before had ended.
fn rounds(mut spans: Vec<Span>) -> usize {
    spans.sort_by_key(|span| (span.end.is_none(), span.end));
    let mut last: Option<Instant> = None;
    let mut rounds = 0;
    for span in spans {
        if last.is_none_or(|last| span.begin >= last) {
            rounds += 1;
            last = span.end.or(Some(span.begin + Duration::from_secs(3_600)));
        }
    }
    rounds
}

/// One connection: HTTP/1.1 without pipelining, so bytes after an answer begin the next call.
fn pass_on(from: TcpStream, behind: &str, spans: &Spans) {
    let _ = try_pass_on(from, behind, spans); // a broken connection shows as a failed call
}

fn try_pass_on(mut from: TcpStream, behind: &str, spans: &Spans) -> Result<()> {
    let mut to = TcpStream::connect(behind)?;
    from.set_nodelay(true)?;
    to.set_nodelay(true)?;
    // The call under way on this connection, until its answer has begun.
    let current: Arc<Mutex<Option<usize>>> = Arc::default();
    let (mut answers, mut back) = (to.try_clone()?, from.try_clone()?);
    let (awaited, ended) = (Arc::clone(&current), Arc::clone(spans));
    let answering = std::thread::spawn(move || -> Result<()> {
        let mut chunk = [0; 64 * 1024];
        loop {
            let read = answers.read(&mut chunk)?;
            if read == 0 {
                return Ok(back.shutdown(Shutdown::Write)?);
            }
            if let Some(index) = awaited.lock().unwrap_or_else(PoisonError::into_inner).take() {
                std::thread::sleep(HOLD);
                if let Some(span) = ended.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
                    span.end = Some(Instant::now());
                }
            }
            back.write_all(&chunk[..read])?;
        }
    });
    let mut chunk = [0; 64 * 1024];
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.is_none() {
            let mut spans = spans.lock().unwrap_or_else(PoisonError::into_inner);
            spans.push(Span { begin: Instant::now(), end: None });
            *current = Some(spans.len() - 1);
        }
        drop(current);
        to.write_all(&chunk[..read])?;
    }
    to.shutdown(Shutdown::Write)?;
    let _ = answering.join();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_overlap_are_one_round() {
        let start = Instant::now();
        let span = |from: u64, to: u64| Span {
            begin: start + Duration::from_millis(from),
            end: Some(start + Duration::from_millis(to)),
        };
        assert_eq!(rounds(vec![]), 0);
        assert_eq!(rounds(vec![span(0, 5), span(1, 4), span(2, 9)]), 1);
        assert_eq!(rounds(vec![span(0, 5), span(1, 4), span(9, 12), span(10, 11), span(13, 14)]), 3);
        // A long call beside two short ones that follow one another: two round trips.
        assert_eq!(rounds(vec![span(0, 20), span(1, 5), span(6, 10)]), 2);
    }
}
