//! `cargo xtask ci`: everything a change must pass, the same here as on the server.
//!
//! Knows the steps and their order: cheap and likely to fail first. `tidy` and `features` have no
//! step of their own because they are tests.

use std::time::{Duration, Instant};

use crate::cargo::Cargo;
use crate::failure::{Failure, no_arguments};
use crate::{crossbeam, examples, loom, platforms, shuttle, test, tokei};

struct Step {
    name: &'static str,
    run: fn() -> Result<(), Failure>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: format },
    Step { name: "clippy", run: clippy },
    Step { name: "test", run: || test::run(&[]) },
    Step { name: "test, all features", run: features },
    Step { name: "crossbeam's tests", run: || crossbeam::run(&["--quick".to_owned()]) },
    Step { name: "tokei on our loops", run: || tokei::run(&[]) },
    Step { name: "examples", run: || examples::run(&[]) },
    Step { name: "docs", run: docs },
    Step { name: "platforms", run: || platforms::run(&[]) },
    Step { name: "loom (quick)", run: || loom::run(&["--quick".to_owned()]) },
    Step { name: "shuttle (quick)", run: || shuttle::run(&["--quick".to_owned()]) },
    Step { name: "bench compiles", run: bench },
    Step { name: "fuzz, a taste", run: fuzz },
];

/// Runs the steps in order and stops at the first that fails.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("ci", args)?;
    let mut times = Vec::new();
    for Step { name, run } in STEPS {
        eprintln!("\n== {name}");
        let start = Instant::now();
        let result = run();
        let time = start.elapsed();
        if let Err(Failure::Failed(why) | Failure::Usage(why)) = result {
            eprint!("{}", summary(&times));
            return Err(Failure::Failed(format!(
                "step `{name}` failed after {:.1} s: {why}",
                time.as_secs_f64()
            )));
        }
        times.push((*name, time));
    }
    eprint!("{}", summary(&times));
    eprintln!("all {} steps passed", STEPS.len());
    Ok(())
}

fn summary(times: &[(&str, Duration)]) -> String {
    let mut text = String::from("\n");
    for (name, time) in times {
        text.push_str(&format!("{name:<24} ok {:>8.1} s\n", time.as_secs_f64()));
    }
    text
}

fn format() -> Result<(), Failure> {
    Cargo::new(["fmt", "--all", "--check"]).run()?;
    for manifest in [BENCH, FUZZ] {
        Cargo::new(["fmt", "--manifest-path", manifest, "--all", "--check"]).run()?;
    }
    Ok(())
}

fn clippy() -> Result<(), Failure> {
    Cargo::new(["clippy", "--workspace", "--all-targets", "--all-features", "--locked"])
        .args(["--", "-D", "warnings"])
        .run()
}

/// The crates that have features: the channels by all of their tests, for whole modules are there only
/// with a feature, and the runtime by its tests of behaviour.
fn features() -> Result<(), Failure> {
    Cargo::new(["test", "-p", "moirai-sync", "--all-features", "--locked"]).run()?;
    Cargo::new(["test", "-p", "moirai-runtime", "--all-features", "--locked", "--test", "it"]).run()
}

fn docs() -> Result<(), Failure> {
    Cargo::new(["doc", "--workspace", "--no-deps"])
        .append_flags("RUSTDOCFLAGS", "-D warnings")
        .run()
}

fn bench() -> Result<(), Failure> {
    Cargo::new(["check", "--manifest-path", BENCH, "--workspace", "--all-targets", "--locked"])
        .run()
}

/// Without default features the targets need no engine, hence no C++ compiler; what they would run
/// gets random input from a plain test.
fn fuzz() -> Result<(), Failure> {
    for command in [["check", "--bins"], ["test", "--lib"]] {
        Cargo::new(command)
            .args(["--manifest-path", FUZZ, "--no-default-features", "--locked"])
            .run()?;
    }
    Ok(())
}

/// The manifests of the workspaces of their own.
const BENCH: &str = "bench/Cargo.toml";
const FUZZ: &str = "fuzz/Cargo.toml";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_lists_each_finished_step_with_its_time() {
        let text = summary(&[("format", Duration::from_millis(1500))]);
        assert_eq!(text, "\nformat                   ok      1.5 s\n");
    }
}
