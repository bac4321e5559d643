//! The mutex: turns, futures that are dropped or forgotten, panics, and who may cross threads.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::lock::{FastMutex, MappedMutexGuard, Mutex, MutexGuard};
use moirai_sync::strand;

use crate::woken::{Woken, poll};

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

impl Woken {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, woken: &Arc<Woken>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

#[test]
fn a_told_future_that_is_dropped_tells_the_next() {
    let mutex = Mutex::new(());
    let woken = Arc::<Woken>::default();
    let mut second = pin!(mutex.lock_async());
    {
        let guard = mutex.lock();
        let mut first = pin!(mutex.lock_async());
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll_with(second.as_mut(), &woken).is_pending());
        drop(guard);
        assert_eq!(woken.count(), 0);
    }
    assert_eq!(woken.count(), 1);
    assert!(poll(second.as_mut()).is_ready());
}

#[test]
fn a_told_future_that_is_never_polled_again_keeps_nobody_out() {
    let mutex = Mutex::new(0);
    let guard = mutex.lock();
    let mut forgotten = pin!(mutex.lock_async());
    assert!(poll(forgotten.as_mut()).is_pending());
    drop(guard);
    *mutex.lock() += 1;
    assert_eq!(*strand::block_on(mutex.lock_async()), 1);
}

/// The holder locks again before the one who waits has had a look, again and again.
#[test]
fn who_was_told_often_in_vain_has_the_lock_before_any_newcomer() {
    let mutex = Mutex::new(());
    let woken = Arc::<Woken>::default();
    let mut waiting = pin!(mutex.lock_async());
    let mut guard = mutex.lock();
    let mut vain = 0;
    assert!(poll_with(waiting.as_mut(), &woken).is_pending());
    loop {
        drop(guard);
        assert_eq!(woken.count(), vain + 1);
        let mut again = pin!(mutex.lock_async());
        match poll(again.as_mut()) {
            Poll::Ready(next) => guard = next,
            // It steps back, and has its turn after the other one.
            Poll::Pending => {
                let Poll::Ready(first) = poll(waiting.as_mut()) else { panic!("kept out") };
                assert!(poll(again.as_mut()).is_pending());
                drop(first);
                assert!(poll(again.as_mut()).is_ready());
                break;
            }
        }
        assert!(poll_with(waiting.as_mut(), &woken).is_pending());
        vain += 1;
        assert!(vain < 100, "nobody steps back");
    }
    // Nobody bars it any more.
    assert!(poll(pin!(mutex.lock_async())).is_ready());
}

#[test]
fn a_future_that_kept_newcomers_out_and_is_dropped_lets_them_in() {
    let mutex = Mutex::new(());
    {
        let guard = mutex.lock();
        let mut waiting = pin!(mutex.lock_async());
        (0..100).for_each(|_| assert!(poll(waiting.as_mut()).is_pending()));
        drop(guard);
        assert!(poll(pin!(mutex.lock_async())).is_pending());
        assert!(mutex.try_lock().is_some());
    }
    assert!(poll(pin!(mutex.lock_async())).is_ready());
}

#[test]
fn a_future_that_kept_newcomers_out_and_is_not_polled_again_stops_nobody() {
    let mutex = Mutex::new(());
    let guard = mutex.lock();
    let mut forgotten = pin!(mutex.lock_async());
    (0..100).for_each(|_| assert!(poll(forgotten.as_mut()).is_pending()));
    drop(guard);
    let woken = Arc::<Woken>::default();
    let mut newcomer = pin!(mutex.lock_async());
    assert!(poll_with(newcomer.as_mut(), &woken).is_pending());
    assert_eq!(woken.count(), 1);
    assert!(poll(newcomer.as_mut()).is_ready());
    drop(mutex.lock());
}

