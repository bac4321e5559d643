//! `cargo xtask sanitize`: the crates that hold `unsafe` under AddressSanitizer, which sees what Miri is
//! too slow for: real threads, many tasks, deep trees of forks. Needs a nightly toolchain.
//!
//! A job of a fork lies on the stack of whoever waits for it, so frames are watched, too: one that is
//! used after its function has returned is found, as is memory of the heap. Leaks are Miri's affair:
//! here threads live on at the end of the program, whose memory is nobody else's.

use crate::cargo::Cargo;
use crate::failure::Failure;

/// Runs the tests; with `args`, only `cargo test` with them, in the same way.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let host = host(&Cargo::of_toolchain("nightly").args(["version", "--verbose"]).output()?)?;
    let mut cargo = Cargo::of_toolchain("nightly")
        // With a target of its own, what runs while it is built is not sanitized.
        .args(["test", "--target-dir", "target/sanitize", "--target", &host]);
    cargo = match args {
        [] => {
            cargo.args(WHAT).args(["--"]).args(UNFIT.iter().flat_map(|(name, _)| ["--skip", name]))
        }
        args => cargo.args(args),
    };
    cargo
        .append_flags("RUSTFLAGS", "-Zsanitizer=address")
        .env("ASAN_OPTIONS", "detect_stack_use_after_return=1:detect_leaks=0")
        .run()
}

/// What `cargo version --verbose` calls the machine.
fn host(version: &str) -> Result<String, Failure> {
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.map(|host| host.trim().to_owned());
    host.ok_or_else(|| Failure::Failed("cargo does not say what this machine is".to_owned()))
}

const WHAT: &[&str] = &["-p", "moirai-sync", "-p", "moirai-runtime", "--lib", "--test", "it"];

/// What cannot run here, and why.
const UNFIT: &[(&str, &str)] = &[
    ("a_task_of_any_size_has_a_name", "frames of 64 KiB take more than the stack of a test"),
    ("every_option_acts", "frames lie elsewhere, so nobody can tell what is left of the stack"),
    (
        "no_task_is_polled_inside_of_uninterruptible_work",
        "frames lie elsewhere, so nobody can tell what is left of the stack",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::repo;

    #[test]
    fn every_test_that_is_left_out_exists() {
        repo::assert_tests_exist(UNFIT.iter().map(|(name, _)| name));
    }

    #[test]
    fn the_machine_is_what_cargo_says() {
        let said = "cargo 1.97.0-nightly\nrelease: 1.97.0\nhost: x86_64-unknown-linux-gnu\nos: x\n";
        assert_eq!(host(said).unwrap(), "x86_64-unknown-linux-gnu");
        assert!(host("cargo 1.97.0\n").is_err());
    }
}
