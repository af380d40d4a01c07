//! `cargo run --release -p aura-bench`: what every function costs, beside a bare hello-world built with the same
//! profile, in one run. It builds what it needs, starts the local stack, and prints a table and the bars it is held to.
//!
//! | column | what it is |
//! |---|---|
//! | size | the stripped binary |
//! | init | spawn to the first `GET /next`; runs take turns over all functions, so that noise is shared |
//! | cpu | the CPU time of init, which other work on the machine changes least |
//! | first | spawn to the response to one valid event |
//! | warm | event to response, in one process |
//! | calls | DynamoDB calls of one warm invocation, and how many had to follow one another |
//!
//! Then it measures what we add to a provider's call: warm calls of generate-form through the whole stack beside calls of
//! a provider that answers at once, by 1 and by 16 callers, and the function's share of it.
//!
//! Then rooms: edits of 2 to 1,000 connections, acknowledged and arrived.
//!
//! `--only PART` measures one part (see `--help`). `--quick` makes few runs, `--runs N` as many as asked for. It is never a test: a busy machine would fail it.
//! Deliberately absent: TLS, networks and Lambda's own share of CPU, which only AWS has.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints a table")]
#![expect(clippy::disallowed_methods, reason = "it stands in for Lambda, which tells functions the time")]

mod images;
mod numbers;
mod overhead;
mod provider;
mod report;
mod rooms;
mod rounds;
mod runtime_api;
mod search;
mod wire;
mod world;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use numbers::Times;
use rounds::{Cost, Counter};
use runtime_api::Process;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use world::World;

/// What every function costs, beside a bare hello-world built with the same profile.
#[derive(Parser)]
#[command(name = "aura-bench", version)]
struct Options {
    /// Few runs: a first look in seconds
    #[arg(long)]
    quick: bool,
    /// Cold starts of each function
    #[arg(long, value_name = "N")]
    runs: Option<usize>,
    /// Only this part, or these; otherwise all of them
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Measure the binaries as they are, beside this one
    #[arg(long)]
    no_build: bool,
}

/// What is measured, each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Size, start, response times and DynamoDB calls of every function
    Functions,
    /// What we add to a provider's call
    Overhead,
    /// What a picture takes, and the memory of the functions that work on one
    Images,
    /// Search in the built-in store, beside brute force
    Search,
    /// Edits of rooms of 2 to 1,000 connections
    Rooms,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// What was measured of one function.
struct Measured {
    name: String,
    binary: PathBuf,
    environment: BTreeMap<String, String>,
    bytes: u64,
    init: Times,
    cpu: Times,
    first: Times,
    warm: Times,
    cost: Option<Cost>,
}

const HELLO: &str = "hello";

fn main() -> Result<()> {
    let options = Options::parse();
    let runs = options.runs.unwrap_or(if options.quick { 7 } else { 30 }).max(1);
    let warm = if options.quick { 15 } else { 50 };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    let itself = std::env::current_exe()?;
    let built = itself.parent().context("this binary lies nowhere")?.to_owned();
    if !options.no_build {
        if cfg!(debug_assertions) {
            bail!("only optimised binaries say something: cargo run --release -p aura-bench");
        }
        build(&root)?;
    }
    let template = root.join("template.yaml");
    let provider = provider::start()?;
    if options.wants(Part::Functions) || options.wants(Part::Overhead) {
        let address = format!("http://{provider}/v1");
        let settings = [("OPENAI_API_KEY", "sk-bench"), ("OPENAI_BASE_URL", address.as_str())];
        let mut world = World::start(&template, built.clone(), &settings)?;
        if options.wants(Part::Functions) {
            let functions = functions(&mut world, &built, runs, warm)?;
            report::print(&functions, runs, warm);
        }
        if options.wants(Part::Overhead) {
            report::print_overhead(&overhead::measure(&mut world, provider, &built.join("generate-form"))?);
        }
    }
    if options.wants(Part::Images) {
        let provider = images::Provider::start()?;
        let address = format!("http://{}", provider.address);
        let settings = [
            ("GOOGLE_VISION_API_KEY", "bench"),
            ("GOOGLE_VISION_BASE_URL", &address),
            ("REMOVEBG_API_KEY", "bench"),
            ("REMOVEBG_BASE_URL", &address),
        ];
        let mut world = World::start(&template, built.clone(), &settings)?;
        report::print_images(&images::measure(&mut world, &provider, &built)?);
    }
    if options.wants(Part::Search) {
        search::print(&search::measure(&template, built.clone())?);
    }
    if options.wants(Part::Rooms) {
        report::print_rooms(&rooms::measure(&template, built)?);
    }
    Ok(())
}

