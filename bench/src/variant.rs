//! Other builds of our runtime, to compare with: the program of a storm, built with a `cfg`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the runtime is built with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Variant {
    /// What everybody gets.
    Shipped,
    /// A `malloc` for each task.
    MallocCells,
    /// Nothing is counted.
    NoCounters,
}

impl Variant {
    fn cfg(self) -> Option<&'static str> {
        match self {
            Self::Shipped => None,
            Self::MallocCells => Some("moirai_malloc_cells"),
            Self::NoCounters => Some("moirai_no_counters"),
        }
    }

    /// Builds the program of a storm; returns where it lies.
    ///
    /// # Errors
    ///
    /// If cargo cannot be started, or says that it failed.
    pub(crate) fn storm(self) -> Result<PathBuf, String> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut target = here.join("target");
        let mut flags = env::var("RUSTFLAGS").unwrap_or_default();
        if let Some(cfg) = self.cfg() {
            target.push(cfg);
            flags = format!("{flags} --cfg {cfg}").trim().to_owned();
        }
        println!("building moirai-storm with `RUSTFLAGS=\"{flags}\"` ..");
        let built = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--quiet", "--release", "--locked", "--manifest-path"])
            .arg(here.join("storm/Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            .env("RUSTFLAGS", flags)
            .status()
            .map_err(|error| format!("cannot start cargo: {error}"))?;
        match built.success() {
            true => Ok(target.join("release/moirai-storm")),
            false => Err(format!("cargo failed ({built})")),
        }
    }
}
