//! Lambda: one process per concurrent invocation, cold start on demand, warm reuse (the most recently
//! used process first). A process that crashes or outlives the template's timeout fails its
//! invocation, and the next one gets a fresh process.
//!
//! Absent: versions and aliases, layers, reserved concurrency. Where an account allows 1,000 concurrent
//! invocations, this machine's limit is the number of processes; a caller waits a while for one before
//! it is throttled, and an asynchronous invocation (`background`) waits as long as it takes.

mod background;
pub(crate) mod environment;
mod error;
mod faults;
pub(crate) mod invoke_api;
mod logs;
mod process;
mod runtime_api;

pub(crate) use background::MAX_EVENT;
pub use error::InvokeError;
pub use faults::Fault;
pub(crate) use faults::Faults;
pub(crate) use logs::Logs;

use crate::activity::Activity;
use crate::template::{ACCOUNT, Function, REGION};
use crate::{clock, random};
use environment::Endpoints;
use hyper::body::Bytes;
use process::Process;
use runtime_api::Invocation;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

pub(crate) const MAX_PAYLOAD: usize = 6 * 1024 * 1024;
const INIT_LIMIT: Duration = Duration::from_secs(10);
const IDLE_LIMIT: Duration = Duration::from_secs(600);
/// Warm processes that may turn out to be dead, for one invocation.
const REDELIVERIES: usize = 5;
const QUEUE_LIMIT: Duration = Duration::from_secs(10);

pub(crate) struct Lambda {
    pools: BTreeMap<String, Pool>,
    endpoints: Endpoints,
    /// One for each process that may still be started.
    permits: Arc<Semaphore>,
    /// Invocations that wait for a process.
    waiting: AtomicUsize,
    serial: AtomicU64,
    pub(crate) faults: Faults,
    pub(crate) activity: Activity,
}

struct Pool {
    function: Function,
    binary: PathBuf,
    logs: Arc<Logs>,
    idle: Mutex<Vec<Arc<Process>>>,
    /// A process has become idle.
    freed: Notify,
    /// Of the invocations that wait, those of this function.
    waiting: AtomicUsize,
    living: Mutex<Vec<Arc<Process>>>,
}

impl Lambda {
    pub(crate) fn new(functions: Vec<(Function, PathBuf)>, endpoints: Endpoints, processes: usize, echo: bool) -> Self {
        let pool = |(function, binary): (Function, PathBuf)| {
            let logs = Arc::new(Logs::new(&function.name, echo));
            let name = function.name.clone();
            let (idle, living) = (Mutex::default(), Mutex::default());
            let (freed, waiting) = (Notify::new(), AtomicUsize::new(0));
            (name, Pool { function, binary, logs, idle, freed, waiting, living })
        };
        Self {
            pools: functions.into_iter().map(pool).collect(),
            endpoints,
            permits: Arc::new(Semaphore::new(processes)),
            waiting: AtomicUsize::new(0),
            serial: AtomicU64::new(1),
            faults: Faults::default(),
            activity: Activity::default(),
        }
    }

    pub(crate) fn logs(&self, function: &str) -> Option<Arc<Logs>> {
        self.pools.get(function).map(|pool| Arc::clone(&pool.logs))
    }

    /// A line about a function that is not its own.
    pub(crate) fn log(&self, function: &str, line: String) {
        if let Some(pool) = self.pools.get(function) {
            pool.logs.push(line);
        }
    }

    /// The environments for processes that somebody else starts (benchmarks, a debugger).
    pub(crate) fn environments(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let environment =
            |pool: &Pool| environment::of(&pool.function, &pool.binary, &self.endpoints, None).into_iter().collect();
        self.pools.iter().map(|(name, pool)| (name.clone(), environment(pool))).collect()
    }

    pub(crate) async fn invoke(&self, name: &str, event: Bytes) -> Result<Bytes, InvokeError> {
        self.invoke_under(name, event, None).await
    }

