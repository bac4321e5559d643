//! How whatever is running waits.
//!
//! A *strand* is a flow of control: an OS thread, an async task or a coroutine. Every operation
//! that may wait is written once, as a poll with a [`Context`]. An async task polls it from its own
//! future; [`wait`] polls it from blocking code, and between two polls suspends the strand:
//!
//! ```text
//!   wait(deadline, poll) ─► hooks installed? ── no ──► poll, park the thread, poll ..
//!                                   │ yes
//!                                   ▼
//!                             Hooks::wait ─┬─ a worker thread: blocking_begin, park, blocking_end
//!                                          └─ a coroutine: switches stacks
//! ```
//!
//! A runtime runs its threads [`with_hooks`] of its own. They are a saved and restored stack: a
//! runtime entered inside another's task hides the outer one until it is left. This file knows no
//! runtime and no scheduler.

#![allow(
    unsafe_code,
    reason = "hooks on the stack, reached through a thread-local; model: src/model/parker.rs"
)]

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::pin::{Pin, pin};
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::coop;
use crate::parker::{Parked, Parker};
use crate::prim;
use crate::timer::TimerThread;

pub use crate::clock::{Clock, TimerKey};

/// What a runtime does for the strands on its threads.
pub trait Hooks {
    /// Calls `poll` until it is ready, suspending the strand in between; [`Poll::Pending`] means
    /// that `deadline` passed first.
    ///
    /// The default parks the thread, between [`blocking_begin`](Self::blocking_begin) and
    /// [`blocking_end`](Self::blocking_end).
    fn wait(&self, deadline: Option<Instant>, poll: Polled<'_>) -> Poll<()> {
        wait_parked(deadline, poll, || self.blocking_begin(), || self.blocking_end())
    }

    /// The thread is about to block: it must give up whatever others need to go on (a worker its
    /// permit to run tasks). Calls may nest.
    fn blocking_begin(&self);

    /// The thread is running again. It gets back what it gave up here or at its next scheduling
    /// point, so this never waits.
    fn blocking_end(&self);

    /// The time, and the timers, of the strands on this thread.
    fn clock(&self) -> &Arc<dyn Clock>;
}

/// A poll function without its result.
pub type Polled<'a> = &'a mut dyn FnMut(&mut Context<'_>) -> Poll<()>;

/// A running timer; dropping it forgets the timer.
#[derive(Debug)]
#[must_use = "a timer is forgotten when it is dropped"]
pub struct Timer {
    clock: Arc<dyn Clock>,
    key: TimerKey,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clock.remove(self.key);
    }
}

/// Calls `poll` until it is ready, and suspends the current strand in between. Returns `None` if
/// `deadline` passes first; the poll function is called at least once, and once more after the
/// deadline has passed.
///
/// # Examples
///
/// ```
/// use std::task::Poll;
/// use std::time::{Duration, Instant};
/// use moirai_sync::strand;
///
/// assert_eq!(strand::wait(None, |_| Poll::Ready(7)), Some(7));
/// let deadline = Instant::now() + Duration::from_millis(1);
/// assert_eq!(strand::wait(Some(deadline), |_| Poll::<()>::Pending), None);
/// ```
pub fn wait<T>(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
) -> Option<T> {
    let mut result = None;
    let mut poll = |cx: &mut Context<'_>| {
        poll(cx).map(|value| {
            result = Some(value);
        })
    };
    // Pending says that the deadline passed; `result` says so too.
    let _: Poll<()> = hooks(|hooks| match hooks {
        Some(hooks) => hooks.wait(deadline, &mut poll),
        None => wait_parked(deadline, &mut poll, || (), || ()),
    });
    result
}

/// Runs `future` to its end on the current strand.
///
/// # Examples
///
/// ```
/// assert_eq!(moirai_sync::strand::block_on(async { 40 + 2 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match wait(None, |cx| future.as_mut().poll(cx)) {
        Some(output) => output,
        None => unreachable!("a wait without a deadline ended without a result"),
    }
}

/// Tells the runtime of this thread, if any, that the thread may block until the guard is dropped.
///
/// # Examples
///
/// ```
/// let blocking = moirai_sync::strand::blocking();
/// std::thread::sleep(std::time::Duration::from_millis(1));
/// drop(blocking);
/// ```
pub fn blocking() -> Blocking {
    hooks(|hooks| {
        if let Some(hooks) = hooks {
            hooks.blocking_begin();
        }
    });
    Blocking { hooks: current() }
}

