//! Fork-join: two closures that may run at the same time, on the workers that run the tasks.
//!
//! [`join`] runs its first closure here and offers the second one to whoever is idle; what nobody has
//! taken by then runs here, too.
//!
//! ```text
//!   join(a, b)   push b ─► look up ─► run a ─► pop b ──┬─ still here: run b
//!                  │ first fork, or                    └─ taken: help with the tree, wait, take result
//!                  │ somebody is hungry                                              ▲
//!                  ▼                                                                 │ latch
//!                place ──────────► taken by a worker ──► run b ──────────────────────┘
//! ```
//!
//! What is pushed lies on the caller's stack. In the common case a fork is a handful of loads and
//! stores: no exchange, no fence, no clock, no allocation. And what a fork needs only once somebody else
//! takes part is written then: its latch, its place, its tree.
//!
//! **No fork is left out,** however fine: each can be offered until it begins, so coarse parts find
//! takers wherever in a tree they are, and halves that wait for each other run at once if there are
//! workers. To save what that costs, others call most forks of a fine tree as plain functions; then a
//! part that turns out long, deep in the tree, has nothing left to offer (tried: of sixteen leaves that
//! wait for each other, one did not begin in one run of four).
//!
//! | file | what |
//! |---|---|
//! | `job` | a half that is offered: closure, then result |
//! | `wait` | what a thread does that waits for it |
//! | `enter` | threads that are no workers |
//! | `scope` | any number of closures, in a list |
//! | `broadcast` | one closure on every worker |
//! | `context` | what code that forks is told, and may ask |
//!
//! # From rayon
//!
//! | rayon | here |
//! |---|---|
//! | `join`, `join_context`, `FnContext::migrated` | the same; the first closure runs first, both run whatever panics |
//! | `scope`, `Scope::spawn` | the same |
//! | `broadcast` | the same; its context is [`BroadcastContext`] |
//! | `spawn` | [`spawn_parallel`](crate::spawn_parallel), which returns a handle |
//! | `current_num_threads` | [`current_num_workers`] |
//! | `ThreadPool::install` | [`Handle::block_on`](crate::Handle::block_on) of an async block that forks |
//! | a lock held across a fork, on a thread of the program's own | the same: such work is not interrupted |
//! | the same in a closure of `spawn_parallel`, if tasks want the lock, too | the same; with `Builder::poll_between_forks`, [`parallel_uninterruptible`] |
//! | `scope_fifo`, `in_place_scope`, `yield_now` | not there |
//!
//! A thread that is no worker computes with the workers, instead of waiting for them.
//!
//! Where offers lie and who takes them is the scheduler's affair: `sched::offers`, `sched::post`,
//! `sched::forks`; and what else a thread does at a fork: `sched::edge`.

#![allow(unsafe_code, reason = "keeps the jobs that it offers in place; model: src/model/join.rs")]

mod broadcast;
mod context;
mod enter;
mod job;
mod scope;
mod wait;

use std::mem::ManuallyDrop;
use std::panic::resume_unwind;

use crate::sched::current::{self, Context};
use crate::sched::edge;
use crate::sched::forks::Due;
use crate::sched::offers::{Kept, Offer, Popped};
use crate::sched::post::Post;
use crate::unwind::{Caught, catch, drop_contained};

use job::StackJob;

pub use broadcast::{BroadcastContext, broadcast};
pub(crate) use context::{Demand, checkpoint};
pub use context::{FnContext, current_num_workers, parallel_uninterruptible};
pub use scope::{Scope, scope};

