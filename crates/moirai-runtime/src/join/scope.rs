//! Any number of closures that borrow from the caller's stack.
//!
//! What is spawned waits in a list of the scope. Whoever opened the scope runs it, once it has done
//! with its own part; and up to one *ticket* for each worker stands in the ordinary queues, by which a
//! worker comes to run what is in the list until it is empty.
//!
//! ```text
//!   spawn ──► list ◄──── the owner, at the end of the scope's own closure
//!               ▲
//!               └─────── a worker that has found a ticket
//! ```
//!
//! So the owner runs nothing but what belongs to the scope, however much is queued elsewhere, and a
//! scope ends also where no worker has time for it. A ticket may be found when the scope is over; then
//! it finds an empty list.
//!
//! **Why what is spawned may borrow:** `scope` does not return or unwind before `left` is 0, and a job
//! counts itself off after its closure, and all that it holds, is gone.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | count in `spawn` | Relaxed | nothing: the caller's own part keeps it above 0 |
//! | exchange in `end_one` | AcqRel | those of who ended before: the last has seen all that they did, and [`Latch`] hands it to the owner |
//! | `tickets`, read in `spawn` | SeqCst | the exchange in `Ticket::run`, between the two looks at the list: it sees the job, or we see it gone |
//! | `tickets`, counted up | Relaxed | nothing: how many there are matters little |

#![allow(unsafe_code, reason = "closures that borrow, behind a pointer; model: src/model/join.rs")]

use std::any::{Any, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::ptr::NonNull;

use moirai_sync::__prim::atomic::{AtomicUsize, Ordering};
use moirai_sync::__prim::{Arc, Mutex};

use crate::sched::current::{self, Context, Place};
use crate::sched::edge;
use crate::sched::latch::Latch;
use crate::sched::offers::Tree;
use crate::sched::work::{Chain, Header, Kind, VTable, Work};
use crate::unwind::{catch, drop_contained};

use super::{enter, wait};

/// Spawns closures that end before the [`scope`] does.
pub struct Scope<'scope> {
    core: Arc<Core>,
    /// Invariant: what is spawned may read and write what lives for `'scope`.
    _borrows: PhantomData<&'scope mut &'scope ()>,
}

/// What the owner, the jobs and the tickets share.
struct Core {
    jobs: Mutex<Chain>,
    /// Jobs that have not ended, and 1 for the scope's own closure.
    left: AtomicUsize,
    /// Set by the last job, if the owner was not last.
    ended: Latch,
    tickets: AtomicUsize,
    /// None where all is run by the owner.
    tickets_max: usize,
    tree: Tree,
    /// The first of a job.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// Calls `f`, which may spawn closures that borrow from the stack; returns when all have ended.
///
/// The closures run on the workers and on the calling thread, in no particular order. Each is given
/// the scope, as in rayon, to spawn more. To wait for their results, let them write to what they
/// borrow.
///
/// # Panics
///
/// If `f` or one of the closures panics, when all others have ended: with the payload of `f` if that
/// is among them, else with that of the first.
///
/// # Examples
///
/// ```
/// let mut squares = vec![0; 100];
/// moirai_runtime::scope(|scope| {
///     for (i, square) in squares.iter_mut().enumerate() {
///         scope.spawn(move |_| *square = i * i);
///     }
/// });
/// assert_eq!(squares[9], 81);
/// ```
pub fn scope<'scope, F, R>(f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R + Send,
    R: Send,
{
    current::with_else(
        f,
        |f, context| {
            if context.forks.post().is_some() {
                run(Some(context), f)
            } else {
                enter::with_context(context.pool, |context| run(context, f))
            }
        },
        |f| enter::anywhere(|context| run(context, f)),
    )
}

fn run<'scope, F, R>(context: Option<&Context<'_>>, f: F) -> R
where
    F: FnOnce(&Scope<'scope>) -> R,
{
    let tree = context.map_or(Tree::NONE, |context| context.forks.tree_or_new());
    let tickets_max = context.map_or(0, |context| context.pool.config().worker_threads);
    let scope = Scope { core: Core::new(tree, tickets_max), _borrows: PhantomData };
    let body = || catch(|| f(&scope));
    let core = &*scope.core;
    let result = match context {
        Some(context) => context.forks.within(tree, || {
            let result = body();
            if core.end_one() == Ended::Others {
                wait::until_set(context, &core.ended, || core.pop());
            }
            result
        }),
        None => {
            let result = body();
            core.run_all();
            let ended = core.end_one();
            debug_assert_eq!(ended, Ended::All, "without tickets, nobody else runs a job");
            result
        }
    };
    let panic = core.panic.lock().take();
    match (result, panic) {
        (Ok(result), None) => result,
        (Ok(_), Some(panic)) => resume_unwind(panic),
        (Err(panic), others) => {
            drop_contained(others);
            resume_unwind(panic)
        }
    }
}

impl<'scope> Scope<'scope> {
    /// Runs `f` on the workers, or at the end of the scope on the thread that opened it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let leaves = AtomicU32::new(0);
    /// moirai_runtime::scope(|scope| {
    ///     scope.spawn(|scope| {
    ///         scope.spawn(|_| _ = leaves.fetch_add(1, Ordering::Relaxed));
    ///         scope.spawn(|_| _ = leaves.fetch_add(1, Ordering::Relaxed));
    ///     });
    /// });
    /// assert_eq!(leaves.into_inner(), 2);
    /// ```
    pub fn spawn<F>(&self, f: F)
    where
        F: FnOnce(&Self) + Send + 'scope,
    {
        let core = &self.core;
        // Relaxed: the caller's own part of the count keeps it above 0.
        core.left.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the table is a constant.
        let header = unsafe { Header::new(NonNull::from(&Job::<F>::VTABLE)) };
        let scope = Scope { core: Arc::clone(core), _borrows: PhantomData };
        let job = NonNull::from(Box::leak(Box::new(Job { header, closure: f, scope })));
        // SAFETY: the box is there until the work is run, by the table's own function, which the
        // scope waits for.
        core.jobs.lock().push(unsafe { Work::from_header(job.cast()) });
        // SeqCst: pairs with the exchange in `Ticket::run`: it sees the job, or we see it gone.
        if core.tickets.load(Ordering::SeqCst) < core.tickets_max {
            Ticket::publish(core);
        }
    }
}

impl fmt::Debug for Scope<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").finish_non_exhaustive()
    }
}

