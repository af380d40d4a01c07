//! `cargo run -p aura-local`: build the functions, start the stack, say where it is, serve until
//! Ctrl-C or SIGTERM. Absent: watching the sources (start it again, it takes a moment).

#![expect(clippy::disallowed_methods, reason = "the command takes settings from its environment")]
#![expect(clippy::print_stderr, reason = "the command speaks to a terminal")]

mod cargo;
mod summary;

use aura_local::{Error, Result, Stack, find_template};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};

/// Run everything that template.yaml deploys, on 127.0.0.1: no container, no account.
#[derive(Parser)]
#[command(name = "aura-local", version, after_help = AFTER)]
struct Options {
    /// Port of the HTTP API and of the page; 0 takes any free one
    #[arg(long, default_value_t = 8787)]
    port: u16,
    /// Port of the WebSocket API; 0 takes any free one
    #[arg(long, default_value_t = 8788)]
    ws_port: u16,
    /// Keep tables and secrets in this directory; without it they are gone when the stack ends
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Read settings from a file of NAME=value lines; they win over the environment
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Run the function binaries as they are
    #[arg(long)]
    no_build: bool,
    /// Build and run the functions with optimisation
    #[arg(long)]
    release: bool,
    /// Write all addresses to this file as JSON, once everything answers
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    /// The template; without it, template.yaml here or in a directory above
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
}

const AFTER: &str = "Settings are the functions' variables, the template's parameters and the keys of its secrets, such as \
OPENAI_API_KEY, OPENAI_BASE_URL, JWT_EXPIRES_IN or CORS_ORIGINS. Set them in the environment or in --env-file. \
The key of a provider goes into the emulated Secrets Manager in memory, never to disk.";

fn main() -> ExitCode {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve(Options::parse(), started)),
        Err(error) => Err(Error::new(format!("cannot start: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aura-local: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options, mut started: Instant) -> Result<()> {
    let failed = |error: std::io::Error| Error::new(format!("cannot wait for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let serving = async {
        let template = match &options.template {
            Some(template) => template.clone(),
            None => {
                let here = std::env::current_dir()
                    .map_err(|error| Error::new(format!("there is no current directory: {error}")))?;
                find_template(&here).or_else(|error| match std::env::var_os("CARGO_MANIFEST_DIR") {
                    Some(manifest) => find_template(manifest.as_ref()),
                    None => Err(error),
                })?
            }
        };
        let root = template.canonicalize().ok().and_then(|path| path.parent().map(PathBuf::from)).unwrap_or_default();
        if !options.no_build {
            cargo::build(&root, options.release).await?;
            started = Instant::now();
        }
        let binaries = cargo::binaries(&root, options.release);
        let mut builder = Stack::builder()
            .template(template)
            .binaries(move |name| binaries.join(name))
            .environment(
                std::env::vars_os()
                    .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
            )
            .port(options.port)
            .ws_port(options.ws_port)
            .echo(true);
        if let Some(file) = &options.env_file {
            builder = builder.env_file(file)?;
        }
        if let Some(data) = &options.data {
            builder = builder.data(data);
        }
        let stack = builder.start().await?;
        if let Some(file) = &options.addresses {
            summary::write(file, &stack)?;
        }
        summary::print(&stack, options.data.as_deref(), started.elapsed());
        // Served on the stack's own runtime, until a signal drops it.
        std::future::pending::<Result<()>>().await
    };
    tokio::select! {
        outcome = serving => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}