/// Calls both closures, at the same time if a worker is free, and returns both results.
///
/// The first one runs on the calling thread, and so does the second unless another worker has taken
/// it by the time that the first has ended. Either may call `join` again; so may what they call.
///
/// # Panics
///
/// If a closure panics, with its payload; the other one is run to its end all the same, before. If
/// both do, with the first one's.
///
/// # Examples
///
/// ```
/// fn sum(numbers: &[u64]) -> u64 {
///     if numbers.len() <= 1024 {
///         return numbers.iter().sum();
///     }
///     let (left, right) = numbers.split_at(numbers.len() / 2);
///     let (left, right) = moirai_runtime::join(|| sum(left), || sum(right));
///     left + right
/// }
///
/// let numbers: Vec<u64> = (0..10_000).collect();
/// assert_eq!(sum(&numbers), 49_995_000);
/// ```
pub fn join<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce() -> RA + Send,
    B: FnOnce() -> RB + Send,
    RA: Send,
    RB: Send,
{
    join_context(|_| a(), |_| b())
}

/// As [`join`], and tells each closure whether it has been taken by another worker.
///
/// # Panics
///
/// As [`join`].
///
/// # Examples
///
/// ```
/// let (a, b) = moirai_runtime::join_context(|_| 1, |context| u8::from(context.migrated()));
/// assert!(a == 1 && b <= 1);
/// ```
// Out of line: the closures are made here, so what the caller does before it forks (mostly, nothing: half
// of a tree are leaves) is called in place in the halves of the fork above, and saves no registers.
#[inline(never)]
pub fn join_context<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    current::with_else(
        (a, b),
        |(a, b), context| match context.forks.post() {
            Some(post) => fork(context, post, a, b),
            None => enter::with_context(context.pool, |context| here(context, a, b)),
        },
        |(a, b)| enter::anywhere(|context| here(context, a, b)),
    )
}

/// On a thread that is no worker, whether it has got a seat or not.
fn here<A, B, RA, RB>(context: Option<&Context<'_>>, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    match context.and_then(|context| Some((context, context.forks.post()?))) {
        // Its first fork, which is offered.
        Some((context, post)) => fork_and_look_up(context, post, a, b),
        None => alone(a, b),
    }
}

/// One after the other.
fn alone<A, B, RA, RB>(a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA,
    B: FnOnce(FnContext) -> RB,
{
    let first = catch(|| a(FnContext { migrated: false }));
    let second = catch(|| b(FnContext { migrated: false }));
    both(first, second)
}

fn both<RA, RB>(first: Caught<RA>, second: Caught<RB>) -> (RA, RB) {
    match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (Ok(_), Err(panic)) => resume_unwind(panic),
        (Err(panic), second) => {
            drop_contained(second);
            resume_unwind(panic)
        }
    }
}

/// Nearly always: keeps the second half, and runs both.
#[inline(always)]
fn fork<A, B, RA, RB>(context: &Context<'_>, post: &Post, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    if context.forks.count(post) == Due::Yes {
        return fork_and_look_up(context, post, a, b);
    }
    let job = StackJob::new(b);
    let job = &raw const job;
    // SAFETY: the pointer is to all of the job, which stays here until `halves` is over. What is forked
    // there is popped before.
    unsafe {
        context.forks.keep(job.cast());
        halves(context, job, a)
    }
}

