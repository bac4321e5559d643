//! Who forks: each calls two closures, as it would for its users.

use std::hint::black_box;
use std::sync::Once;
use std::thread;

/// A way to run two closures at the same time.
pub(super) trait ForkJoin {
    /// In tables and on the command line.
    const NAME: &'static str;

    /// What a closure needs to fork further.
    type Scope<'s>;

    /// Calls `f` on a thread that is none of the peer's own, and waits for it.
    fn enter<R: Send>(f: impl FnOnce(&mut Self::Scope<'_>) -> R + Send) -> R;

    /// Calls both.
    fn join<A, B, RA, RB>(scope: &mut Self::Scope<'_>, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut Self::Scope<'_>) -> RA + Send,
        B: FnOnce(&mut Self::Scope<'_>) -> RB + Send,
        RA: Send,
        RB: Send;
}

/// This project's global runtime.
pub(super) struct Moirai;

impl ForkJoin for Moirai {
    const NAME: &'static str = "moirai";
    type Scope<'s> = ();

    fn enter<R: Send>(f: impl FnOnce(&mut ()) -> R + Send) -> R {
        f(&mut ())
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut ()) -> RA + Send,
        B: FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        moirai_runtime::join(|| a(&mut ()), || b(&mut ()))
    }
}

/// rayon's global pool.
pub(super) struct Rayon;

impl ForkJoin for Rayon {
    const NAME: &'static str = "rayon";
    type Scope<'s> = ();

    fn enter<R: Send>(f: impl FnOnce(&mut ()) -> R + Send) -> R {
        f(&mut ())
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut ()) -> RA + Send,
        B: FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        rayon::join(|| a(&mut ()), || b(&mut ()))
    }
}

/// chili's global pool; it takes the second closure first.
pub(super) struct Chili;

impl ForkJoin for Chili {
    const NAME: &'static str = "chili";
    type Scope<'s> = chili::Scope<'s>;

    fn enter<R: Send>(f: impl FnOnce(&mut chili::Scope<'_>) -> R + Send) -> R {
        f(&mut chili::Scope::global())
    }

    #[inline(always)]
    fn join<A, B, RA, RB>(scope: &mut chili::Scope<'_>, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut chili::Scope<'_>) -> RA + Send,
        B: FnOnce(&mut chili::Scope<'_>) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        scope.join(a, b)
    }
}

/// A pool of forte's, of which the thread that enters is a part; it takes the second closure first, and
/// gives work away only where a fork finds that a clock has ticked.
pub(super) struct Forte;

impl ForkJoin for Forte {
    const NAME: &'static str = "forte";
    type Scope<'s> = &'s forte::Worker;

    fn enter<R: Send>(f: impl FnOnce(&mut &forte::Worker) -> R + Send) -> R {
        static POOL: forte::ThreadPool = forte::ThreadPool::new();
        static GROWN: Once = Once::new();
        GROWN.call_once(|| {
            // One less than there are cores: the thread that enters works too.
            let others = thread::available_parallelism().map_or(0, |cores| cores.get() - 1);
            assert_eq!(POOL.resize_to(others), others, "the threads of the pool");
        });
        POOL.with_worker(|mut worker| f(&mut worker))
    }

    #[inline(always)]
    fn join<A, B, RA, RB>(scope: &mut &forte::Worker, a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut &forte::Worker) -> RA + Send,
        B: FnOnce(&mut &forte::Worker) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        scope.join(|mut worker| a(&mut worker), |mut worker| b(&mut worker))
    }
}

/// One closure after the other: what a program without forks takes.
pub(super) struct Sequential;

impl ForkJoin for Sequential {
    const NAME: &'static str = "sequential";
    type Scope<'s> = ();

    fn enter<R: Send>(f: impl FnOnce(&mut ()) -> R + Send) -> R {
        f(&mut ())
    }

    #[inline(always)]
    fn join<A, B, RA, RB>((): &mut (), a: A, b: B) -> (RA, RB)
    where
        A: FnOnce(&mut ()) -> RA + Send,
        B: FnOnce(&mut ()) -> RB + Send,
        RA: Send,
        RB: Send,
    {
        (black_box(a(&mut ())), b(&mut ()))
    }
}