/// The time between [`blocking`] and the end of the blocking call.
#[must_use = "the thread counts as blocked until this is dropped"]
pub struct Blocking {
    /// Only compared: what was told of the beginning is told of the end, if it is still there.
    hooks: Option<Installed>,
}

impl Drop for Blocking {
    fn drop(&mut self) {
        hooks(|hooks| {
            let told = self.hooks.map(NonNull::cast::<()>);
            match hooks {
                Some(hooks) if told == Some(NonNull::from(hooks).cast()) => hooks.blocking_end(),
                _ => {}
            }
        });
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// The current time: of the runtime's clock on its threads, else the system's.
pub fn now() -> Instant {
    hooks(|hooks| hooks.map_or_else(Instant::now, |hooks| hooks.clock().now()))
}

/// Wakes `waker` at or after `deadline`, unless the [`Timer`] is dropped before. Served by the
/// runtime of this thread, else by a thread that the first such timer starts.
///
/// # Examples
///
/// ```
/// use std::task::Poll;
/// use std::time::Duration;
/// use moirai_sync::strand;
///
/// let deadline = strand::now() + Duration::from_millis(1);
/// let mut timer = None;
/// strand::wait(None, |cx| {
///     timer = Some(strand::timer(deadline, cx.waker()));
///     if strand::now() < deadline { Poll::Pending } else { Poll::Ready(()) }
/// });
/// ```
pub fn timer(deadline: Instant, waker: &Waker) -> Timer {
    hooks(|hooks| {
        let clock = match hooks {
            Some(hooks) => hooks.clock(),
            None => TimerThread::global(),
        };
        let key = clock.insert(deadline, waker.clone());
        Timer { clock: Arc::clone(clock), key }
    })
}

/// Calls `f` with `hooks` as those of the calling thread; what was there before is restored after.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use moirai_sync::strand::{self, Clock, Hooks};
///
/// struct Counting(std::cell::Cell<u32>);
///
/// impl Hooks for Counting {
///     fn blocking_begin(&self) {
///         self.0.set(self.0.get() + 1);
///     }
///     fn blocking_end(&self) {}
///     fn clock(&self) -> &Arc<dyn Clock> {
///         unreachable!("nobody asks for the time here")
///     }
/// }
///
/// let hooks = Counting(std::cell::Cell::new(0));
/// strand::with_hooks(&hooks, || drop(strand::blocking()));
/// drop(strand::blocking());
/// assert_eq!(hooks.0.get(), 1);
/// ```
#[inline]
pub fn with_hooks<R>(hooks: &dyn Hooks, f: impl FnOnce() -> R) -> R {
    let hooks = NonNull::from(hooks);
    // SAFETY: only the lifetime changes. The pointer leaves the thread-local before this returns or
    // unwinds, so that it is used while `hooks` is borrowed only.
    let hooks = unsafe { std::mem::transmute::<NonNull<dyn Hooks + '_>, Installed>(hooks) };
    let _restore = Restore { outer: replace(Some(hooks)) };
    f()
}

/// Hooks that are there as long as the pointer is in the thread-local.
type Installed = NonNull<dyn Hooks>;

struct Restore {
    outer: Option<Installed>,
}

impl Drop for Restore {
    #[inline]
    fn drop(&mut self) {
        replace(self.outer);
    }
}

// Where the thread-locals are gone, there are no hooks.
#[inline]
fn current() -> Option<Installed> {
    HOOKS.try_with(Cell::get).ok().flatten()
}

#[inline]
fn replace(hooks: Option<Installed>) -> Option<Installed> {
    HOOKS.try_with(|current| current.replace(hooks)).ok().flatten()
}

/// Whether hooks are installed on this thread: it is a runtime's.
///
/// # Examples
///
/// ```
/// assert!(!moirai_sync::strand::has_hooks());
/// ```
#[inline]
pub fn has_hooks() -> bool {
    current().is_some()
}

/// Calls `f` with the hooks of this thread: those installed last, else those [found](find_hooks_with).
/// A runtime that hides another's passes on what the outer one must hear.
#[inline]
pub fn hooks<R>(f: impl FnOnce(Option<&dyn Hooks>) -> R) -> R {
    match current() {
        // SAFETY: `with_hooks`, further down this stack, holds what it has installed.
        Some(hooks) => f(Some(unsafe { &*hooks.as_ptr() })),
        None => found_hooks(f),
    }
}

fn found_hooks<R>(f: impl FnOnce(Option<&dyn Hooks>) -> R) -> R {
    let Some(find) = FINDER.get() else { return f(None) };
    let (mut f, mut result) = (Some(f), None);
    find(&mut |hooks| {
        if let Some(f) = f.take() {
            result = Some(f(Some(hooks)));
        }
    });
    match (result, f) {
        (Some(result), _) => result,
        (None, Some(f)) => f(None),
        (None, None) => unreachable!("what was called has a result"),
    }
}

/// From now on `find` is asked for the hooks of a thread that has none installed: it calls what it is
/// given with them, if it has any. For a runtime that is entered more often than it is asked. Only the
/// first call in a process counts.
///
/// # Examples
///
/// ```
/// // A runtime whose threads have all hooks installed.
/// moirai_sync::strand::find_hooks_with(|_| ());
/// ```
pub fn find_hooks_with(find: FindHooks) {
    // The first call counts.
    let _: Result<(), FindHooks> = FINDER.set(find);
}

/// Calls what it is given with the hooks of the calling thread, if there are any.
pub type FindHooks = fn(&mut dyn FnMut(&dyn Hooks));

static FINDER: OnceLock<FindHooks> = OnceLock::new();

/// Waits by parking the thread, which is what the default [`Hooks::wait`] does; calls `begin` before
/// each park and `end` after it, so that the polls in between run as any other code of the thread
/// does. [`Poll::Pending`] means that `deadline` passed first.
///
/// # Examples
///
/// ```
/// use std::task::Poll;
/// use moirai_sync::strand;
///
/// let mut polls = 0;
/// let result = strand::wait_parked(
///     None,
///     |cx| {
///         polls += 1;
///         cx.waker().wake_by_ref();
///         if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
///     },
///     || println!("about to park"),
///     || println!("awake"),
/// );
/// assert_eq!((result, polls), (Poll::Ready(()), 3));
/// ```
#[inline]
pub fn wait_parked(
    deadline: Option<Instant>,
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<()>,
    begin: impl Fn(),
    end: impl Fn(),
) -> Poll<()> {
    let this = Taken::from_slot();
    let mut cx = Context::from_waker(&this.waker);
    match poll(&mut cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => park_until(&this.parker, &mut cx, deadline, &mut poll, begin, end),
    }
}

/// Runs `future` to its end by parking the thread, and tells nobody of it: for a runtime whose hooks
/// would do no more than that, and are [found](find_hooks_with) while it runs.
///
/// # Examples
///
/// ```
/// use std::pin::pin;
/// use moirai_sync::strand;
///
/// assert_eq!(strand::block_on_parked(pin!(async { 40 + 2 })), 42);
/// ```
#[inline]
pub fn block_on_parked<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let this = Taken::from_slot();
    let mut cx = Context::from_waker(&this.waker);
    match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => output,
        Poll::Pending => park_for(&this.parker, &mut cx, future),
    }
}

#[cold]
#[inline(never)]
fn park_for<F: Future>(
    parker: &Parker,
    cx: &mut Context<'_>,
    mut future: Pin<&mut F>,
) -> F::Output {
    let mut output = None;
    let mut poll =
        |cx: &mut Context<'_>| future.as_mut().poll(cx).map(|value| output = Some(value));
    // Pending never: there is no deadline.
    let _: Poll<()> = park_until(parker, cx, None, &mut poll, || (), || ());
    match output {
        Some(output) => output,
        None => unreachable!("a wait without a deadline ended without a result"),
    }
}

#[cold]
#[inline(never)]
fn park_until(
    parker: &Parker,
    cx: &mut Context<'_>,
    deadline: Option<Instant>,
    poll: Polled<'_>,
    begin: impl Fn(),
    end: impl Fn(),
) -> Poll<()> {
    loop {
        begin();
        let parked = parker.park(deadline);
        end();
        // Looked at before the poll, which comes once more after the deadline; and also after a
        // notification: those may follow each other without an end.
        let late = parked == Parked::TimedOut || deadline.is_some_and(passed);
        // Without a limit: to return Pending here gives nobody else his turn.
        if coop::unlimited(|| poll(cx)).is_ready() {
            return Poll::Ready(());
        }
        if late {
            return Poll::Pending;
        }
    }
}

/// A parker, and itself as a waker: made once, so that a wait counts nothing.
struct ThisThread {
    parker: Arc<Parker>,
    waker: Waker,
}

/// The thread's parker, out of its slot. A wait inside another wait's poll function finds the slot empty
/// and makes a parker of its own: sharing one would swallow the outer wait's notification.
struct Taken(NonNull<ThisThread>);

impl Taken {
    #[inline]
    fn from_slot() -> Self {
        let before = SLOT.try_with(|slot| slot.replace(Slot::EMPTY)).unwrap_or(Slot::OVER);
        match before.parker() {
            Some(this) => Self(this),
            None => Self::new(before),
        }
    }

