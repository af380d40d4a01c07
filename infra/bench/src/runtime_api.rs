//! A Lambda Runtime API for one process at a time, as small as it can be, so that the moment a function asks for its
//! first invocation is known to the microsecond: blocking reads on threads of their own, the time taken as soon as a
//! request's head is there.

use anyhow::{Context as _, Result, bail};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Lambda's own limit for init is 10 s; nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A function's process, waiting for its next invocation.
pub(crate) struct Process {
    child: Child,
    requests: Receiver<Arrival>,
    waiting: TcpStream,
    spawned: Instant,
    /// Spawn to first `GET /next`.
    pub(crate) init: Duration,
    /// CPU time of that, where the kernel tells: what a busy machine changes least.
    pub(crate) cpu: Option<Duration>,
    invocations: u64,
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

/// The answer to one invocation.
pub(crate) struct Answer {
    /// What the function posted.
    pub(crate) body: Vec<u8>,
    /// Event sent to response posted.
    pub(crate) took: Duration,
    /// Spawn to response posted.
    pub(crate) since_spawn: Duration,
}

struct Arrival {
    at: Instant,
    path: String,
    body: Vec<u8>,
    stream: TcpStream,
}

impl Process {
    /// Spawn it, with nothing in its environment but this, and wait for its first `GET /next`.
    pub(crate) fn start(binary: &Path, environment: &BTreeMap<String, String>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, requests) = channel();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        std::thread::spawn(move || accept(&listener, &sender, &ended));
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(environment)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let spawned = Instant::now();
        let mut child = command.spawn().with_context(|| format!("cannot run {}", binary.display()))?;
        match next(&requests) {
            Ok(Arrival { at, stream, .. }) => {
                let (init, cpu) = (at - spawned, cpu_time(child.id()));
                Ok(Self { child, requests, waiting: stream, spawned, init, cpu, invocations: 0, address, over })
            }
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                Err(error.context(format!("{} did not start", binary.display())))
            }
        }
    }

    /// CPU time so far, where the kernel tells.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        cpu_time(self.child.id())
    }

    /// The most memory that it ever held, in bytes, where the kernel tells (VmHWM).
    pub(crate) fn most_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1_024)
    }

    /// Send an event and wait for the answer, and for the function to ask again.
    pub(crate) fn invoke(&mut self, event: &[u8]) -> Result<Answer> {
        self.invocations += 1;
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() + 10_000;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: 00000000-0000-4000-8000-{:012}\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-00000000-000000000000000000000000;Sampled=0\r\n\r\n",
            event.len(),
            self.invocations,
        );
        let message = [head.as_bytes(), event].concat();
        let sent = Instant::now();
        self.waiting.write_all(&message)?;
        let mut posted = self.requests.recv_timeout(PATIENCE).context("no response")?;
        posted.stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
        if !posted.path.ends_with("/response") {
            bail!("{}: {}", posted.path, String::from_utf8_lossy(&posted.body));
        }
        self.waiting = next(&self.requests)?.stream;
        Ok(Answer { body: posted.body, took: posted.at - sent, since_spawn: posted.at - self.spawned })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address); // wakes `accept`, which then ends
    }
}

/// The next request, which must be `GET /next`.
fn next(requests: &Receiver<Arrival>) -> Result<Arrival> {
    let arrival = requests.recv_timeout(PATIENCE).context("no `GET /next`; see what the function prints")?;
    if !arrival.path.ends_with("/invocation/next") {
        bail!("{}: {}", arrival.path, String::from_utf8_lossy(&arrival.body));
    }
    Ok(arrival)
}

/// What all threads of a process have used so far.
fn cpu_time(process: u32) -> Option<Duration> {
    let mut total = Duration::ZERO;
    for thread in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let used = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        total += Duration::from_nanos(used.split(' ').next()?.parse().ok()?);
    }
    Some(total)
}

fn accept(listener: &TcpListener, sender: &Sender<Arrival>, over: &AtomicBool) {
    while let Ok((stream, _)) = listener.accept() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let sender = sender.clone();
        std::thread::spawn(move || {
            // A connection that breaks shows as a missing request.
            let _ = follow(stream, &sender);
        });
    }
}

/// Read one request after the other. The runtime's client sends no chunked bodies for a buffered response.
fn follow(mut stream: TcpStream, sender: &Sender<Arrival>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            read_more(&mut stream, &mut buffer)?;
        };
        let at = Instant::now();
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let mut lines = head.lines();
        let path = lines.next().and_then(|line| line.split(' ').nth(1)).context("no path")?.to_owned();
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        };
        let length: usize = lines.find_map(header).unwrap_or(0);
        while buffer.len() < end + length {
            read_more(&mut stream, &mut buffer)?;
        }
        let rest = buffer.split_off(end + length);
        let body = buffer.split_off(end);
        buffer = rest;
        sender.send(Arrival { at, path, body, stream: stream.try_clone()? })?;
    }
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => bail!("closed"),
        read => buffer.extend_from_slice(&chunk[..read]),
    }
    Ok(())
}
