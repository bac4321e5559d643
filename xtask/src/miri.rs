//! `cargo xtask miri`: the unit tests of the crates that hold `unsafe`, under Miri, which finds
//! undefined behaviour that tests alone cannot see. Needs a nightly toolchain with the component.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs Miri; `args` go to `cargo miri test`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    Cargo::of_toolchain("nightly")
        .args(["miri", "test", "--lib"])
        .args(["-p", "moirai-sync", "-p", "moirai-runtime", "--target-dir", "target/miri"])
        .args(args)
        .env("MIRIFLAGS", FLAGS)
        .run()
}

/// Threads park with timeouts and read the clock, which isolation forbids. The timer thread of a
/// process without a runtime never ends, which Miri counts as a leak.
const FLAGS: &str = "-Zmiri-disable-isolation -Zmiri-ignore-leaks";