    /// With a fault of the caller's choice, unless a test has planned another for this invocation.
    pub(crate) async fn invoke_under(
        &self,
        name: &str,
        event: Bytes,
        fault: Option<Fault>,
    ) -> Result<Bytes, InvokeError> {
        let id = random::uuid().map_err(|error| InvokeError::Init(error.to_string()))?;
        self.invoke_as(&id, name, event, fault).await
    }

    async fn invoke_as(&self, id: &str, name: &str, event: Bytes, fault: Option<Fault>) -> Result<Bytes, InvokeError> {
        let pool = self.pools.get(name).ok_or_else(|| InvokeError::NoSuchFunction(name.to_owned()))?;
        if event.len() > MAX_PAYLOAD {
            return Err(InvokeError::RequestTooLarge(event.len()));
        }
        let _underway = self.activity.begin();
        match self.faults.next(name).or(fault) {
            None => self.deliver(pool, id, event, None).await,
            Some(Fault::Drop) => Err(InvokeError::Dropped),
            Some(Fault::KillAfter(delay)) => self.deliver(pool, id, event, Some(delay)).await,
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                self.deliver(pool, id, event, None).await
            }
            Some(Fault::Duplicate) => {
                let twice = (self.deliver(pool, id, event.clone(), None), self.deliver(pool, id, event, None));
                tokio::join!(twice.0, twice.1).0
            }
        }
    }

    async fn deliver(
        &self,
        pool: &Pool,
        id: &str,
        event: Bytes,
        kill_after: Option<Duration>,
    ) -> Result<Bytes, InvokeError> {
        for _ in 0..REDELIVERIES {
            let process = self.acquire(pool).await?;
            let outcome = run(pool, &process, id, event.clone(), kill_after).await;
            if process.has_exited().is_none() && !matches!(outcome, Outcome::Done(Err(InvokeError::Crashed(_)))) {
                self.release(pool, process);
            }
            match outcome {
                Outcome::Done(result) => return result,
                Outcome::NotDelivered => {} // a warm process that had died meanwhile: no harm done yet
            }
        }
        Err(InvokeError::Crashed("every process died between two invocations".to_owned()))
    }

    /// An idle process, or a new one, or the first of both that is to be had.
    async fn acquire(&self, pool: &Pool) -> Result<Arc<Process>, InvokeError> {
        let give_up = Instant::now() + QUEUE_LIMIT;
        let mut waiting = None;
        loop {
            while let Some(process) = lock(&pool.idle).pop() {
                if process.has_exited().is_none() {
                    return Ok(process);
                }
            }
            if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
                return self.start(pool, permit).await;
            }
            waiting.get_or_insert_with(|| Waiting::new([&self.waiting, &pool.waiting]));
            self.evict();
            tokio::select! {
                biased;
                () = pool.freed.notified() => {}
                permit = Arc::clone(&self.permits).acquire_owned() => match permit {
                    Ok(permit) => return self.start(pool, permit).await,
                    Err(_) => return Err(InvokeError::Throttled), // the stack is ending
                },
                () = tokio::time::sleep_until(give_up) => return Err(InvokeError::Throttled),
            }
        }
    }

    async fn start(&self, pool: &Pool, permit: OwnedSemaphorePermit) -> Result<Arc<Process>, InvokeError> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let environment = environment::of(&pool.function, &pool.binary, &self.endpoints, Some(serial));
        let process = Arc::new(Process::start(&pool.binary, &environment, serial, &pool.logs, permit).await?);
        let mut living = lock(&pool.living);
        living.retain(|process| process.has_exited().is_none());
        living.push(Arc::clone(&process));
        Ok(process)
    }

    /// It has answered: its own function's next invocation gets it, or it makes room for another's.
    fn release(&self, pool: &Pool, process: Arc<Process>) {
        process.rest();
        lock(&pool.idle).push(process);
        pool.freed.notify_one();
        if pool.waiting.load(Ordering::SeqCst) == 0 && self.waiting.load(Ordering::SeqCst) > 0 {
            self.evict();
        }
    }

    /// Make room: end the process that has been idle longest.
    fn evict(&self) {
        let oldest =
            self.pools.values().filter_map(|pool| lock(&pool.idle).first().map(|process| (process.idle_since(), pool)));
        if let Some((_, pool)) = oldest.min_by_key(|(since, _)| *since) {
            let mut idle = lock(&pool.idle);
            if !idle.is_empty() {
                idle.remove(0).begin_kill();
            }
        }
    }

    /// End processes that have been idle for long; for a task that runs now and then.
    pub(crate) fn reap(&self) {
        for pool in self.pools.values() {
            lock(&pool.idle).retain(|process| {
                let keep = process.idle_since().elapsed() < IDLE_LIMIT;
                if !keep {
                    process.begin_kill();
                }
                keep
            });
        }
    }

    /// Kill one process of a function and wait for its end.
    pub(crate) async fn kill(&self, function: &str, serial: u64) {
        let found =
            self.pools.get(function).and_then(|pool| lock(&pool.living).iter().find(|p| p.serial == serial).cloned());
        if let Some(process) = found {
            process.kill().await;
        }
    }

    /// The serials of a function's living processes.
    pub(crate) fn living(&self, function: &str) -> Vec<u64> {
        let Some(pool) = self.pools.get(function) else { return Vec::new() };
        lock(&pool.living)
            .iter()
            .filter(|process| process.has_exited().is_none())
            .map(|process| process.serial)
            .collect()
    }

    /// No more processes: every one is killed and waited for.
    pub(crate) async fn shut_down(&self) {
        self.permits.close();
        let living: Vec<_> = self.pools.values().flat_map(|pool| std::mem::take(&mut *lock(&pool.living))).collect();
        living.iter().for_each(|process| process.begin_kill());
        for process in living {
            process.exited().await;
        }
    }
}

