//! `cargo xtask platforms`: whether the libraries compile for systems that no test of ours runs on.
//!
//! Checks the targets that the toolchain has, and says which ones it has not: adding one needs the
//! network, which is for a person to decide.

use std::process::Command;

use crate::cargo::Cargo;
use crate::failure::{Failure, no_arguments};
use crate::repo;

/// Checks the facade, and with it every library, for each installed target of the list.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("platforms", args)?;
    let installed = installed();
    let is_there = |target: &&str| installed.lines().any(|line| line.trim() == *target);
    let (there, missing): (Vec<&str>, Vec<&str>) =
        TARGETS.iter().partition(|target| is_there(target));
    for target in &there {
        Cargo::new(["check", "--lib", "--package", "moirai", "--locked", "--target", target])
            .append_flags("RUSTFLAGS", "-D warnings")
            .run()?;
        eprintln!("{target:<28} compiles");
    }
    for target in &missing {
        eprintln!("{target:<28} not checked: `rustup target add {target}`");
    }
    Ok(())
}

/// What rustup lists; nothing where there is no rustup.
fn installed() -> String {
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "list", "--installed"]).current_dir(repo::root());
    rustup.output().map_or_else(
        |_| String::new(),
        |output| String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// What README.md says to compile.
const TARGETS: &[&str] =
    &["x86_64-pc-windows-gnu", "aarch64-unknown-linux-gnu", "x86_64-apple-darwin"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_names_every_target_that_is_checked() {
        let readme = include_str!("../../README.md");
        for target in TARGETS {
            assert!(readme.contains(target), "{target}");
        }
    }
}
