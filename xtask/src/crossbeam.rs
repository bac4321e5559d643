//! `cargo xtask crossbeam`: crossbeam-channel's own tests, run against our channels.
//!
//! The tests are copied from the registry's folder on this machine into `compat/crossbeam/tests/`,
//! as they are, and compiled against a package that has the names of crossbeam-channel and nothing
//! else of it. Git ignores the copies.
//!
//! Many of them sleep, and expect others to be as far by then, or look at the clock afterwards, some to
//! 50 ms: on a machine that is busy for a moment such a test fails whatever the channel does. A quick run
//! gives it more attempts, alone.

use std::fs;

use crate::cargo::Cargo;
use crate::failure::Failure;
use crate::{registry, repo};

/// Runs the tests, with `--quick` all but those that take long.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    let mut slow = Slow::Run;
    let mut files = Vec::new();
    for arg in args {
        match arg.as_str() {
            "--quick" => slow = Slow::LeaveOut,
            flag if flag.starts_with('-') => return Err(Failure::unexpected("crossbeam", flag)),
            file => files.push(file.to_owned()),
        }
    }
    let copied = copy_tests()?;
    if files.is_empty() {
        files = copied;
    }
    for file in files {
        let mut cargo = Cargo::new(["test", "--manifest-path", MANIFEST, "--locked"])
            .args(["--test", &file, "--"]);
        if slow == Slow::LeaveOut {
            let of_file = SLOW.iter().filter(|(slow, _)| *slow == file);
            cargo = cargo.args(of_file.flat_map(|(_, test)| ["--skip", *test]));
        }
        if ONE_AT_A_TIME.contains(&file.as_str()) {
            cargo = cargo.args(["--test-threads=1"]);
        }
        let (mut failed, mut ended) = (Vec::new(), false);
        let result = cargo.run_and_read(|line| {
            failed.extend(failed_test(line).map(str::to_owned));
            ended |= line.starts_with("test result: ");
        });
        if !ended {
            // The program did not come to its end, and no test alone says why.
            failed.clear();
        }
        match slow {
            Slow::Run => result?,
            Slow::LeaveOut => result.or_else(|failure| run_again(&file, &failed, failure))?,
        }
    }
    Ok(())
}

/// Runs each of the `failed` tests of `file` alone; fails unless each is about time, and passes in the end.
fn run_again(file: &str, failed: &[String], failure: Failure) -> Result<(), Failure> {
    let path = repo::root().join(PACKAGE).join("tests").join(file).with_extension("rs");
    let text = fs::read_to_string(path).unwrap_or_default();
    if failed.is_empty() || !failed.iter().all(|test| is_about_time(&text, test)) {
        return Err(failure);
    }
    let passes = |test: &str| {
        let mut cargo = Cargo::new(["test", "--manifest-path", MANIFEST, "--locked"]);
        cargo = cargo.args(["--test", file, "--", "--exact", test]);
        cargo.run().is_ok()
    };
    let passes_again = |test: &String| (0..ATTEMPTS_MAX).any(|_| passes(test));
    if failed.iter().all(passes_again) { Ok(()) } else { Err(failure) }
}

/// The test that a line of the test program's says has failed.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// Whether a test of this file says how many milliseconds something takes.
fn is_about_time(text: &str, test: &str) -> bool {
    let name = test.rsplit("::").next().unwrap_or(test);
    let mut tests = text.split("#[test]").skip(1);
    tests.any(|test| test.contains(&format!("fn {name}()")) && test.contains("ms("))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slow {
    Run,
    LeaveOut,
}

/// Copies the tests; returns the names of their files.
fn copy_tests() -> Result<Vec<String>, Failure> {
    let source = registry::source_of(MANIFEST, ORIGINAL)?.join("tests");
    let target = repo::root().join(PACKAGE).join("tests");
    let mut names = Vec::new();
    for file in registry::files(&source)? {
        let Some(name) = file.to_str().and_then(|name| name.strip_suffix(".rs")) else { continue };
        registry::write(&target.join(&file), &registry::read(&source.join(&file))?)?;
        names.push(name.to_owned());
    }
    Ok(names)
}

/// The version is pinned in the manifest; this is the same.
const ORIGINAL: &str = "crossbeam-channel-0.5.17";
const PACKAGE: &str = "compat/crossbeam";
const MANIFEST: &str = "compat/crossbeam/Cargo.toml";

/// Files whose tests run one at a time: in `golang`, `select2::main` compares what the whole process
/// has allocated before and after, which the tests beside it change.
const ONE_AT_A_TIME: &[&str] = &["golang"];

/// How often a test that may be late is run again.
const ATTEMPTS_MAX: u32 = 3;

/// What takes more than a few seconds: file and test.
const SLOW: &[(&str, &str)] = &[
    ("after", "stress_clone"),
    ("array", "drops"),
    ("array", "mpmc"),
    ("array", "spsc"),
    ("array", "stress_iter"),
    ("array", "stress_oneshot"),
    ("list", "drops"),
    ("list", "mpmc"),
    ("list", "stress_oneshot"),
    ("mpsc", "stress_recv_timeout_two_threads"),
    ("select", "linearizable"),
    ("select", "loop_try"),
    ("select", "stress_timeout_two_threads"),
    ("select_macro", "linearizable"),
    ("select_macro", "loop_try"),
    ("select_macro", "stress_timeout_two_threads"),
    ("zero", "drops"),
    ("zero", "mpmc"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_failed_and_is_about_time_is_known() {
        assert_eq!(failed_test("test of_it::late ... FAILED"), Some("of_it::late"));
        assert_eq!(failed_test("test late ... ok"), None);
        let text = "#[test]\nfn late() { sleep(ms(50)); }\n#[test]\nfn lost() {}\n";
        assert!(is_about_time(text, "of_it::late"));
        assert!(!is_about_time(text, "lost") && !is_about_time(text, "unknown"));
    }

    #[test]
    fn the_version_is_the_one_in_the_manifest() {
        registry::assert_pinned(MANIFEST, ORIGINAL);
    }
}