/// The holder keeps the lock most of the time and never sleeps; the other thread has it all the same.
#[test]
fn a_thread_is_not_starved_by_one_that_locks_again_and_again() {
    let mutex = Arc::new(Mutex::new(0));
    let end = Arc::new(AtomicBool::new(false));
    let thread = thread::spawn({
        let (mutex, end) = (Arc::clone(&mutex), Arc::clone(&end));
        move || {
            while !end.load(Ordering::Relaxed) {
                let mut guard = mutex.lock();
                (0..2_000).for_each(|_| std::hint::spin_loop());
                *guard += 1;
            }
        }
    });
    for _ in 0..if cfg!(miri) { 2 } else { 20 } {
        *mutex.lock() += 1;
    }
    end.store(true, Ordering::Relaxed);
    thread.join().unwrap();
}

#[test]
fn a_panic_unlocks_and_leaves_the_value_as_it_was() {
    let mutex = Mutex::new(1);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let mut guard = mutex.lock();
        *guard = 2;
        panic!("while it is locked");
    }));
    assert!(panicked.is_err());
    assert_eq!(*mutex.lock(), 2);
    let part = catch_unwind(AssertUnwindSafe(|| {
        MutexGuard::map(mutex.lock(), |_| -> &mut i32 { panic!("while it is mapped") })
    }));
    assert!(part.is_err());
    assert!(!mutex.is_locked());
}

/// Threads and tasks on one lock, some of which give up at any moment: all that was counted is there.
#[test]
fn threads_and_tasks_share_a_lock_whoever_gives_up() {
    let mutex = Arc::new(Mutex::new(0_usize));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let mutex = Arc::clone(&mutex);
            thread::spawn(move || {
                let mut counted = 0;
                for round in 0..ROUNDS {
                    let guard = match (n + round) % 4 {
                        0 => match poll(pin!(mutex.lock_async())) {
                            Poll::Ready(guard) => Some(guard),
                            Poll::Pending => None,
                        },
                        1 => Some(strand::block_on(mutex.lock_async())),
                        2 => mutex.lock_timeout(Duration::from_micros(20)),
                        _ => Some(mutex.lock()),
                    };
                    if let Some(mut guard) = guard {
                        *guard += 1;
                        counted += 1;
                    }
                }
                counted
            })
        })
        .collect();
    let counted: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(*mutex.lock(), counted);
    println!("{counted} of {} got it", 4 * ROUNDS);
}

#[test]
fn a_mutex_holds_what_has_no_size_and_is_a_static() {
    static COUNT: FastMutex<u32> = FastMutex::new(1);
    let words: Box<Mutex<[u32]>> = Box::new(Mutex::new([1, 2, 3]));
    words.lock()[0] += *COUNT.lock();
    assert_eq!(*words.lock(), [2, 2, 3]);
    assert_eq!(format!("{words:?}"), "Mutex { value: [2, 2, 3] }");
    assert_eq!(format!("{:?}", words.lock()), "[2, 2, 3]");
}

/// lock_api's and parking_lot's guards were once `Sync`, or `Send`, with contents that are not.
#[test]
fn guards_cross_threads_only_with_values_that_may() {
    trait NotSync<A> {
        fn some() {}
    }
    struct IsSync;
    impl<T: ?Sized> NotSync<()> for T {}
    impl<T: ?Sized + Sync> NotSync<IsSync> for T {}
    fn both<T: Send + Sync>() {}
    fn send<T: Send>() {}
    both::<Mutex<Cell<u32>>>();
    both::<MutexGuard<'_, u32>>();
    both::<MappedMutexGuard<'_, u32>>();
    send::<MutexGuard<'_, Cell<u32>>>();
    send::<MappedMutexGuard<'_, Cell<u32>>>();
    // Ambiguous, and an error, if one of them were `Sync`.
    <MutexGuard<'_, Cell<u32>> as NotSync<_>>::some();
    <MappedMutexGuard<'_, Cell<u32>> as NotSync<_>>::some();
}
