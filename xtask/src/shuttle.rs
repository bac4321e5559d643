//! `cargo xtask shuttle`: random schedules of what is too large for loom, in `<crate>/src/random/`.
//!
//! The tests live inside the library under `cfg(moirai_shuttle)`, as the loom models do, and get a
//! target folder of their own for the same reason. A failure prints the seed and the schedule.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs the random schedules; `--quick` draws as many as fit in a check before a push.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut factor = FACTOR_FULL;
    let mut filter = FOLDER.to_owned();
    for arg in args {
        match arg.as_str() {
            "--quick" => factor = FACTOR_QUICK,
            flag if flag.starts_with('-') => return Err(Failure::unexpected("shuttle", flag)),
            // The unit tests run on no schedule of shuttle's, so the folder stays in the filter.
            name => filter = format!("{FOLDER}{name}"),
        }
    }
    let mut cargo = Cargo::new(["test", "--release", "--lib"])
        .args(["-p", "moirai-sync", "-p", "moirai-runtime", "--target-dir", "target/shuttle"])
        .args([filter.as_str(), "--", "--show-output"])
        .append_flags("RUSTFLAGS", "--cfg moirai_shuttle");
    // A value from outside wins, as do shuttle's own variables, which pass through.
    if std::env::var_os(FACTOR_VARIABLE).is_none() {
        cargo = cargo.env(FACTOR_VARIABLE, factor);
    }
    cargo.run()
}

/// The module of the tests.
const FOLDER: &str = "random::";

/// How many times as many schedules as each test names.
const FACTOR_VARIABLE: &str = "MOIRAI_SHUTTLE_FACTOR";
const FACTOR_QUICK: &str = "1";
const FACTOR_FULL: &str = "100";
