//! `cargo xtask bench SUITE`: runs one suite of `bench/`, a workspace of its own so that tests
//! never build the rivals. Must never know a suite: the list lives there.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Builds the benchmarks in release mode and runs the suite that `args` names.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if args.is_empty() {
        return Err(Failure::Usage(format!("`bench` needs a suite: {SUITES}")));
    }
    Cargo::new(["run", "--release", "--manifest-path", "bench/Cargo.toml", "--"]).args(args).run()
}

const SUITES: &str = "try `cargo xtask bench exec`; `cargo xtask bench --help` lists them all";
