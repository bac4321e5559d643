//! `cargo xtask loom`: explores the interleavings of every model in `<crate>/src/model/`.
//!
//! The models live inside the library under `cfg(moirai_loom)`, reach its private items and run
//! the shipped code. They get a target folder of their own: the flag changes every crate's hash.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs the models; `--quick` bounds the search to what fits in a check before a push.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut preemptions = PREEMPTIONS_FULL;
    let mut filter = "model";
    for arg in args {
        match arg.as_str() {
            "--quick" => preemptions = PREEMPTIONS_QUICK,
            flag if flag.starts_with('-') => return Err(Failure::unexpected("loom", flag)),
            name => filter = name,
        }
    }
    let mut cargo = Cargo::new(["test", "--release", "--lib", "--features", "moirai-sync/shm"])
        .args(["-p", "moirai-sync", "-p", "moirai-runtime", "--target-dir", "target/loom", filter])
        .append_flags("RUSTFLAGS", "--cfg moirai_loom")
        // Optimised, for there are many runs, but what the code asserts of itself is checked.
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    // A value from outside wins, as do the other `LOOM_*` variables, which pass through.
    if std::env::var_os(PREEMPTIONS_VARIABLE).is_none() {
        cargo = cargo.env(PREEMPTIONS_VARIABLE, preemptions);
    }
    cargo.run()
}

const PREEMPTIONS_VARIABLE: &str = "LOOM_MAX_PREEMPTIONS";
/// Most bugs of two and three threads need two forced switches.
const PREEMPTIONS_QUICK: &str = "2";
const PREEMPTIONS_FULL: &str = "3";