/// Counts somebody who waits, until it is dropped.
struct Waiting<'a>([&'a AtomicUsize; 2]);

impl<'a> Waiting<'a> {
    fn new(counters: [&'a AtomicUsize; 2]) -> Self {
        for counter in counters {
            counter.fetch_add(1, Ordering::SeqCst);
        }
        Self(counters)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        for counter in self.0 {
            counter.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

enum Outcome {
    Done(Result<Bytes, InvokeError>),
    NotDelivered,
}

async fn run(pool: &Pool, process: &Process, id: &str, event: Bytes, kill_after: Option<Duration>) -> Outcome {
    let (reply, mut answered) = oneshot::channel();
    let delivered = Arc::new(AtomicBool::new(false));
    let function = &pool.function;
    let sent = process.send(Invocation {
        id: id.to_owned(),
        arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", function.name),
        deadline_ms: clock::epoch_ms() + function.timeout.as_secs() * 1000,
        event,
        reply,
        delivered: Arc::clone(&delivered),
    });
    if !sent {
        return Outcome::NotDelivered;
    }
    let killed = async {
        match kill_after {
            Some(delay) => tokio::time::sleep(delay).await,
            None => std::future::pending().await,
        }
    };
    let status = tokio::select! {
        biased;
        Ok(result) = &mut answered => return Outcome::Done(result),
        status = process.exited() => status,
        () = killed => process.kill().await,
        () = tokio::time::sleep(function.timeout) => {
            process.kill().await;
            let error = InvokeError::TimedOut(function.timeout);
            pool.logs.push(format!("{id} {error}"));
            return Outcome::Done(Err(error));
        }
    };
    // It may have answered with its last breath.
    if let Ok(result) = answered.try_recv() {
        return Outcome::Done(result);
    }
    if !delivered.load(Ordering::SeqCst) && kill_after.is_none() {
        return Outcome::NotDelivered;
    }
    let error = InvokeError::Crashed(status);
    pool.logs.push(format!("RequestId: {id} Error: {error}"));
    Outcome::Done(Err(error))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
