//! Values whose drop panics: nothing is dropped twice, nothing is left, and the threads go on.

use std::future::{pending, poll_fn};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use moirai_runtime::{Handle, JoinSet, Runtime, TaskHandle, nursery};

use crate::{runtime, watch, works_on};

/// Counts what is made and dropped; the drop number `bang` panics.
#[derive(Debug)]
struct Fuse {
    made: AtomicUsize,
    dropped: AtomicUsize,
    bang: usize,
}

/// One counted value. The count of pointers to the fuse shows a drop too many or too few as well.
#[derive(Debug)]
struct Charge(Arc<Fuse>);

impl Charge {
    fn new(fuse: &Arc<Fuse>) -> Self {
        fuse.made.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(fuse))
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        let number = self.0.dropped.fetch_add(1, Ordering::SeqCst) + 1;
        // A second panic in the same unwinding aborts, in any program.
        if number == self.0.bang && !std::thread::panicking() {
            // Without the hook's message; the payload counts as well.
            resume_unwind(Box::new(Self::new(&self.0)));
        }
    }
}

/// Spawns one task that holds charges and leaves some behind.
type Spawn = fn(&Handle, &Arc<Fuse>) -> TaskHandle<[Charge; 2]>;

fn two(fuse: &Arc<Fuse>) -> [Charge; 2] {
    [(); 2].map(|()| Charge::new(fuse))
}

const SPAWNS: [Spawn; 7] = [
    // Ready with charges in the future and in the output.
    |handle, fuse| {
        let (held, mut output) = (two(fuse), Some(two(fuse)));
        handle.spawn(poll_fn(move |_| {
            let _ = &held;
            output.take().map_or(Poll::Pending, Poll::Ready)
        }))
    },
    // Panics with a charge as payload.
    |handle, fuse| {
        let held = two(fuse);
        handle.spawn(poll_fn(move |_| {
            let payload = Charge::new(&held[0].0);
            resume_unwind(Box::new(payload))
        }))
    },
    // The same, after some time.
    |handle, fuse| {
        let (held, mut polls) = (two(fuse), 0);
        handle.spawn(poll_fn(move |cx| {
            polls += 1;
            if polls == 3 {
                resume_unwind(Box::new(Charge::new(&held[0].0)));
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }))
    },
    // Never ready, and never woken.
    |handle, fuse| {
        let held = two(fuse);
        handle.spawn(async move {
            pending::<()>().await;
            held
        })
    },
    |handle, fuse| {
        let held = two(fuse);
        handle.spawn_parallel(move || held)
    },
    |handle, fuse| {
        let held = two(fuse);
        handle.spawn_blocking(move || held)
    },
    |handle, fuse| {
        let held = two(fuse);
        handle.spawn_blocking(move || resume_unwind(Box::new(held)))
    },
];

/// What becomes of the task's handle.
type End = fn(&Runtime, TaskHandle<[Charge; 2]>);

const ENDS: [End; 7] = [
    |_, task| task.detach(),
    |_, task| task.cancel(),
    |_, task| drop(task.cancel_on_drop()),
    |_, task| {
        task.cancel();
        drop(task.join());
    },
    |_, task| {
        while !task.is_finished() {
            // One of them never ends by itself.
            task.cancel();
            std::thread::yield_now();
        }
        drop(task);
    },
    |runtime, task| {
        task.cancel();
        // Taken by one worker, dropped by another or by the same.
        let result = runtime.spawn(task).join();
        drop(result);
    },
    |runtime, task| {
        task.cancel();
        runtime.spawn(async move { drop(task.join()) }).detach();
    },
];

/// Runs everything with the panic at each drop in turn, until there are no more drops.
fn at_every_drop(run: impl Fn(&Arc<Fuse>)) {
    for bang in 1.. {
        let [made, dropped] = [0, 0].map(AtomicUsize::new);
        let fuse = Arc::new(Fuse { made, dropped, bang });
        // What is dropped here panics here.
        drop(catch_unwind(AssertUnwindSafe(|| run(&fuse))));
        while Arc::strong_count(&fuse) > 1 {
            std::thread::yield_now();
        }
        let [made, dropped] = [&fuse.made, &fuse.dropped].map(|n| n.load(Ordering::SeqCst));
        assert_eq!(made, dropped, "the drop number {bang} panics");
        if dropped < bang {
            return;
        }
    }
}

/// Fails if a task's output is dropped without containing the panic (`harness::drop_output`).
#[test]
fn a_value_whose_drop_panics_is_dropped_once_however_its_task_ends() {
    watch(|| {
        for workers in [1, 2] {
            let runtime = runtime(workers);
            for (n, spawn) in SPAWNS.into_iter().enumerate() {
                for (m, end) in ENDS.into_iter().enumerate() {
                    // Under Miri each takes seconds: every pair with one number of workers or the
                    // other.
                    if cfg!(miri) && (n + m) % 2 == workers % 2 {
                        continue;
                    }
                    at_every_drop(|fuse| end(&runtime, spawn(runtime.handle(), fuse)));
                }
            }
            works_on(&runtime);
            let jobs = (0..100).map(|n| runtime.spawn_blocking(move || n));
            assert_eq!(jobs.map(|job| job.join().unwrap()).sum::<u32>(), 4950);
        }
    });
}

/// Fails if a future that shutdown drops is not contained (`harness::end`).
#[test]
fn a_value_whose_drop_panics_is_dropped_once_when_its_runtime_ends() {
    watch(|| {
        for spawn in SPAWNS {
            for keep in [true, false] {
                at_every_drop(|fuse| {
                    let runtime = runtime(2);
                    let task = spawn(runtime.handle(), fuse);
                    if keep {
                        drop(runtime);
                        drop(task.join());
                    } else {
                        task.detach();
                        drop(runtime);
                    }
                });
            }
        }
    });
}

/// Handles, a set and the future of a nursery that is in the middle of its body: whoever forgets them keeps
/// no task, and no runtime, from its end. Fails if shutdown leaves an idle task of which there is a handle
/// (`Pool::shut_down_idle`).
#[test]
fn what_is_forgotten_keeps_no_runtime_from_its_end() {
    watch(|| {
        let alive = Arc::new(());
        let (begins, begun) = moirai_sync::channel::unbounded();
        let never = || {
            let (alive, begins) = (Arc::clone(&alive), begins.clone());
            async move {
                let _alive = alive;
                begins.send(()).unwrap();
                pending::<Result<(), ()>>().await
            }
        };
        let runtime = runtime(1);
        let handle = ManuallyDrop::new(runtime.spawn(never()));
        let cancelling = ManuallyDrop::new(runtime.spawn(never()).cancel_on_drop());
        let mut set = ManuallyDrop::new(JoinSet::new());
        set.spawn_on(never(), runtime.handle());
        let mut group = ManuallyDrop::new(Box::pin(nursery(async |n| {
            n.spawn(never());
            pending::<Result<(), ()>>().await
        })));
        let polled = runtime.block_on(poll_fn(|cx| Poll::Ready(group.as_mut().poll(cx))));
        assert!(polled.is_pending());
        (0..4).for_each(|_| begun.recv().unwrap());
        assert!(!handle.is_finished());
        drop(runtime);
        assert!(handle.is_finished());
        assert_eq!(Arc::strong_count(&alive), 1);
        // Found again, for Miri counts what is forgotten.
        drop(ManuallyDrop::into_inner(handle));
        drop(ManuallyDrop::into_inner(cancelling));
        drop(ManuallyDrop::into_inner(set));
        drop(ManuallyDrop::into_inner(group));
    });
}