/// Whether what has ended was the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
enum Ended {
    All,
    Others,
}

impl Core {
    fn new(tree: Tree, tickets_max: usize) -> Arc<Self> {
        Arc::new(Self {
            jobs: Mutex::new(Chain::new()),
            left: AtomicUsize::new(1),
            ended: Latch::new(),
            tickets: AtomicUsize::new(0),
            tickets_max,
            tree,
            panic: Mutex::new(None),
        })
    }

    fn pop(&self) -> Option<Work> {
        self.jobs.lock().pop()
    }

    fn run_all(&self) {
        while let Some(job) = self.pop() {
            job.run();
        }
    }

    fn end_one(&self) -> Ended {
        // AcqRel: whoever is last has seen all that the others did.
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 { Ended::All } else { Ended::Others }
    }
}

/// A spawned closure, in a box.
#[repr(C)]
struct Job<'scope, F> {
    header: Header,
    closure: F,
    scope: Scope<'scope>,
}

impl<'scope, F> Job<'scope, F>
where
    F: FnOnce(&Scope<'scope>) + Send + 'scope,
{
    const VTABLE: VTable = VTable {
        // SAFETY: the table is used by boxes of this type only, and work is run once.
        run: |header| unsafe { Self::run(header) },
        // SAFETY: as above. Its scope waits for it.
        shutdown: |header| unsafe { Self::run(header) },
        describe: type_name::<F>,
        kind: Kind::Share,
    };

    /// # Safety
    ///
    /// `header` is that of a boxed job of this type, which is given up.
    unsafe fn run(header: NonNull<Header>) {
        // SAFETY: the caller says so.
        let job = unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) };
        let Self { closure, scope, .. } = *job;
        if let Err(panic) = catch(|| closure(&scope)) {
            let mut first = scope.core.panic.lock();
            if first.is_none() {
                *first = Some(panic);
            } else {
                drop(first);
                drop_contained(panic);
            }
        }
        if scope.core.end_one() == Ended::All {
            // SAFETY: the core is counted, here too. It is set once: by the last.
            unsafe { Latch::set(&raw const scope.core.ended) };
        }
    }
}

/// Leads a worker to the list.
#[repr(C)]
struct Ticket {
    header: Header,
    core: Arc<Core>,
}

impl Ticket {
    const VTABLE: VTable = VTable {
        run: |header| {
            let ticket = header.cast::<Self>();
            // SAFETY: the table is used by boxes of this type only, and this one is there until it is
            // dropped below. It is shared until then: what runs on a stack is read where its worker
            // has found it, and a box in this frame would claim it alone.
            unsafe { ticket.as_ref() }.run();
            // SAFETY: work is run once, and whatever ran meanwhile has come back.
            drop(unsafe { Box::from_raw(ticket.as_ptr()) });
        },
        // SAFETY: as above.
        shutdown: |header| drop(unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) }),
        describe: || "moirai_runtime::Scope",
        kind: Kind::Share,
    };

    fn publish(core: &Arc<Core>) {
        let known = current::with(|context| {
            // Relaxed: how many there are matters little.
            core.tickets.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the table is a constant.
            let header = unsafe { Header::new(NonNull::from(&Self::VTABLE)) };
            let ticket = Box::new(Self { header, core: Arc::clone(core) });
            // SAFETY: the box is there until the work is run or shut down.
            let work = unsafe { Work::from_header(NonNull::from(Box::leak(ticket)).cast()) };
            current::schedule(context.pool, work, Place::Back);
        });
        debug_assert!(known.is_some(), "a scope with tickets has a pool");
    }

    fn run(&self) {
        let core = &*self.core;
        current::with(|context| {
            context.forks.within(core.tree, || {
                loop {
                    while let Some(job) = core.pop() {
                        job.run();
                        edge::at_step(context);
                    }
                    // SeqCst: pairs with the look in `spawn`.
                    core.tickets.fetch_sub(1, Ordering::SeqCst);
                    if core.jobs.lock().len() == 0 {
                        return;
                    }
                    core.tickets.fetch_add(1, Ordering::Relaxed);
                }
            });
        });
    }
}
