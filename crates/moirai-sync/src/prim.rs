//! The only file that names a synchronisation primitive: atomics, cells, mutexes, threads.
//!
//! Everything above takes them from here, so that one flag swaps the backend:
//!
//! | flag | backend | what it shows |
//! |---|---|---|
//! | (none) | std | the program |
//! | `cfg(moirai_loom)` | loom | every interleaving of a small model, weak memory included |
//! | `cfg(moirai_shuttle)` | shuttle | random schedules of a large model, sequentially consistent |
//!
//! The shapes follow loom where it is the narrowest: [`UnsafeCell`] hands out pointers inside a
//! closure, so that the model sees when an access begins and ends. Whatever is freed by its last
//! owner is held by this file's `Arc`, or the model would not see that the others came before; only
//! what becomes a `std::task::Waker` is held by std's.

#![allow(unsafe_code, reason = "prefetches, which are no accesses; values made in their place")]

/// A function that is `const`, but under loom, whose primitives are made while the program runs.
macro_rules! maybe_const {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($args:tt)*) -> $result:ty $body:block) => {
        #[cfg(not(moirai_loom))]
        $(#[$meta])*
        $vis const fn $name($($args)*) -> $result $body

        #[cfg(moirai_loom)]
        $(#[$meta])*
        $vis fn $name($($args)*) -> $result $body
    };
}

#[cfg(not(any(moirai_loom, moirai_shuttle)))]
mod backend {
    pub use std::alloc::{alloc, dealloc};
    pub use std::hint::spin_loop;
    pub use std::sync::Arc;
    pub(super) use std::sync::Mutex;
    pub use std::sync::atomic;
    pub use std::sync::{Condvar, MutexGuard};
    pub use std::thread;
    pub use std::thread_local;

    /// `std::cell::UnsafeCell` behind loom's closure-shaped access.
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Unwraps the value.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for shared access.
        #[inline(always)]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for exclusive access.
        #[inline(always)]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

#[cfg(moirai_loom)]
mod backend {
    // They see what is never freed.
    pub use loom::alloc::{alloc, dealloc};
    pub use loom::cell::UnsafeCell;
    pub use loom::hint::spin_loop;
    pub use loom::sync::Arc;
    pub(super) use loom::sync::Mutex;
    pub use loom::sync::atomic;
    pub use loom::sync::{Condvar, MutexGuard};
    pub use loom::thread;
    pub use loom::thread_local;
}

#[cfg(moirai_shuttle)]
mod backend {
    pub use shuttle::hint::spin_loop;
    pub use shuttle::sync::Arc;
    pub(super) use shuttle::sync::Mutex;
    pub use shuttle::sync::atomic;
    pub use shuttle::sync::{Condvar, MutexGuard};
    pub use shuttle::thread;
    pub use shuttle::thread_local;
    pub use std::alloc::{alloc, dealloc};

    /// As under std: shuttle does not watch cells.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Unwraps the value.
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for shared access.
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for exclusive access.
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }
}

pub use backend::{
    Arc, Condvar, MutexGuard, UnsafeCell, alloc, atomic, dealloc, spin_loop, thread, thread_local,
};

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism as available;
pub use std::thread::panicking;
use std::time::Duration;

/// A number that hardly any other thread has while this one lives: for hints.
#[inline(always)]
pub fn thread_token() -> u32 {
    std::thread_local! {
        static TOKEN: u8 = const { 0 };
    }
    // Threads have pages of their own; the lowest bits say nothing.
    TOKEN.with(|token| (std::ptr::from_ref(token).addr() >> 4) as u32)
}

/// A full fence that may lean on a SeqCst read-modify-write just before it, on the same thread. On
/// x86-64 that instruction is a full fence itself, and only the compiler must be told.
#[inline(always)]
pub fn fence_after_rmw() {
    // SeqCst: pairs with the fence of whoever publishes first and looks for us then.
    const FULL: Ordering = Ordering::SeqCst;
    #[cfg(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri))))]
    atomic::compiler_fence(FULL);
    #[cfg(not(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri)))))]
    atomic::fence(FULL);
}

/// Fetches the line of `place` for writing, where a processor has an instruction for that: it comes
/// while other work goes on, and not when a read-modify-write waits for all earlier stores.
#[inline(always)]
pub fn prefetch_write<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri))))]
    // SAFETY: a hint, which no address can make fault. The instruction is in every x86-64 processor
    // since 2005, if only to do nothing.
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri)))))]
    let _ = place;
}

