//! Wakers that call back into what wakes, clones or drops them.

#![allow(unsafe_code, reason = "a waker's vtable that calls back on clone and drop")]

use std::future::{pending, poll_fn};
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};
use std::time::Duration;

use moirai_runtime::{Runtime, TaskHandle, result_channel, sleep};
use moirai_sync::channel;

use crate::{runtime, times, watch, works_on};

/// What a waker calls when it is cloned, woken and dropped.
struct Back {
    calls: AtomicUsize,
    call: Box<dyn Fn() + Send + Sync>,
}

impl Back {
    fn waker(call: impl Fn() + Send + Sync + 'static) -> (Arc<Self>, Waker) {
        let back = Arc::new(Self { calls: AtomicUsize::new(0), call: Box::new(call) });
        let raw = RawWaker::new(Arc::into_raw(Arc::clone(&back)).cast(), &VTABLE);
        // SAFETY: the table's functions keep the contract of RawWaker; the pointer is an Arc's.
        (back, unsafe { Waker::from_raw(raw) })
    }

    fn call(&self) {
        // Not again inside of itself: what it calls may clone and drop wakers of this kind.
        if self.calls.fetch_add(1, Ordering::SeqCst) < CALLS_MAX {
            (self.call)();
        }
    }
}

/// So often a waker calls back; later ones only count.
const CALLS_MAX: usize = 50;

static VTABLE: RawWakerVTable = RawWakerVTable::new(
    |data| {
        // SAFETY: `data` is a counted pointer that is lent.
        let back = unsafe { lend(data) };
        back.call();
        RawWaker::new(Arc::into_raw(Arc::clone(&back)).cast(), &VTABLE)
    },
    |data| {
        // SAFETY: `data` is a counted pointer that is given up.
        let back = ManuallyDrop::into_inner(unsafe { lend(data) });
        back.call();
    },
    // SAFETY: `data` is a counted pointer that is lent.
    |data| unsafe { lend(data) }.call(),
    |data| {
        // SAFETY: `data` is a counted pointer that is given up.
        let back = ManuallyDrop::into_inner(unsafe { lend(data) });
        back.call();
    },
);

/// # Safety
///
/// `data` came from `Arc::into_raw` of a `Back`, and is counted while the result is used.
unsafe fn lend(data: *const ()) -> ManuallyDrop<Arc<Back>> {
    // SAFETY: the caller says so.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Back>()) })
}

/// Everything that may be asked of a runtime at any place.
fn use_all(runtime: &Runtime) -> impl Fn() + Send + Sync + 'static {
    let handle = runtime.handle().clone();
    let idle = Mutex::new(Vec::new());
    move || {
        handle.spawn(async {}).detach();
        handle.spawn_parallel(|| {}).detach();
        handle.spawn_blocking(|| {}).detach();
        let task = handle.spawn(pending::<()>());
        assert!(!task.is_finished());
        task.cancel();
        let before = std::mem::replace(&mut *idle.lock().unwrap(), vec![task]);
        drop(before);
        assert!(handle.task_pool().chunks > 0);
        assert!(handle.metrics().worker_threads > 0);
        // A timer that is begun, and forgotten.
        let poll = |cx: &mut Context<'_>| pin!(sleep(Duration::from_secs(60))).as_mut().poll(cx);
        assert!(handle.block_on(poll_fn(|cx| Poll::Ready(poll(cx).is_pending()))));
    }
}

fn poll<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// Polls what `make` makes with such a waker, twice, has it woken, and drops another one unfinished.
fn rounds<F: Future + Unpin>(runtime: &Runtime, mut make: impl FnMut() -> (F, Box<dyn FnOnce()>)) {
    let (back, waker) = Back::waker(use_all(runtime));
    let (_other, other_waker) = Back::waker(use_all(runtime));
    for _ in 0..3 {
        let (mut future, finish) = make();
        assert!(poll(&mut future, &waker).is_pending());
        // Replaces the first one, which is dropped.
        assert!(poll(&mut future, &other_waker).is_pending());
        assert!(poll(&mut future, &waker).is_pending());
        let before = back.calls.load(Ordering::SeqCst);
        finish();
        // The wake-up itself may be on its way.
        while back.calls.load(Ordering::SeqCst) == before {
            std::thread::yield_now();
        }
        while poll(&mut future, Waker::noop()).is_pending() {
            std::thread::yield_now();
        }
        let (mut dropped, finish) = make();
        assert!(poll(&mut dropped, &waker).is_pending());
        drop(dropped);
        finish();
    }
}

