//! What code that forks is told, and what it may ask.

use crate::global;
use crate::sched::current;
use crate::sched::edge;
use crate::sched::offers::Interrupts;
use crate::sched::signal::Ask;

/// What a closure of [`join_context`](super::join_context) is told.
#[derive(Debug)]
pub struct FnContext {
    pub(super) migrated: bool,
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
    current::with_pool(|pool| pool.config().worker_threads)
        .unwrap_or_else(|| global::pool().config().worker_threads)
}

/// Calls `f`, and polls no tasks in the middle of it.
///
/// For a runtime with [`poll_between_forks`](crate::Builder::poll_between_forks), where a worker that
/// computes in a closure of [`spawn_parallel`](crate::spawn_parallel) polls tasks that wait, at its forks
/// and between the steps of long loops. Use this around forks that happen while a lock is held which a
/// task may want: a task that is polled by the thread that holds the lock would wait for it for ever.
/// What `f` forks is not interrupted either, wherever it runs.
///
/// Without that option no worker polls tasks in the middle of a computation, and this changes nothing: a
/// task that wants the lock waits for it on another thread.
///
/// # Examples
///
/// ```
/// use std::sync::Mutex;
///
/// static TOTALS: Mutex<[u64; 2]> = Mutex::new([0, 0]);
///
/// let done = moirai_runtime::spawn_parallel(|| {
///     let mut totals = TOTALS.lock().unwrap();
///     let (first, second) = totals.split_at_mut(1);
///     moirai_runtime::parallel_uninterruptible(|| {
///         moirai_runtime::join(|| first[0] += 1, || second[0] += 2);
///     });
/// });
/// done.join().unwrap();
/// assert_eq!(*TOTALS.lock().unwrap(), [1, 2]);
/// ```
pub fn parallel_uninterruptible<R>(f: impl FnOnce() -> R) -> R {
    current::with_else(
        f,
        |f, context| {
            let tree = context.forks.tree();
            let tree = crate::sched::offers::Tree { interrupts: Interrupts::Refused, ..tree };
            context.forks.within(tree, f)
        },
        |f| f(),
    )
}

/// What others want of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Demand {
    /// Nothing: go on.
    None,
    /// An idle worker would take a part of the work.
    Split,
}

/// Called between two steps of a long loop, every 10 to 50 µs: does what others have asked this
/// worker for, and says what only the loop itself can do.
pub(crate) fn checkpoint() -> Demand {
    current::with(|context| {
        let Some(post) = context.forks.post() else { return Demand::None };
        let hungry = post.signal.peek().contains(Ask::Hungry) && context.forks.keeps_nothing();
        edge::look_up(context);
        if hungry { Demand::Split } else { Demand::None }
    })
    .unwrap_or(Demand::None)
}