    /// One more, of a slot that had none `before`, and is left as it was.
    #[cold]
    #[inline(never)]
    fn new(before: Slot) -> Self {
        let _: Result<(), _> = SLOT.try_with(|slot| slot.set(before));
        // Before the slot is filled, which it empties at the end. Where that is over, so is the slot.
        let _: Result<(), _> = KEEPER.try_with(|_| ());
        let parker = Arc::new(Parker::new());
        let this = Box::new(ThisThread { waker: Waker::from(Arc::clone(&parker)), parker });
        Self(NonNull::from(Box::leak(this)))
    }
}

impl Deref for Taken {
    type Target = ThisThread;

    #[inline]
    fn deref(&self) -> &ThisThread {
        // SAFETY: it was made of a box, and is freed by who has it last.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        let before = SLOT.try_with(|slot| slot.replace(Slot::full(self.0))).unwrap_or(Slot::OVER);
        if before != Slot::EMPTY {
            give_away(before, self.0);
        }
    }
}

/// A parker came back to a slot that was not empty, but as `before`.
#[cold]
#[inline(never)]
fn give_away(before: Slot, this: NonNull<ThisThread>) {
    let spare = before.parker().unwrap_or_else(|| {
        let _: Result<(), _> = SLOT.try_with(|slot| slot.set(Slot::OVER));
        this
    });
    // SAFETY: made of a box by `Taken::new`; it is in no slot, and nobody else has it.
    drop(unsafe { Box::from_raw(spare.as_ptr()) });
}

/// Where a thread keeps its parker while it does not wait: one word, which every wait takes and gives back.
#[derive(Clone, Copy, PartialEq)]
struct Slot(*mut ThisThread);

impl Slot {
    const EMPTY: Self = Self(ptr::null_mut());
    /// The thread ends.
    const OVER: Self = Self(ptr::without_provenance_mut(1));

