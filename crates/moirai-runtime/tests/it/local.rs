//! Task-locals and yielding.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use moirai_runtime::{JoinSet, spawn, task_local, yield_now};

use crate::{AtDrop, TASKS, runtime, watch};

task_local! {
    static NAME: usize;
    static HELD: Cell<u32>
}

fn name() -> Option<usize> {
    NAME.try_with(|name| *name).ok()
}

/// Fails if the value stays in the thread after a poll.
#[test]
fn a_task_sees_its_own_value_at_every_poll_wherever_it_runs() {
    watch(|| {
        let runtime = runtime(3);
        runtime.block_on(async {
            let mut set = JoinSet::new();
            for n in 0..TASKS as usize {
                set.spawn(NAME.scope(n, async move {
                    for _ in 0..5 {
                        assert_eq!(name(), Some(n));
                        yield_now().await;
                    }
                    // What is spawned does not inherit it.
                    assert_eq!(spawn(async { name() }).await.unwrap(), None);
                }));
                set.spawn(async { assert_eq!(name(), None) });
            }
            while let Some(result) = set.join_next().await {
                result.unwrap();
            }
        });
    });
}

#[test]
fn an_inner_scope_hides_the_outer_value_until_it_ends_or_panics() {
    NAME.sync_scope(1, || {
        let panics = || NAME.sync_scope(2, || resume_unwind(Box::new(name())));
        let payload = catch_unwind::<_, ()>(AssertUnwindSafe(panics)).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&Some(2_usize)));
        assert_eq!(name(), Some(1));
        let mut polled = pin!(NAME.scope(3, poll_fn::<(), _>(|_| resume_unwind(Box::new(name())))));
        let poll = || polled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        let payload = catch_unwind(AssertUnwindSafe(poll)).unwrap_err();
        assert_eq!((payload.downcast_ref(), name()), (Some(&Some(3_usize)), Some(1)));
        assert!(HELD.try_with(|_| ()).is_err());
    });
    assert_eq!(name(), None);
}

/// Fails if the future is dropped outside.
#[test]
fn a_future_is_dropped_with_its_value_ready_or_not() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    for ready in [true, false] {
        let at_drop = AtDrop::new({
            let seen = Arc::clone(&seen);
            move || seen.lock().unwrap().push(name())
        });
        let mut scope = Box::pin(NAME.scope(7, async move {
            let _at_drop = at_drop;
            if !ready {
                pending::<()>().await;
            }
        }));
        assert_eq!(scope.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready(), ready);
    }
    // And one that was never polled.
    let at_drop = AtDrop::new({
        let seen = Arc::clone(&seen);
        move || seen.lock().unwrap().push(name())
    });
    drop(NAME.scope(7, async move { drop(at_drop) }));
    assert_eq!(*seen.lock().unwrap(), [Some(7); 3]);
}

#[test]
fn a_scope_inside_of_a_look_at_its_key_is_refused() {
    HELD.sync_scope(Cell::new(1), || {
        let nested = || HELD.with(|_| HELD.sync_scope(Cell::new(2), || ()));
        assert!(catch_unwind(AssertUnwindSafe(nested)).is_err());
        assert_eq!(HELD.with(Cell::get), 1);
        HELD.with(|held| held.set(3));
        assert_eq!(HELD.with(Cell::get), 3);
    });
    assert!(catch_unwind(|| HELD.with(Cell::get)).is_err());
}

/// Fails if a task that wakes itself runs next.
#[test]
fn a_task_that_yields_goes_on_behind_those_that_are_queued() {
    watch(|| {
        let runtime = runtime(1);
        let order = Arc::new(Mutex::new(Vec::new()));
        let task = runtime.spawn({
            let order = Arc::clone(&order);
            async move {
                for n in 0..10 {
                    let order = Arc::clone(&order);
                    spawn(async move { order.lock().unwrap().push(n) }).detach();
                }
                yield_now().await;
                order.lock().unwrap().push(10);
            }
        });
        task.join().unwrap();
        let order = order.lock().unwrap();
        assert_eq!((order.len(), order.last()), (11, Some(&10)));
    });
}