/// Offers the second half if it is the first to be offered, does what others have asked for, and runs
/// both.
// All of it is out of line, so that the usual case saves no registers for what it does not call.
#[cold]
#[inline(never)]
fn fork_and_look_up<A, B, RA, RB>(context: &Context<'_>, post: &Post, a: A, b: B) -> (RA, RB)
where
    A: FnOnce(FnContext) -> RA + Send,
    B: FnOnce(FnContext) -> RB + Send,
    RA: Send,
    RB: Send,
{
    let job = StackJob::new(b);
    let job = &raw const job;
    // SAFETY: as in `fork`.
    unsafe {
        context.forks.push(context.pool, job.cast());
        let first = |fork| {
            if context.forks.due(post) == Due::Yes {
                edge::look_up(context);
            }
            a(fork)
        };
        halves(context, job, first)
    }
}

/// Runs both halves, the second one here unless somebody has taken it.
///
/// # Safety
///
/// `job` is that of the newest fork, and stays there until this returns or unwinds.
#[inline(always)]
unsafe fn halves<F, A, R, RA>(context: &Context<'_>, job: *const StackJob<F, R>, a: A) -> (RA, R)
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
    A: FnOnce(FnContext) -> RA,
{
    let forked = Forked { context, job };
    let first = a(FnContext { migrated: false });
    let _over = ManuallyDrop::new(forked);
    // SAFETY: the newest fork.
    if unsafe { context.forks.pop_kept(job.cast()) } == Kept::Untouched {
        // SAFETY: the job is ours again, and is not used after this.
        let second = unsafe { StackJob::closure(job) };
        return (first, second(FnContext { migrated: false }));
    }
    // SAFETY: the newest fork, and not as it was kept.
    match unsafe { touched(context, job) } {
        Ok(second) => (first, second),
        Err(panic) => resume_unwind(panic),
    }
}

/// The result of a job that is not as it was kept: runs it if nobody has taken it, else waits for it.
///
/// # Safety
///
/// `job` is that of the newest fork, and not as it was kept.
#[cold]
#[inline(never)]
unsafe fn touched<F, R>(context: &Context<'_>, job: *const StackJob<F, R>) -> Caught<R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    let forks = &context.forks;
    // SAFETY: the caller says so. The frame is the caller's; if it was taken, the runner has done with
    // it once the latch is set.
    unsafe {
        match forks.pop_touched(job.cast()) {
            Popped::Own => {
                forks.ended(&*job.cast());
                run_here(job)
            }
            Popped::Taken => {
                wait::until_set(context, &*Offer::latch(job.cast()), || None);
                forks.ended(&*job.cast());
                StackJob::result(job)
            }
        }
    }
}

/// Runs a job that nobody else has run.
///
/// # Safety
///
/// `job` is the caller's again, and is not used after this.
unsafe fn run_here<F, R>(job: *const StackJob<F, R>) -> Caught<R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    // SAFETY: the caller says so.
    let second = unsafe { StackJob::closure(job) };
    catch(|| second(FnContext { migrated: false }))
}

/// A fork whose second half is not over; dropped where the first one panics, and not later.
struct Forked<'c, 'p, F, R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    context: &'c Context<'p>,
    job: *const StackJob<F, R>,
}

impl<F, R> Drop for Forked<'_, '_, F, R>
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    /// In place, so that its fields need not be in memory where nothing panics.
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: the newest fork: those of the first half were popped as it unwound.
        unsafe { unwound(self.context, self.job) }
    }
}

/// The first half has panicked: the second one runs to its end all the same, for it may borrow from
/// the frames above, and is not heard of.
///
/// # Safety
///
/// `job` is that of the newest fork.
#[cold]
#[inline(never)]
unsafe fn unwound<F, R>(context: &Context<'_>, job: *const StackJob<F, R>)
where
    F: FnOnce(FnContext) -> R + Send,
    R: Send,
{
    // SAFETY: the caller says so.
    let result = unsafe {
        match context.forks.pop_kept(job.cast()) {
            Kept::Untouched => run_here(job),
            Kept::Touched => touched(context, job),
        }
    };
    drop_contained(result);
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::join;

    #[test]
    fn both_halves_run_also_when_one_panics_and_the_first_panic_wins() {
        for (first, second) in [(true, false), (false, true), (true, true)] {
            let (mut a, mut b) = (0, 0);
            let joined = catch_unwind(AssertUnwindSafe(|| {
                join(
                    || {
                        a = 1;
                        assert!(!first, "the first");
                    },
                    || {
                        b = 1;
                        assert!(!second, "the second");
                    },
                )
            }));
            assert_eq!((a, b), (1, 1));
            let expected = if first { "the first" } else { "the second" };
            assert_eq!(joined.unwrap_err().downcast_ref(), Some(&expected));
        }
    }
}
