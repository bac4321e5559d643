//! Waves of tasks on one worker of ours, and nothing else, in a child process: what suites `slab`
//! and `instructions` count in.
//!
//! One worker, so that nothing depends on who comes first, and a valgrind that runs one thread at a
//! time changes nothing.

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use moirai_runtime::Runtime;

use crate::allocations;

/// The word on the command line that makes this program such a child; the numbers of a [`Storm`]
/// follow.
pub(crate) const WORD: &str = "storm";

/// So many waves of tasks, each spawned and then joined by a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Storm {
    /// Tasks of a wave.
    pub(crate) outstanding: u64,
    /// Waves in all.
    pub(crate) waves: u64,
    /// The waves before allocations are counted.
    pub(crate) uncounted: u64,
}

/// What a storm has asked for, from the first counted wave on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asked {
    /// Allocations on the heap, of all threads.
    pub(crate) allocations: u64,
    /// Chunks for tasks, of the system.
    pub(crate) chunks: u64,
}

/// Runs `storm` in a child process of `program`, a build of this program.
///
/// # Errors
///
/// What the child says where it does not say what it has asked for.
pub(crate) fn of_child(program: &Path, storm: Storm) -> Result<Asked, String> {
    let Storm { outstanding, waves, uncounted } = storm;
    let output = Command::new(program)
        .arg(WORD)
        .args([outstanding, waves, uncounted].map(|number| number.to_string()))
        .output()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    understood(&said).ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        format!("{} said {said:?} ({}): {}", program.display(), output.status, why.trim())
    })
}

/// The reverse of the display of [`Asked`].
fn understood(said: &str) -> Option<Asked> {
    let (allocations, chunks) = said.trim().split_once(' ')?;
    Some(Asked { allocations: allocations.parse().ok()?, chunks: chunks.parse().ok()? })
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.allocations, self.chunks)
    }
}

impl Storm {
    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the runtime does not start, or the tasks return something else than they shall.
    pub(crate) fn run(self) -> Result<Asked, String> {
        let runtime =
            Runtime::builder().worker_threads(1).build().map_err(|error| error.to_string())?;
        let handle = runtime.handle().clone();
        let (found, asked) = mpsc::channel();
        let Self { outstanding, waves, uncounted } = self;
        let root = runtime.spawn(async move {
            let asked = || Asked {
                allocations: allocations::allocations(),
                chunks: handle.task_pool().mapped_chunks,
            };
            let (mut sum, mut before) = (0, asked());
            let mut tasks = Vec::with_capacity(outstanding as usize);
            for wave in 0..waves {
                if wave == uncounted {
                    allocations::count();
                    before = asked();
                }
                let task = |value| handle.spawn(async move { black_box(value) });
                tasks.extend((0..outstanding).map(task));
                for task in tasks.drain(..) {
                    sum += task.await.unwrap_or(0);
                }
            }
            let after = asked();
            // Nobody listens only if the process ends.
            let _ = found.send(Asked {
                allocations: after.allocations - before.allocations,
                chunks: after.chunks - before.chunks,
            });
            sum
        });
        let sum = runtime.block_on(root).map_err(|error| error.to_string())?;
        let expected = waves * (outstanding * outstanding.saturating_sub(1) / 2);
        match sum == expected {
            true => asked.recv().map_err(|error| error.to_string()),
            false => Err(format!("the sum is {sum}, expected {expected}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_says_what_it_asked_for() {
        let asked = Storm { outstanding: 100, waves: 3, uncounted: 1 }.run().unwrap();
        assert_eq!(asked.chunks, 0, "a chunk holds them all");
        assert_eq!(understood(&format!("{asked}\n")), Some(asked));
        assert_eq!(understood("moirai-bench: no"), None);
    }

    #[test]
    fn a_storm_that_is_not_counted_switches_nothing_on() {
        let asked = Storm { outstanding: 10, waves: 2, uncounted: u64::MAX }.run();
        assert!(asked.is_ok(), "{asked:?}");
    }
}
