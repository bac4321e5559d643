//! `cargo xtask examples`: runs every example of the facade, each under a watchdog. They assert what
//! they show.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cargo::Cargo;
use crate::failure::{Failure, no_arguments};
use crate::repo;

/// Builds the examples, as they are published, and runs one after the other.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("examples", args)?;
    Cargo::new(["build", "--release", "--package", "moirai", "--examples"]).run()?;
    let names = names()?;
    for name in &names {
        let start = Instant::now();
        let program = repo::root().join("target/release/examples").join(name);
        let failed = |why: &str| Failure::Failed(format!("example `{name}` {why}"));
        let mut child = Command::new(program)
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| failed(&format!("cannot be started: {error}")))?;
        match wait(&mut child, WATCHDOG) {
            Ended::Well => eprintln!("{name:<28} ok {:>8.2} s", start.elapsed().as_secs_f64()),
            Ended::Badly => return Err(failed("failed")),
            Ended::Not => return Err(failed(&format!("did not end within {WATCHDOG:?}"))),
        }
    }
    eprintln!("all {} examples ended well", names.len());
    Ok(())
}

/// By the files there are, so that none is forgotten.
fn names() -> Result<Vec<String>, Failure> {
    let folder = repo::root().join(FOLDER);
    let unreadable = |error| Failure::Failed(format!("cannot read {FOLDER}: {error}"));
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path: PathBuf = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    Not,
}

/// Waits for `child`, which is killed after `limit`.
fn wait(child: &mut Child, limit: Duration) -> Ended {
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ended::Well,
            Ok(Some(_)) | Err(_) => return Ended::Badly,
            Ok(None) if start.elapsed() >= limit => {
                // It is given up, whatever comes of these.
                let _ = child.kill();
                let _ = child.wait();
                return Ended::Not;
            }
            Ok(None) => thread::sleep(Duration::from_millis(5)),
        }
    }
}

const FOLDER: &str = "crates/moirai/examples";

/// Far longer than any example takes.
const WATCHDOG: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_found() {
        let names = names().unwrap();
        assert!(names.iter().any(|name| name == "hello"), "{names:?}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert_eq!(wait(&mut child, Duration::from_millis(20)), Ended::Not);
        let mut child = Command::new("true").spawn().unwrap();
        assert_eq!(wait(&mut child, WATCHDOG), Ended::Well);
        let mut child = Command::new("false").spawn().unwrap();
        assert_eq!(wait(&mut child, WATCHDOG), Ended::Badly);
    }
}
