//! The directory of `--data`: for its owner's eyes, and for one stack at a time.

use crate::error::{Error, Result};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(crate) struct Data {
    pub(crate) tables: PathBuf,
    pub(crate) secrets: PathBuf,
    /// Held for the life of the stack; the system lets go of it however the stack ends.
    _lock: File,
}

impl Data {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let failed = |error| Error::new(format!("cannot use {} for data: {error}", directory.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        // Files are made before the engine would make them, so that their mode is ours.
        let file = |name: &str| OpenOptions::new().append(true).create(true).mode(0o600).open(directory.join(name));
        let lock = file("lock").map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(format!("another stack is using {}", directory.display())));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file("dynamodb.sqlite").map_err(failed)?;
        Ok(Self { tables: directory.join("dynamodb.sqlite"), secrets: directory.join("secrets.json"), _lock: lock })
    }
}