    #[inline]
    fn full(this: NonNull<ThisThread>) -> Self {
        Self(this.as_ptr())
    }

    #[inline]
    fn parker(self) -> Option<NonNull<ThisThread>> {
        if self.0 > Self::OVER.0 { NonNull::new(self.0) } else { None }
    }
}

/// Frees the thread's parker at its end. Apart from the slot, which so is reached without asking whether
/// it is still there.
struct Keeper;

impl Drop for Keeper {
    fn drop(&mut self) {
        let before = SLOT.try_with(|slot| slot.replace(Slot::OVER)).unwrap_or(Slot::OVER);
        if let Some(this) = before.parker() {
            // SAFETY: as in `give_away`.
            drop(unsafe { Box::from_raw(this.as_ptr()) });
        }
    }
}

/// Whether `deadline` lies behind; in a model, which has no clock, a park says so.
fn passed(deadline: Instant) -> bool {
    prim::HAS_CLOCK && Instant::now() >= deadline
}

// loom's thread-locals take no `const`.
#[cfg(moirai_loom)]
prim::thread_local! {
    static HOOKS: Cell<Option<Installed>> = Cell::new(None);
    static SLOT: Cell<Slot> = Cell::new(Slot::EMPTY);
    static KEEPER: Keeper = Keeper;
}
#[cfg(not(moirai_loom))]
prim::thread_local! {
    static HOOKS: Cell<Option<Installed>> = const { Cell::new(None) };
    static SLOT: Cell<Slot> = const { Cell::new(Slot::EMPTY) };
    static KEEPER: Keeper = const { Keeper };
}
