//! What the two halves of a join are told, and what code between two joins may ask.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crate::global;
use crate::sched::current;

/// What a closure of [`join_context`] is told.
#[derive(Debug)]
pub struct FnContext {
    migrated: bool,
}

impl FnContext {
    /// Whether another worker has taken this closure from the one that offered it: somebody was
    /// idle, so there is reason to fork further.
    ///
    /// # Examples
    ///
    /// ```
    /// // The first half never leaves its thread.
    /// let (first, _) = moirai_runtime::join_context(|context| context.migrated(), |_| ());
    /// assert!(!first);
    /// ```
    pub fn migrated(&self) -> bool {
        self.migrated
    }
}

/// As [`join`](super::join), and tells each closure whether it has been taken by another worker.
///
/// # Panics
///
/// As [`join`](super::join).
///
/// # Examples
///
/// ```
/// let (a, b) = moirai_runtime::join_context(|_| 1, |context| u8::from(context.migrated()));
/// assert!(a == 1 && b <= 1);
/// ```
pub fn join_context<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    let first = catch_unwind(AssertUnwindSafe(|| a(FnContext { migrated: false })));
    let second = catch_unwind(AssertUnwindSafe(|| b(FnContext { migrated: false })));
    match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Err(panic), _) | (_, Err(panic)) => resume_unwind(panic),
    }
}

/// How many workers the current runtime has, else the global one, which the first such call starts.
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::builder().worker_threads(3).build()?;
/// let workers = runtime.spawn_parallel(|| moirai_runtime::current_num_workers());
/// assert_eq!(workers.join().unwrap(), 3);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
pub fn current_num_workers() -> usize {
    current::with(|context| context.pool.config().worker_threads)
        .unwrap_or_else(|| global::pool().config().worker_threads)
}

/// What others want of a worker that computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[allow(dead_code, reason = "for loops that are long")]
pub(crate) enum Demand {
    /// Nothing: go on.
    None,
    /// An idle worker would take a part of the work.
    Split,
}

/// Called between two steps of a long loop, every 10 to 50 µs: does what others have asked this
/// worker for, and says what only the loop itself can do.
#[allow(dead_code, reason = "for loops that are long")]
pub(crate) fn checkpoint() -> Demand {
    Demand::None
}
