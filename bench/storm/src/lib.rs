//! Waves of tasks on one worker of ours, and nothing else, in a child process: what the suites that
//! count do their counting in.
//!
//! One worker, so that nothing depends on who comes first, and a valgrind that runs one thread at a
//! time changes nothing. A package of its own, so that another build of our runtime, to compare with,
//! builds none of the rivals.

pub mod allocations;

use std::fmt;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;

use moirai_runtime::{Metering, Runtime};

/// The word on the command line that makes this program such a child; the words of a [`Storm`] follow.
pub const WORD: &str = "storm";

/// So many waves of tasks, each spawned and then joined by a task.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Storm {
    /// Tasks of a wave.
    pub outstanding: u64,
    /// Waves in all.
    pub waves: u64,
    /// The waves before allocations are counted.
    pub uncounted: u64,
    /// What is noted about each task.
    pub metering: Metering,
}

/// What a storm has asked for, from the first counted wave on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Asked {
    /// Allocations on the heap, of all threads.
    pub allocations: u64,
    /// Chunks for tasks, of the system.
    pub chunks: u64,
}

/// Runs `storm` in a child process of `program`, a build of this program.
///
/// # Errors
///
/// What the child says where it does not say what it has asked for.
pub fn of_child(program: &Path, storm: Storm) -> Result<Asked, String> {
    let output = Command::new(program)
        .arg(WORD)
        .args(storm.words())
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
    /// As on the command line: a build that knows no metering understands it where there is none.
    pub fn words(self) -> Vec<String> {
        let Self { outstanding, waves, uncounted, metering } = self;
        let numbers = [outstanding, waves, uncounted].map(|number| number.to_string());
        numbers.into_iter().chain(word(metering).map(str::to_owned)).collect()
    }

    /// The reverse, without [`WORD`]; `None` of anything else.
    pub fn of_words(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut number = || words.next()?.parse().ok();
        let (outstanding, waves, uncounted) = (number()?, number()?, number()?);
        let metering = match words.next() {
            None => Metering::Off,
            Some(said) => METERINGS.into_iter().find(|&it| word(it) == Some(&said))?,
        };
        Some(Self { outstanding, waves, uncounted, metering })
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// If the runtime does not start, or the tasks return something else than they shall.
    pub fn run(self) -> Result<Asked, String> {
        let Self { outstanding, waves, uncounted, metering } = self;
        let builder = Runtime::builder().worker_threads(1).task_metering(metering);
        let runtime = builder.build().map_err(|error| error.to_string())?;
        let handle = runtime.handle().clone();
        let (found, asked) = mpsc::channel();
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

const METERINGS: [Metering; 2] = [Metering::Counts, Metering::Times];

/// What it is called on the command line; nothing where nothing is noted.
fn word(metering: Metering) -> Option<&'static str> {
    match metering {
        Metering::Counts => Some("counts"),
        Metering::Times => Some("times"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Storm =
        Storm { outstanding: 100, waves: 3, uncounted: 1, metering: Metering::Off };

    #[test]
    fn a_storm_is_understood_as_it_is_said() {
        for metering in [Metering::Off, Metering::Counts, Metering::Times] {
            let storm = Storm { metering, ..STORM };
            assert_eq!(Storm::of_words(storm.words().into_iter()), Some(storm));
        }
        assert_eq!(STORM.words(), ["100", "3", "1"]);
        for wrong in ["100 3", "100 3 x", "100 3 1 nothing"] {
            assert_eq!(Storm::of_words(wrong.split(' ').map(str::to_owned)), None);
        }
    }

    #[test]
    fn a_storm_says_what_it_asked_for() {
        let asked = STORM.run().unwrap();
        assert_eq!(asked.chunks, 0, "a chunk holds them all");
        assert_eq!(understood(&format!("{asked}\n")), Some(asked));
        assert_eq!(understood("moirai-bench: no"), None);
    }

    #[test]
    fn a_storm_that_is_not_counted_switches_nothing_on() {
        let asked = Storm { uncounted: u64::MAX, ..STORM }.run();
        assert!(asked.is_ok(), "{asked:?}");
    }
}
