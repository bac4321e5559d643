//! `cargo xtask test`: the README's test command. Knows only which tests there are to run.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs the unit, integration and documentation tests of every crate.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    Cargo::new(["test", "--workspace"]).args(args).run()
}