fn functions(world: &mut World, built: &Path, runs: usize, warm: usize) -> Result<Vec<Measured>> {
    let mut functions = Vec::new();
    for name in [HELLO.to_owned()].into_iter().chain(world.functions()) {
        let environment = if name == HELLO { hello() } else { world.environment(&name)? };
        let binary = built.join(&name);
        let bytes = binary.metadata().with_context(|| format!("there is no {}", binary.display()))?.len();
        let (init, cpu, first, warm) = Default::default();
        functions.push(Measured { name, binary, environment, bytes, init, cpu, first, warm, cost: None });
    }
    cold(world, &mut functions, runs)?;
    for function in &mut functions {
        eprintln!("warm calls of {}", function.name);
        invoke_warm(world, function, warm)?;
        count(world, function)?;
    }
    Ok(functions)
}

fn build(root: &Path) -> Result<()> {
    let status = Command::new("cargo").args(["build", "--release", "--workspace", "--bins"]).current_dir(root).status();
    if status.context("cannot run cargo")?.success() { Ok(()) } else { bail!("the functions do not build") }
}

/// The names that Lambda itself sets and the runtime reads.
fn hello() -> BTreeMap<String, String> {
    let names = [
        ("AWS_LAMBDA_FUNCTION_NAME", HELLO),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_REGION", "us-east-1"),
    ];
    names.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Cold starts: one of each function in turn, each with one invocation.
fn cold(world: &mut World, functions: &mut [Measured], runs: usize) -> Result<()> {
    // The first round, which reads the binaries from disk, is thrown away.
    for run in 0..=runs {
        eprintln!("cold starts, round {run} of {runs}");
        for function in &mut *functions {
            let event = world.event(&function.name)?;
            let mut process = Process::start(&function.binary, &function.environment)?;
            let first = match event {
                Some(event) => Some(invoke(&function.name, &mut process, &event)?.since_spawn),
                None => None,
            };
            if run > 0 {
                function.init.add(process.init);
                process.cpu.into_iter().for_each(|cpu| function.cpu.add(cpu));
                first.into_iter().for_each(|first| function.first.add(first));
            }
        }
    }
    Ok(())
}

fn invoke_warm(world: &mut World, function: &mut Measured, times: usize) -> Result<()> {
    let mut process = Process::start(&function.binary, &function.environment)?;
    for time in 0..=times {
        let Some(event) = world.event(&function.name)? else { return Ok(()) };
        let took = invoke(&function.name, &mut process, &event)?.took;
        if time > 0 {
            function.warm.add(took);
        }
    }
    Ok(())
}

/// The dearest of a few warm invocations, after the two that open connections and fill caches.
fn count(world: &mut World, function: &mut Measured) -> Result<()> {
    let mut counter = Counter::start(world.dynamodb())?;
    let mut environment = function.environment.clone();
    environment.insert("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), counter.endpoint.clone());
    world.fresh_account();
    let mut process = Process::start(&function.binary, &environment)?;
    for time in 0..7 {
        let Some(event) = world.event(&function.name)? else { return Ok(()) };
        invoke(&function.name, &mut process, &event)?;
        let cost = counter.take();
        if time >= 2 {
            let dearest = function.cost.get_or_insert_default();
            *dearest = Cost { calls: dearest.calls.max(cost.calls), rounds: dearest.rounds.max(cost.rounds) };
        }
    }
    Ok(())
}

fn invoke(name: &str, process: &mut Process, event: &[u8]) -> Result<runtime_api::Answer> {
    let answer = process.invoke(event).with_context(|| format!("{name} failed"))?;
    world::check(name, &answer.body)?;
    Ok(answer)
}
