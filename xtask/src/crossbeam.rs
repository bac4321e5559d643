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
use std::path::{Path, PathBuf};

use crate::cargo::Cargo;
use crate::failure::Failure;
use crate::repo;

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
    let source = original()?.join("tests");
    let target = repo::root().join(PACKAGE).join("tests");
    let failed = |what: &Path, error: std::io::Error| {
        Failure::Failed(format!("cannot copy the tests: {}: {error}", what.display()))
    };
    fs::create_dir_all(&target).map_err(|error| failed(&target, error))?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&source).map_err(|error| failed(&source, error))? {
        let path = entry.map_err(|error| failed(&source, error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(stem) = name.strip_suffix(".rs") else { continue };
        let text = fs::read(&path).map_err(|error| failed(&path, error))?;
        let copy = target.join(name);
        // A file that is the same stays, and is not compiled again.
        if fs::read(&copy).ok().as_ref() != Some(&text) {
            fs::write(&copy, text).map_err(|error| failed(&copy, error))?;
        }
        names.push(stem.to_owned());
    }
    names.sort();
    Ok(names)
}

/// The folder of crossbeam-channel on this machine; fetches it if it is not there yet.
fn original() -> Result<PathBuf, Failure> {
    let metadata = Cargo::new(["metadata", "--manifest-path", MANIFEST, "--locked"])
        .args(["--format-version", "1"])
        .output()?;
    manifest_of(&metadata, ORIGINAL)
        .and_then(|manifest| Path::new(&manifest).parent().map(Path::to_path_buf))
        .ok_or_else(|| Failure::Failed(format!("cargo does not know where {ORIGINAL} is")))
}

/// The path of the manifest of `package`, a name and a version as in a folder of the registry.
/// Reads as much of the JSON as that needs.
fn manifest_of(metadata: &str, package: &str) -> Option<String> {
    let paths = metadata.split("\"manifest_path\":\"").skip(1);
    paths.filter_map(|rest| rest.split('"').next()).map(|path| path.replace("\\\\", "\\")).find(
        |path| {
            let folder = Path::new(path).parent().and_then(Path::file_name);
            folder.is_some_and(|folder| folder == package)
        },
    )
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
    fn the_manifest_of_a_package_is_found_among_others() {
        let metadata = r#"{"packages":[{"manifest_path":"/r/crossbeam-utils-0.8.23/Cargo.toml"},
            {"manifest_path":"/r/crossbeam-channel-0.5.17/Cargo.toml","metadata":null}]}"#;
        let found = manifest_of(&metadata.replace('\n', ""), ORIGINAL);
        assert_eq!(found.as_deref(), Some("/r/crossbeam-channel-0.5.17/Cargo.toml"));
        assert_eq!(manifest_of(metadata, "crossbeam-channel-0.5.1"), None);
    }

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
        let manifest = fs::read_to_string(repo::root().join(MANIFEST)).unwrap();
        let (_, version) = ORIGINAL.rsplit_once('-').unwrap();
        assert!(manifest.contains(&format!("version = \"={version}\"")), "{version}");
    }
}
