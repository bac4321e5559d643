//! A task's waker, in every order in which it can be used, at every time of the task's life.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, Waker};

use moirai_runtime::{Runtime, TaskError, TaskHandle};
use moirai_sync::channel::{self, Sender};

use crate::{runtime, watch};

/// What a `RawWakerVTable` offers.
#[derive(Clone, Copy, Debug)]
enum Use {
    Clone,
    Wake,
    WakeByRef,
    Drop,
}

const USES: [Use; 4] = [Use::Clone, Use::Wake, Use::WakeByRef, Use::Drop];

/// Every order of 1 to [`USES_MAX`] uses. It ends where no waker is left: the same with more uses
/// behind it would be no other.
fn orders() -> Vec<Vec<Use>> {
    let mut all = Vec::new();
    let mut unfinished = vec![(Vec::new(), 1_u32)];
    for _ in 0..USES_MAX {
        let longer = unfinished.iter().flat_map(|(order, left)| {
            USES.map(|next| {
                let left = match next {
                    Use::Clone => left + 1,
                    Use::WakeByRef => *left,
                    Use::Wake | Use::Drop => left - 1,
                };
                (order.iter().copied().chain([next]).collect::<Vec<_>>(), left)
            })
        });
        unfinished = longer.collect();
        all.extend(unfinished.iter().map(|(order, _)| order.clone()));
        unfinished.retain(|&(_, left)| left != 0);
    }
    assert_eq!(all.len(), if cfg!(miri) { 4 + 8 + 24 } else { 4 + 8 + 24 + 72 });
    all
}

/// Uses wakers in `order`, the latest clone first, and drops what is left.
fn use_up(waker: Waker, order: &[Use]) {
    let mut wakers = vec![waker];
    for next in order {
        let waker = wakers.pop().unwrap();
        match next {
            Use::Clone => {
                let clone = waker.clone();
                assert!(waker.will_wake(&clone));
                wakers.extend([waker, clone]);
            }
            Use::Wake => waker.wake(),
            Use::WakeByRef => {
                waker.wake_by_ref();
                wakers.push(waker);
            }
            Use::Drop => drop(waker),
        }
    }
}

/// A task that hands out its waker and then waits until the sender is dropped and it is woken;
/// holds `value` while it lives.
fn task(runtime: &Runtime, value: &Arc<()>) -> (TaskHandle<()>, Waker, Sender<()>) {
    let (sender, wakers) = channel::bounded(1);
    let (end, ended) = channel::bounded(1);
    let held = Arc::clone(value);
    let handle = runtime.spawn(poll_fn(move |cx| {
        let _ = &held;
        // Refused after the first poll: nobody receives any more.
        let _ = sender.try_send(cx.waker().clone());
        if ended.is_closed() { Poll::Ready(()) } else { Poll::Pending }
    }));
    let waker = wakers.recv().unwrap();
    (handle, waker, end)
}

/// Whatever is done with a waker while its task waits: the task is neither lost nor freed early, a
/// wake-up still reaches it, and it is freed in the end.
#[test]
fn a_waker_is_used_in_every_order_while_its_task_waits() {
    watch(|| {
        let runtime = runtime(1);
        for order in orders() {
            let value = Arc::new(());
            let (handle, waker, end) = task(&runtime, &value);
            let last = waker.clone();
            use_up(waker, &order);
            drop(end);
            last.wake();
            handle.join().unwrap();
            gone(&value, &order);
        }
    });
}

/// Wakers that outlive the task do nothing, and are dropped without harm.
#[test]
fn a_waker_is_used_in_every_order_after_its_task_has_ended() {
    watch(|| {
        let runtime = runtime(1);
        for order in orders() {
            let value = Arc::new(());
            let (handle, waker, end) = task(&runtime, &value);
            drop(end);
            waker.wake_by_ref();
            handle.join().unwrap();
            gone(&value, &order);
            use_up(waker, &order);
        }
    });
}

/// Wakers that outlive the runtime do nothing: the future is dropped by then.
#[test]
fn a_waker_is_used_in_every_order_after_its_runtime_has_ended() {
    watch(|| {
        let runtime = runtime(1);
        let tasks: Vec<_> = orders()
            .into_iter()
            .map(|order| {
                let value = Arc::new(());
                let (handle, waker, end) = task(&runtime, &value);
                (order, value, handle, waker, end)
            })
            .collect();
        drop(runtime);
        for (order, value, handle, waker, end) in tasks {
            drop(end);
            gone(&value, &order);
            use_up(waker, &order);
            assert!(matches!(handle.join(), Err(TaskError::Cancelled)), "{order:?}");
        }
    });
}

/// As above, with the task's handle gone before: the waker holds the last reference.
#[test]
fn the_last_waker_of_a_detached_task_is_used_in_every_order() {
    watch(|| {
        let runtime = runtime(1);
        for order in orders() {
            let value = Arc::new(());
            let (handle, waker, _end) = task(&runtime, &value);
            handle.detach();
            use_up(waker, &order);
            // Nobody can wake it any more, so a worker drops its future.
            gone(&value, &order);
        }
    });
}

/// Waits until nobody else holds `value`.
#[track_caller]
fn gone(value: &Arc<()>, order: &[Use]) {
    while Arc::strong_count(value) > 1 {
        std::thread::yield_now();
    }
    assert_eq!(Arc::strong_count(value), 1, "{order:?}");
}

const USES_MAX: usize = if cfg!(miri) { 3 } else { 4 };
