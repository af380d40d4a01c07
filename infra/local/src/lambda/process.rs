//! One process of one function: spawned on demand, spoken to over its own Runtime API port, killed
//! and waited for. Its access key names the function and the process, so that the emulated services
//! know who calls. Absent: freezing between invocations (a function that works on after its answer
//! gets to finish here, and does not on AWS), memory and CPU limits, a read-only file system.

use super::error::InvokeError;
use super::logs::Logs;
use super::runtime_api::{Invocation, RuntimeApi};
use super::{INIT_LIMIT, MAX_PAYLOAD};
use crate::server;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, watch};

pub(crate) struct Process {
    pub(crate) serial: u64,
    queue: mpsc::UnboundedSender<Invocation>,
    exited: watch::Receiver<Option<String>>,
    kill: Arc<Notify>,
    idle_since: Mutex<Instant>,
}

impl Process {
    /// Spawn it and wait for its first `/next`.
    pub(crate) async fn start(
        binary: &Path,
        environment: &[(String, String)],
        serial: u64,
        logs: &Arc<Logs>,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, InvokeError> {
        let init = |why: String| InvokeError::Init(why);
        let (listener, address) = server::bind(0).await.map_err(|error| init(error.to_string()))?;
        let mut child = Command::new(binary)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .current_dir(binary.parent().unwrap_or(Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0) // Ctrl-C at the terminal is for the stack, which ends its functions itself
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| init(format!("cannot run {}: {error}", binary.display())))?;

        let (queue, invocations) = mpsc::unbounded_channel();
        let (ready_sender, mut ready) = watch::channel(false);
        let api = Arc::new(RuntimeApi::new(invocations, ready_sender));
        let handler = Arc::clone(&api);
        let served = server::serve(listener, MAX_PAYLOAD + 1024, move |request| {
            let api = Arc::clone(&handler);
            async move { api.answer(request).await }
        });
        for pipe in [child.stdout.take().map(Pipe::Out), child.stderr.take().map(Pipe::Err)].into_iter().flatten() {
            let logs = Arc::clone(logs);
            tokio::spawn(async move {
                match pipe {
                    Pipe::Out(pipe) => logs.follow(pipe).await,
                    Pipe::Err(pipe) => logs.follow(pipe).await,
                }
            });
        }
        let (exited_sender, exited) = watch::channel(None);
        let kill = Arc::new(Notify::new());
        let killed = Arc::clone(&kill);
        tokio::spawn(async move {
            let status = wait(child, &killed).await;
            served.abort();
            exited_sender.send_replace(Some(status));
            drop(permit);
        });

        let process = Self { serial, queue, exited, kill, idle_since: Mutex::new(Instant::now()) };
        let began = tokio::select! {
            biased;
            began = ready.wait_for(|ready| *ready) => began.is_ok(),
            _ = process.exited() => false,
            () = tokio::time::sleep(INIT_LIMIT) => false,
        };
        if began {
            return Ok(process);
        }
        let status = process.has_exited();
        process.kill().await;
        let reported = api.init_error.lock().ok().and_then(|mut error| error.take());
        Err(init(reported.or(status).unwrap_or_else(|| format!("no `/next` within {} s", INIT_LIMIT.as_secs()))))
    }

    /// `false` when the process is gone.
    pub(crate) fn send(&self, invocation: Invocation) -> bool {
        self.queue.send(invocation).is_ok()
    }

    pub(crate) fn has_exited(&self) -> Option<String> {
        self.exited.borrow().clone()
    }

    /// Wait for its end; the exit status in words.
    pub(crate) async fn exited(&self) -> String {
        let mut exited = self.exited.clone();
        let status = exited.wait_for(Option::is_some).await.map(|status| status.clone());
        status.ok().flatten().unwrap_or_else(|| "unknown".to_owned())
    }

    pub(crate) fn begin_kill(&self) {
        self.kill.notify_one();
    }

    pub(crate) async fn kill(&self) -> String {
        self.begin_kill();
        self.exited().await
    }

    pub(crate) fn rest(&self) {
        if let Ok(mut since) = self.idle_since.lock() {
            *since = Instant::now();
        }
    }

    pub(crate) fn idle_since(&self) -> Instant {
        self.idle_since.lock().map_or_else(|_| Instant::now(), |since| *since)
    }
}

enum Pipe {
    Out(tokio::process::ChildStdout),
    Err(tokio::process::ChildStderr),
}

async fn wait(mut child: Child, kill: &Notify) -> String {
    let status = tokio::select! {
        status = child.wait() => status,
        () = kill.notified() => {
            let _ = child.start_kill();
            child.wait().await
        }
    };
    status.map_or_else(|error| error.to_string(), |status| status.to_string())
}
