//! Readers and writers, barriers, and so many in a period.

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::lock::{Barrier, Passed, RateLimiter, RwLock, RwLockReadGuard, RwLockWriteGuard};
use moirai_sync::strand;

use crate::woken::poll;

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 10 } else { 1_000 };

#[test]
fn a_reader_that_comes_after_a_writer_waits_behind_it() {
    let lock = RwLock::new(0);
    let reader = lock.read();
    let mut writing = pin!(lock.write_async());
    let mut reading = pin!(lock.read_async());
    assert!(poll(writing.as_mut()).is_pending());
    assert!(poll(reading.as_mut()).is_pending());
    assert!(lock.try_read().is_none());
    drop(reader);
    assert!(poll(reading.as_mut()).is_pending());
    let Poll::Ready(writer) = poll(writing) else { panic!("not served") };
    drop(writer);
    assert!(poll(reading).is_ready());
}

#[test]
fn a_writer_that_gives_up_lets_the_readers_behind_it_in() {
    let lock = RwLock::new(0);
    let _reader = lock.read();
    let mut reading = pin!(lock.read_async());
    {
        let mut writing = pin!(lock.write_async());
        assert!(poll(writing.as_mut()).is_pending());
        assert!(poll(reading.as_mut()).is_pending());
    }
    assert!(poll(reading).is_ready());
    assert!(lock.write_timeout(Duration::from_millis(1)).is_none());
    assert!(lock.read_timeout(Duration::from_millis(1)).is_some());
}

#[test]
fn who_reads_sees_all_of_a_write_or_nothing() {
    let lock = Arc::new(RwLock::new([0; 4]));
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    match (n + round) % 4 {
                        0 => lock.write().iter_mut().for_each(|word| *word += 1),
                        1 => {
                            let mut guard = strand::block_on(lock.write_async());
                            guard.iter_mut().for_each(|word| *word += 1);
                            let reader = RwLockWriteGuard::downgrade(guard);
                            assert!(reader.iter().all(|word| *word == reader[0]));
                        }
                        2 => {
                            // Given up at once, if others are there.
                            let _ = poll(pin!(lock.write_async()));
                        }
                        _ => {
                            let reader = lock.read();
                            assert!(reader.iter().all(|word| *word == reader[0]));
                        }
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(lock.read()[0], 2 * ROUNDS);
}

#[test]
fn guards_of_readers_and_writers_cross_threads_only_with_values_that_may() {
    trait NotSend<A> {
        fn some() {}
    }
    struct IsSend;
    impl<T: ?Sized> NotSend<()> for T {}
    impl<T: ?Sized + Send> NotSend<IsSend> for T {}
    trait NotSync<A> {
        fn some() {}
    }
    struct IsSync;
    impl<T: ?Sized> NotSync<()> for T {}
    impl<T: ?Sized + Sync> NotSync<IsSync> for T {}
    fn both<T: Send + Sync>() {}
    both::<RwLock<u32>>();
    both::<RwLockReadGuard<'_, u32>>();
    both::<RwLockWriteGuard<'_, u32>>();
    // Ambiguous, and errors, if they could.
    <RwLock<Cell<u32>> as NotSync<_>>::some();
    <RwLockReadGuard<'_, Cell<u32>> as NotSend<_>>::some();
    <RwLockReadGuard<'_, Cell<u32>> as NotSync<_>>::some();
    <RwLockWriteGuard<'_, Cell<u32>> as NotSync<_>>::some();
}

#[test]
fn an_arrival_at_a_barrier_that_is_dropped_does_not_count() {
    let barrier = Barrier::new(2);
    assert!(poll(pin!(barrier.wait_async())).is_pending());
    let mut first = pin!(barrier.wait_async());
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(poll(pin!(barrier.wait_async())), Poll::Ready(Passed::Leader));
    assert_eq!(poll(first), Poll::Ready(Passed::Follower));
    assert_eq!(Barrier::new(0).wait(), Passed::Leader);
}

/// Also while others give up at any moment.
#[test]
fn a_barrier_opens_again_and_again_for_so_many() {
    let (barrier, inside) = (Arc::new(Barrier::new(3)), Arc::new(AtomicUsize::new(0)));
    let threads: Vec<_> = (0..3)
        .map(|n| {
            let (barrier, inside) = (Arc::clone(&barrier), Arc::clone(&inside));
            thread::spawn(move || {
                let mut led = 0;
                for round in 1..=ROUNDS {
                    inside.fetch_add(1, Ordering::SeqCst);
                    let passed = match n {
                        0 => strand::block_on(barrier.wait_async()),
                        1 => loop {
                            if let Some(passed) = barrier.wait_timeout(Duration::from_micros(50)) {
                                break passed;
                            }
                        },
                        _ => barrier.wait(),
                    };
                    assert!(inside.load(Ordering::SeqCst) >= 3 * round);
                    led += usize::from(passed.is_leader());
                }
                led
            })
        })
        .collect();
    let led: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert_eq!(led, ROUNDS);
}

#[test]
fn a_limiter_lets_a_burst_through_and_then_so_many_in_a_period() {
    let period = Duration::from_secs(3600);
    let limiter = RateLimiter::new(1, period).burst(3);
    assert_eq!([(); 3].map(|()| limiter.try_acquire()), [Ok(()); 3]);
    let wait = limiter.try_acquire().unwrap_err();
    assert!(wait <= period && wait > period * 9 / 10);
    assert!(!limiter.acquire_timeout(Duration::from_millis(1)));
    assert!(!limiter.acquire_deadline(Instant::now()));
    // A limiter without a burst, at 1 a millisecond: 10 take 9 intervals at least.
    let limiter = RateLimiter::new(1000, Duration::from_secs(1));
    let start = Instant::now();
    (0..5).for_each(|_| limiter.acquire());
    strand::block_on(limiter.acquire_many_async(5));
    limiter.acquire();
    assert!(start.elapsed() >= Duration::from_millis(9));
}

#[test]
fn a_wait_for_a_limiter_that_is_dropped_costs_nobody_a_turn() {
    let limiter = RateLimiter::new(1, Duration::from_secs(3600)).burst(2);
    {
        let mut much = pin!(limiter.acquire_many_async(3));
        assert!(poll(much.as_mut()).is_ready());
        let mut first = pin!(limiter.acquire_async());
        assert!(poll(first.as_mut()).is_pending());
        // Somebody is in line.
        assert!(limiter.try_acquire().is_err());
    }
    // What the first one would have taken is not taken: three intervals, of which one is the burst.
    let wait = limiter.try_acquire().unwrap_err();
    assert!(wait <= Duration::from_secs(2 * 3600) && wait > Duration::from_secs(2 * 3600 - 60));
}

#[test]
fn no_rate_and_no_period_panics() {
    for count in [0, 1, u32::MAX] {
        for period in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            let limiter = RateLimiter::new(count, period).burst(count);
            assert_eq!(limiter.try_acquire(), Ok(()));
            let _ = limiter.try_acquire();
            assert!(
                !limiter.acquire_timeout(Duration::ZERO) || period < Duration::MAX || count > 1
            );
        }
    }
}