/// Fetches the line of `place` for reading, where a processor has an instruction for that.
#[inline(always)]
pub fn prefetch_read<T>(place: *const T) {
    #[cfg(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri))))]
    // SAFETY: a hint, which no address can make fault; the instruction is in every x86-64 processor.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(moirai_loom, moirai_shuttle, miri)))))]
    let _ = place;
}

/// A mutex that ignores poison: no code of ours panics while it holds one, and a panic of the
/// program's own must not take a channel or a runtime down with it.
#[derive(Debug, Default)]
pub struct Mutex<T>(backend::Mutex<T>);

impl<T> Mutex<T> {
    /// Wraps `value`.
    #[cfg(not(moirai_loom))]
    pub const fn new(value: T) -> Self {
        Self(backend::Mutex::new(value))
    }

    /// Wraps `value`.
    #[cfg(moirai_loom)]
    pub fn new(value: T) -> Self {
        Self(backend::Mutex::new(value))
    }

    /// Locks; a poisoned mutex is locked like any other.
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits on `condvar` until notified or, where `timeout` is given, until it has passed. May return
/// for no reason.
pub fn condvar_wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Option<Duration>,
) -> MutexGuard<'a, T> {
    match timeout {
        None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(timeout) => {
            condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
        }
    }
}

/// Parks the thread for at most `timeout`; may return for no reason. A model has no clock: there a
/// park with a timeout is one yield, so the timeout may pass before or after anything else.
pub fn park_timeout(timeout: Duration) {
    #[cfg(not(any(moirai_loom, moirai_shuttle)))]
    thread::park_timeout(timeout);
    #[cfg(any(moirai_loom, moirai_shuttle))]
    {
        let _ = timeout;
        thread::yield_now();
    }
}

/// Whether time passes by itself. In a model every deadline counts as passed after one park.
pub const HAS_CLOCK: bool = cfg!(not(any(moirai_loom, moirai_shuttle)));

/// Numbers that are never given out twice. Always std's atomic: it orders nothing, and a model's
/// cannot be a static.
#[derive(Debug)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Starts at `first`.
    pub const fn new(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }

    /// Takes `n` numbers; returns the first.
    pub fn take(&self, n: u64) -> u64 {
        self.0.fetch_add(n, Ordering::Relaxed)
    }

    /// The number that comes next.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number in `0..n`, or 0 for an `n` of 0; for fairness, not for secrets. In a model it is the
/// model's to draw, so that a schedule can be replayed; loom, which explores, always gets 0.
#[inline]
pub fn random_below(n: u64) -> u64 {
    // The high half of the product: no division, and a bias of n / 2^64.
    ((u128::from(random()) * u128::from(n)) >> 64) as u64
}

#[cfg(not(any(moirai_loom, moirai_shuttle)))]
thread_local! {
    /// What [`random`] draws from; 0 before the first draw.
    static STATE: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Determines what this thread draws from now on.
#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
pub(crate) fn seed_random(seed: u64) {
    STATE.set(seed | 1);
}

#[cfg(not(any(moirai_loom, moirai_shuttle)))]
#[inline]
fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};

    #[cold]
    fn seed() -> u64 {
        RandomState::new().hash_one(0) | 1
    }
    // Marsaglia's xorshift64, times Vigna's multiplier (xorshift64*). Where the thread-locals are
    // gone, each number is a seed.
    STATE
        .try_with(|state| {
            let mut x = state.get();
            if x == 0 {
                x = seed();
            }
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            state.set(x);
            x.wrapping_mul(0x2545_F491_4F6C_DD1D)
        })
        .unwrap_or_else(|_| seed())
}

#[cfg(moirai_loom)]
fn random() -> u64 {
    0
}

#[cfg(moirai_shuttle)]
fn random() -> u64 {
    use shuttle::rand::{Rng, thread_rng};
    thread_rng().r#gen()
}

/// How many cores the process may use, as its affinity mask and cgroup quota say; 1 where the
/// system does not tell. Always std's: a model has no cores.
pub fn available_parallelism() -> usize {
    available().map_or(1, usize::from)
}
