//! How tasks ended: the words for it, and what is remembered of those that are gone.
//!
//! A ring of words, each the name of a task and how it ended. Whoever ends a task takes the next place
//! by an exchange, and forgets whoever stood there: so as many are remembered as there are places,
//! and no more memory is taken than for them.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `next` | Relaxed | a place; nothing is read through it |
//! | a word | Relaxed | its task's end orders it: whoever finds the task ended, or its cell free, finds the word |

use moirai_sync::__prim::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How a task stands; from [`Handle::task_status`](crate::Handle::task_status).
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Runtime, TaskStatus};
///
/// let runtime = Runtime::new()?;
/// let task = runtime.spawn(std::future::pending::<()>());
/// assert!(!runtime.handle().task_status(task.id()).has_ended());
/// task.cancel();
/// let id = task.id();
/// while !task.is_finished() {
///     std::thread::yield_now();
/// }
/// // Known as long as somebody has its handle.
/// assert_eq!(runtime.handle().task_status(id), TaskStatus::Cancelled);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskStatus {
    /// It waits to be run.
    Queued,
    /// It is run at this moment, or waits for nothing but the task that its worker runs.
    Running,
    /// It waits for something: it has been polled, and nobody has woken it since.
    Waiting,
    /// It has returned.
    Completed,
    /// It was cancelled, or its runtime has ended, or nobody was left who could wake it.
    Cancelled,
    /// It has panicked.
    Panicked,
    /// It was refused and has never run: see [`SpawnFailed`](crate::SpawnFailed).
    Refused,
    /// The runtime does not know it: it has ended and is not remembered, or is another runtime's.
    Unknown,
}

impl TaskStatus {
    /// Whether the task has ended, as far as that is known.
    pub fn has_ended(self) -> bool {
        match self {
            Self::Completed | Self::Cancelled | Self::Panicked | Self::Refused => true,
            Self::Queued | Self::Running | Self::Waiting | Self::Unknown => false,
        }
    }
}

/// How a task has ended; by number, in two bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    Completed = 0,
    Cancelled = 1,
    Panicked = 2,
    Refused = 3,
}

impl Outcome {
    /// By its number; what lies above the two bits is not looked at.
    pub(crate) fn from_bits(bits: u64) -> Self {
        match bits & OUTCOME {
            0 => Self::Completed,
            1 => Self::Cancelled,
            2 => Self::Panicked,
            _ => Self::Refused,
        }
    }
}

impl From<Outcome> for TaskStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed => Self::Completed,
            Outcome::Cancelled => Self::Cancelled,
            Outcome::Panicked => Self::Panicked,
            Outcome::Refused => Self::Refused,
        }
    }
}

const OUTCOME: u64 = 0b11;

/// The last tasks that have ended, by name.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Zero where there was none yet: no task's name is.
    words: Box<[AtomicU64]>,
    /// The place of the next one, before it wraps around.
    next: AtomicUsize,
}

impl Ended {
    /// Remembers so many.
    pub(crate) fn new(retained: usize) -> Self {
        let words = (0..retained).map(|_| AtomicU64::new(0)).collect();
        Self { words, next: AtomicUsize::new(0) }
    }

    /// Remembers a task that is about to have ended.
    pub(crate) fn note(&self, name: u64, outcome: Outcome) {
        if !self.words.is_empty() {
            let place = self.next.fetch_add(1, Ordering::Relaxed) % self.words.len();
            self.words[place].store(word(name, outcome), Ordering::Relaxed);
        }
    }

    /// How the task of this name has ended, if it is remembered. Looks at all that are.
    pub(crate) fn find(&self, name: u64) -> Option<Outcome> {
        let named = |word: &u64| word & !OUTCOME == word_of(name);
        let words = self.words.iter().map(|word| word.load(Ordering::Relaxed));
        words.into_iter().find(named).map(Outcome::from_bits)
    }
}

fn word(name: u64, outcome: Outcome) -> u64 {
    word_of(name) | outcome as u64
}

/// The two highest bits of a name are left out: they are those of a chunk's number, and a runtime that
/// has made 2^34 chunks has long forgotten the tasks of the first ones.
fn word_of(name: u64) -> u64 {
    name << 2
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_remembered_as_there_are_places_and_the_oldest_is_forgotten() {
        let ended = Ended::new(3);
        for name in 1..=10 {
            ended.note(name, Outcome::from_bits(name));
        }
        let known: Vec<_> = (0..20).map(|name| ended.find(name)).collect();
        assert!(known[1..8].iter().chain(&known[11..]).all(Option::is_none), "{known:?}");
        let last = [Some(Outcome::Completed), Some(Outcome::Cancelled), Some(Outcome::Panicked)];
        assert_eq!(known[8..11], last);
    }

    #[test]
    fn where_nothing_is_retained_nothing_is_remembered() {
        let ended = Ended::new(0);
        ended.note(1, Outcome::Panicked);
        assert_eq!(ended.find(1), None);
    }
}
