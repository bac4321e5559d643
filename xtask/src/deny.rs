//! `cargo xtask deny`: licences, sources and advisories of the dependencies, by the rules of
//! `deny.toml`. Needs the program `cargo-deny` and the network.

use crate::cargo::Cargo;
use crate::failure::{Failure, no_arguments};

/// Runs `cargo deny check`.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("deny", args)?;
    Cargo::new(["deny", "--version"]).run().map_err(|_| {
        Failure::Failed("this needs cargo-deny: `cargo install cargo-deny --locked`".to_owned())
    })?;
    Cargo::new(["deny", "--workspace", "check"]).run()
}