/// Fails if timers are fired under their queue's lock, as an example.
#[test]
fn wakers_that_call_the_runtime_do_not_block_what_wakes_them() {
    watch(|| {
        let runtime = runtime(2);
        // A handle, which its task's end wakes, on a worker and on a blocking thread.
        rounds(&runtime, || {
            let (sender, receiver) = channel::bounded::<()>(1);
            let task = runtime.spawn(async move { receiver.recv_async().await.is_err() });
            (task, Box::new(move || drop(sender)))
        });
        rounds(&runtime, || {
            let (sender, receiver) = channel::bounded::<()>(1);
            let job = runtime.spawn_blocking(move || receiver.recv().is_err());
            (job, Box::new(move || drop(sender)))
        });
        // A handle whose task is cancelled.
        rounds(&runtime, || {
            let task = Arc::new(Mutex::new(runtime.spawn(pending::<()>())));
            let polled = Arc::clone(&task);
            let poll = poll_fn(move |cx| Pin::new(&mut *polled.lock().unwrap()).poll(cx));
            (poll, Box::new(move || task.lock().unwrap().cancel()))
        });
        rounds(&runtime, || {
            let (sender, receiver) = result_channel::<u8>();
            (receiver, Box::new(move || sender.send(7).unwrap_or_default()))
        });
        // Miri's clock counts steps: such a timer fires too soon or never.
        if !cfg!(miri) {
            // A timer of the runtime's, which a worker fires.
            let handle = runtime.handle().clone();
            rounds(&runtime, || {
                let timer = Arc::new(Mutex::new(sleep(FAR)));
                let (handle, reset) = (handle.clone(), Arc::downgrade(&timer));
                let poll = poll_fn(move |cx| {
                    let mut timer = timer.lock().unwrap();
                    handle.block_on(poll_fn(|_| Poll::Ready(Pin::new(&mut *timer).poll(cx))))
                });
                let finish = move || {
                    if let Some(timer) = reset.upgrade() {
                        timer.lock().unwrap().reset_after(Duration::from_millis(1));
                    }
                };
                (poll, Box::new(finish))
            });
        }
        works_on(&runtime);
    });
}

/// A handle that others reach as well, as in a table of running tasks.
type Shared = Arc<Mutex<TaskHandle<u8>>>;

/// Asks and takes the result of the handle that wakes it.
struct Asks {
    handle: Shared,
    results: Mutex<Vec<u8>>,
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        let mut handle = self.handle.lock().unwrap();
        assert!(handle.is_finished());
        handle.cancel();
        if let Some(Ok(result)) = handle.try_join() {
            self.results.lock().unwrap().push(result);
        }
    }
}

/// Fails if the waker is called before the task counts as complete.
#[test]
fn a_waker_may_take_the_result_of_the_handle_that_calls_it() {
    watch(|| {
        let runtime = runtime(1);
        for _ in 0..times(100) {
            let (sender, receiver) = channel::bounded::<()>(1);
            let handle = Arc::new(Mutex::new(runtime.spawn(async move {
                let _ = receiver.recv_async().await;
                7
            })));
            let asks = Arc::new(Asks { handle: Arc::clone(&handle), results: Mutex::default() });
            let waker = Waker::from(Arc::clone(&asks));
            assert!(poll(&mut *handle.lock().unwrap(), &waker).is_pending());
            drop(sender);
            while asks.results.lock().unwrap().is_empty() {
                std::thread::yield_now();
            }
            assert_eq!(*asks.results.lock().unwrap(), [7]);
        }
        works_on(&runtime);
    });
}

/// Counts how often it is called.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Who asked first and went away does not get the wake-up of who asks now. Fails if a handle keeps
/// the first waker that it was polled with.
#[test]
fn a_handle_wakes_whoever_polled_it_last_and_nobody_before() {
    watch(|| {
        let runtime = runtime(2);
        for round in 0..ROUNDS {
            let (sender, receiver) = channel::bounded::<()>(1);
            let mut handle = runtime.spawn(async move { receiver.recv_async().await.is_err() });
            let (count, second) = (Arc::new(Count::default()), Arc::new(Count::default()));
            assert!(poll(&mut handle, &Waker::from(Arc::clone(&count))).is_pending());
            // A future of the handle that is polled and dropped unfinished leaves a waker behind.
            {
                let mut by_ref = &mut handle;
                assert!(poll(&mut by_ref, &Waker::from(Arc::clone(&second))).is_pending());
            }
            let ended = match round % 3 {
                0 => {
                    let waits = runtime.spawn(handle);
                    // It waits by now, or finds the result: either way it must end.
                    drop(sender);
                    waits.join().unwrap().unwrap()
                }
                1 => {
                    let thread = std::thread::spawn(move || handle.join());
                    drop(sender);
                    thread.join().unwrap().unwrap()
                }
                _ => {
                    let third = Arc::new(Count::default());
                    assert!(poll(&mut handle, &Waker::from(Arc::clone(&third))).is_pending());
                    drop(sender);
                    while third.0.load(Ordering::SeqCst) == 0 {
                        std::thread::yield_now();
                    }
                    assert_eq!(second.0.load(Ordering::SeqCst), 0);
                    handle.join().unwrap()
                }
            };
            assert!(ended);
            assert_eq!(count.0.load(Ordering::SeqCst), 0);
        }
    });
}

/// The same for the receiver of one result.
#[test]
fn a_result_wakes_whoever_waited_for_it_last_and_nobody_before() {
    watch(|| {
        for _ in 0..ROUNDS {
            let (sender, mut receiver) = result_channel();
            let wakers = [(); 3].map(|()| Arc::new(Count::default()));
            for waker in &wakers {
                assert!(poll(&mut receiver, &Waker::from(Arc::clone(waker))).is_pending());
            }
            let waits = std::thread::spawn(move || receiver.recv());
            std::thread::yield_now();
            sender.send(7).unwrap();
            assert_eq!(waits.join().unwrap().unwrap(), 7);
            let [first, second, _] = wakers;
            assert_eq!(first.0.load(Ordering::SeqCst) + second.0.load(Ordering::SeqCst), 0);
        }
    });
}

/// Farther than any test takes.
const FAR: Duration = Duration::from_secs(3600);
const ROUNDS: usize = if cfg!(miri) { 6 } else { 300 };
