//! What we add to a provider's call: warm calls of generate-form through the whole local stack, beside calls of a provider
//! that answers at once, by one caller and by many; and how much of it is the function.

use crate::numbers::Times;
use crate::runtime_api::Process;
use crate::wire::Wire;
use crate::world::{self, World};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

const FUNCTION: &str = "generate-form";
const PATH: &str = "/api/ai/generate-form";
const MANY: usize = 16;
/// Calls of one account that are timed, below the AI limit as it is by default.
const CALLS: usize = 40;
/// Accounts that one caller uses up, one after the other.
const ACCOUNTS: usize = 5;

/// Whether an answer is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Made,
    Known,
}

impl Answer {
    const BOTH: [Self; 2] = [Self::Made, Self::Known];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Made => "made by the provider",
            Self::Known => "known",
        }
    }
}

/// What so many callers waited for.
pub(crate) struct Waited {
    pub(crate) callers: usize,
    /// The provider alone.
    pub(crate) direct: Times,
    /// Through the stack.
    pub(crate) through: Vec<(Answer, Times)>,
}

/// What the function takes of it, for one caller.
pub(crate) struct Inside {
    pub(crate) answer: Answer,
    /// Event to answer, its calls included.
    pub(crate) took: Times,
    /// CPU time of a call, where the kernel tells.
    pub(crate) cpu: Option<Duration>,
}

pub(crate) struct Overhead {
    pub(crate) waited: Vec<Waited>,
    pub(crate) inside: Vec<Inside>,
}

pub(crate) fn measure(world: &mut World, provider: SocketAddr, binary: &Path) -> Result<Overhead> {
    let mut waited = Vec::new();
    for callers in [1, MANY] {
        eprintln!("overhead: {callers} at a time");
        let (mut direct, mut through) = (Times::default(), Answer::BOTH.map(|answer| (answer, Times::default())));
        // They take turns, so that noise is shared.
        for _ in 0..if callers == 1 { ACCOUNTS } else { 1 } {
            together(callers, &mut direct, |_, times| alone(provider, times))?;
            for (answer, times) in &mut through {
                let tokens = (0..callers).map(|_| world.fresh_token()).collect::<Result<Vec<_>>>()?;
                let gateway = world.http()?;
                together(callers, times, |caller, times| call(gateway, &tokens[caller], *answer, times))?;
            }
        }
        waited.push(Waited { callers, direct, through: through.into() });
    }
    let inside = Answer::BOTH.map(|answer| look_inside(world, binary, answer));
    Ok(Overhead { waited, inside: inside.into_iter().collect::<Result<_>>()? })
}

/// So many threads at the same time.
fn together(callers: usize, all: &mut Times, call: impl Fn(usize, &mut Times) -> Result<()> + Sync) -> Result<()> {
    let call = &call;
    let results = std::thread::scope(|scope| {
        let thread = |caller| {
            scope.spawn(move || -> Result<Times> {
                let mut times = Times::default();
                call(caller, &mut times)?;
                Ok(times)
            })
        };
        let threads: Vec<_> = (0..callers).map(thread).collect();
        threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    for result in results {
        all.extend(result.map_err(|_| anyhow::anyhow!("a caller panicked"))??);
    }
    Ok(())
}

/// Calls the provider as the function does.
fn alone(provider: SocketAddr, times: &mut Times) -> Result<()> {
    let mut wire = Wire::open(provider)?;
    let question = "Registration for a city run, with a phone number and a t-shirt size. ".repeat(20);
    let body = json!({
        "model": "gpt-6-luna", "messages": [{"role": "user", "content": question}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "form"}},
    });
    for n in 0..=CALLS {
        let (took, _) = wire.post("/v1/chat/completions", "sk-bench", &body.to_string())?;
        if n > 0 {
            times.add(took);
        }
    }
    Ok(())
}

/// The request of a call: another one each time, unless its answer shall be known.
fn question(answer: Answer, n: usize) -> String {
    let form = if answer == Answer::Known { 0 } else { n };
    json!({"context": format!("Registration for a city run, with a phone number and a t-shirt size; form {form}")})
        .to_string()
}

fn call(gateway: SocketAddr, token: &str, expected: Answer, times: &mut Times) -> Result<()> {
    let mut wire = Wire::open(gateway)?;
    // The first call warms a process and finds out who calls; after it, an answer may be known.
    for n in 0..=CALLS {
        let (took, answer) = wire.post(PATH, token, &question(expected, n))?;
        if n > 0 {
            is(&answer, expected)?;
            times.add(took);
        }
    }
    Ok(())
}

/// Refuse to measure something else.
fn is(answer: &Value, expected: Answer) -> Result<()> {
    let cached = answer["cached"].as_bool().context("no answer")?;
    if answer["source"] != "openai" || cached != (expected == Answer::Known) {
        bail!("an answer is not {}: {answer}", expected.name());
    }
    Ok(())
}

fn look_inside(world: &mut World, binary: &Path, answer: Answer) -> Result<Inside> {
    let mut process = Process::start(binary, &world.environment(FUNCTION)?)?;
    let (mut took, mut cpu) = (Times::default(), None);
    for _ in 0..ACCOUNTS {
        let token = world.fresh_token()?;
        for n in 0..=CALLS {
            let body: Value = serde_json::from_str(&question(answer, n))?;
            let event = world::http("POST", PATH, 0, Some(&token), Some(&body)).to_string();
            let before = process.cpu_time();
            let answered = process.invoke(event.as_bytes())?;
            world::check(FUNCTION, &answered.body)?;
            if n > 0 {
                let body: Value = serde_json::from_slice(&answered.body)?;
                is(&serde_json::from_str(body["body"].as_str().unwrap_or_default())?, answer)?;
                took.add(answered.took);
                let used = process.cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before));
                cpu = used.map(|used| cpu.unwrap_or_default() + used).or(cpu);
            }
        }
    }
    let calls = u32::try_from(ACCOUNTS * CALLS)?;
    Ok(Inside { answer, took, cpu: cpu.map(|cpu: Duration| cpu / calls) })
}
