//! The root key that a verb signs with, as an argument.

use std::path::PathBuf;

use xmap_compiler::diagnostic::Diagnostic;
use xmap_trust::SecretKey;

#[derive(clap::Args)]
pub(super) struct RootKey {
    /// The owner's secret root key, as `xmap keygen` wrote it
    #[arg(short, long, value_name = "FILE")]
    key: PathBuf,
}

impl RootKey {
    /// Reads the file.
    ///
    /// # Errors
    /// Those of [`xmap_keys::read_key`].
    pub(super) fn read(&self) -> Result<SecretKey, Diagnostic> {
        xmap_keys::read_key(&self.key)
    }
}
