//! Whether this process is a fork of the one that started the threads it knows of.
//!
//! The child of a fork has its parent's memory and only the thread that forked: what waits for a
//! worker there waits for ever. So a pool notes how often there was a fork when it was made, and
//! takes itself for ended once there was another. This file knows the count and no pool.

#![allow(unsafe_code, reason = "registers a function for forks; in a model nobody forks")]

use moirai_sync::__prim::Counter;

/// Forks between the first process and this one.
static FORKS: Counter = Counter::new(0);

/// How many forks there were; the same number says that it is still the same process.
#[inline]
pub(crate) fn count() -> u64 {
    FORKS.get()
}

/// Counts forks from now on.
#[cfg(all(unix, not(any(moirai_loom, moirai_shuttle))))]
pub(crate) fn watch() {
    extern "C" fn in_child() {
        FORKS.take(1);
    }
    static WATCHED: std::sync::Once = std::sync::Once::new();
    WATCHED.call_once(|| {
        // SAFETY: the function stays, and does what is allowed in a child: one addition. Without
        // the memory to register it, forks go unnoticed.
        let _: libc::c_int = unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// Nothing forks here.
#[cfg(not(all(unix, not(any(moirai_loom, moirai_shuttle)))))]
pub(crate) fn watch() {}
