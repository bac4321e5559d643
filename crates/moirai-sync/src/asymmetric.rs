//! A pair of full fences of which one side pays for both.
//!
//! Where one thread publishes and looks for waiters, and another one registers as a waiter and looks
//! for what was published, each needs a full fence between its store and its load; see
//! [`waitlist`](crate::waitlist). The publisher's is in every message, the waiter's before a sleep. So
//! the waiter may run the publisher's as well: [`heavy`] interrupts every processor that runs a thread
//! of this process, and with it whatever they had only begun to store. Then [`light`], between the
//! publisher's store and load, need only keep the compiler from changing their order.
//!
//! ```text
//!   publisher:  store what is new ─ light ─ load who waits
//!   waiter:     store that I wait ─ heavy ─ load what is new      at least one sees the other
//! ```
//!
//! The system call is Linux's `membarrier`, and takes about a microsecond. Before its first use the
//! process announces itself to the kernel, which takes some 10 ms if it has threads: another thread does
//! that, and until then, or where there is no support, there are full fences on both sides. In a model,
//! and under Miri, both are full fences.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | fence in `light` | of the compiler; SeqCst where `heavy` has none | `heavy` |
//! | `heavy` | a full fence on every processor; SeqCst where there is none | `light` |
//! | `STATE` | Relaxed | nothing: who reads that the process is announced makes system calls that find it so |

use crate::prim::atomic::Ordering;

/// Whether the two fences are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Support {
    Yes,
    /// Perhaps later.
    #[cfg_attr(
        any(not(target_os = "linux"), moirai_loom, moirai_shuttle, miri),
        allow(dead_code, reason = "nobody need be asked")
    )]
    NotYet,
    None,
}

pub(crate) use imp::{heavy, light, support};

#[cfg(all(target_os = "linux", not(any(moirai_loom, moirai_shuttle, miri))))]
mod imp {
    use rustix::thread::{MembarrierCommand, MembarrierQuery, membarrier, membarrier_query};

    use super::{Ordering, Support};
    use crate::prim::atomic::{AtomicU8, compiler_fence};
    use crate::prim::thread;

    const NOT_ASKED: u8 = 0;
    const ASKED: u8 = 1;
    const YES: u8 = 2;
    const NONE: u8 = 3;

    static STATE: AtomicU8 = AtomicU8::new(NOT_ASKED);

    /// Whether there is support; has this process announced when it is asked first.
    #[cold]
    pub(crate) fn support() -> Support {
        // Relaxed, here and below: the kernel orders what matters.
        let asked = STATE.compare_exchange(NOT_ASKED, ASKED, Ordering::Relaxed, Ordering::Relaxed);
        match asked {
            Ok(_) => announce(),
            Err(YES) => return Support::Yes,
            Err(NONE) => return Support::None,
            Err(_) => {}
        }
        Support::NotYet
    }

    fn announce() {
        let announcing = || {
            let there = membarrier_query().contains(MembarrierQuery::PRIVATE_EXPEDITED);
            STATE.store(if there && register() { YES } else { NONE }, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().name("moirai-membarrier".to_owned());
        if thread.spawn(announcing).is_err() {
            STATE.store(NONE, Ordering::Relaxed);
        }
    }

    fn register() -> bool {
        membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
    }

    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: of the compiler only; pairs with `heavy`.
        compiler_fence(Ordering::SeqCst);
    }

    /// Ends the process if the kernel refuses what it has granted before: whoever publishes counts on
    /// it.
    #[cold]
    pub(crate) fn heavy() {
        let fence = || membarrier(MembarrierCommand::PrivateExpedited).is_ok();
        // The child of a fork may have to announce itself again.
        let fenced = fence() || (register() && fence());
        if !fenced {
            std::process::abort();
        }
    }
}

#[cfg(any(not(target_os = "linux"), moirai_loom, moirai_shuttle, miri))]
mod imp {
    use super::{Ordering, Support};
    use crate::prim::atomic::fence;

    pub(crate) fn support() -> Support {
        match cfg!(any(moirai_loom, moirai_shuttle, miri)) {
            true => Support::Yes,
            false if cfg!(target_os = "linux") => Support::NotYet,
            false => Support::None,
        }
    }

    #[inline(always)]
    pub(crate) fn light() {
        // SeqCst: pairs with `heavy`.
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        // SeqCst: pairs with `light`.
        fence(Ordering::SeqCst);
    }
}
