//! Building the functions with cargo, whose progress the developer sees, and finding what it built.

#![expect(clippy::disallowed_methods, reason = "cargo says in the environment where it is and where it builds")]

use aura_local::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Stdio;

pub(crate) async fn build(root: &Path, release: bool) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = tokio::process::Command::new(cargo);
    command.args(["build", "--workspace", "--bins"]).current_dir(root).stdin(Stdio::null()).kill_on_drop(true);
    if release {
        command.arg("--release");
    }
    let status = command.status().await.map_err(|error| Error::new(format!("cannot run cargo: {error}")))?;
    if status.success() { Ok(()) } else { Err(Error::new("the functions do not build; the reason is above")) }
}

pub(crate) fn binaries(root: &Path, release: bool) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    root.join(target).join(if release { "release" } else { "debug" })
}
