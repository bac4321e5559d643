//! Timers by the thousand: cancelled, moved, fired by others, and the ends of time.

use std::future::{pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use moirai_runtime::time::{
    DelayQueue, MissedTickBehavior, Sleep, interval, interval_at, sleep, sleep_until, timeout,
    timeout_at,
};
use moirai_runtime::{Runtime, TaskError};
use moirai_sync::strand;

use crate::{Random, runtime, times, watch, works_on};

/// Is set when it wakes.
#[derive(Default)]
struct Flag(AtomicBool);

impl Flag {
    fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn timers(runtime: &Runtime) -> usize {
    runtime.handle().metrics().timers
}

fn begin(sleep: &mut Sleep, waker: &Waker) -> Poll<()> {
    Pin::new(sleep).poll(&mut Context::from_waker(waker))
}

const MS: Duration = Duration::from_millis(if cfg!(miri) { 1000 } else { 1 });

#[test]
fn ten_thousand_cancelled_timers_leave_nothing_wherever_they_are_dropped() {
    watch(|| {
        let runtime = runtime(2);
        let number = if cfg!(miri) { 20 } else { 10_000 };
        let sleeping = move || -> Vec<Sleep> {
            let mut sleeps: Vec<_> = (0..number).map(|n| sleep(MS * (1_000_000 + n))).collect();
            let begun = sleeps.iter_mut().all(|sleep| begin(sleep, Waker::noop()).is_pending());
            assert!(begun);
            sleeps
        };
        // On a worker, on another one, on a thread in `block_on`, on one that the runtime never saw.
        let handle = runtime.spawn_parallel(sleeping);
        let sleeps = handle.join().unwrap();
        assert_eq!(timers(&runtime), number as usize);
        runtime.spawn_parallel(|| drop(sleeps)).join().unwrap();
        assert_eq!(timers(&runtime), 0);
        let sleeps = runtime.block_on(async { sleeping() });
        assert_eq!(timers(&runtime), number as usize);
        std::thread::spawn(|| drop(sleeps)).join().unwrap();
        assert_eq!(timers(&runtime), 0);
        // And those of tasks that are cancelled, and of a runtime that ends.
        let tasks: Vec<_> = (0..number).map(|_| runtime.spawn(sleep(MS * 1_000_000))).collect();
        tasks.iter().for_each(|task| task.cancel());
        for task in tasks {
            assert!(matches!(task.join(), Err(TaskError::Cancelled)));
        }
        assert_eq!(timers(&runtime), 0);
        works_on(&runtime);
    });
}

/// Fails if a reset leaves the old timer behind, or whoever waits waits for the old moment.
#[test]
fn whoever_waits_is_woken_at_the_moment_that_a_sleep_was_reset_to() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(async {
            let (flag, start) = (Arc::new(Flag::default()), Instant::now());
            let waker = Waker::from(Arc::clone(&flag));
            let mut sleep = sleep(MS * 1_000_000);
            assert!(begin(&mut sleep, &waker).is_pending());
            sleep.reset(start + MS * 5);
            assert_eq!((sleep.deadline(), timers(&runtime)), (Some(start + MS * 5), 1));
            // Nobody polls it meanwhile.
            while !flag.is_set() {
                std::thread::yield_now();
            }
            assert!(sleep.is_elapsed() && start.elapsed() >= MS * 5);
            // And away from what is near.
            sleep.reset_after(MS * 1_000_000);
            assert!(!sleep.is_elapsed() && begin(&mut sleep, &waker).is_pending());
            sleep.reset_after(Duration::MAX);
            assert_eq!((sleep.deadline(), timers(&runtime)), (None, 0));
            assert!(begin(&mut sleep, &waker).is_pending());
        });
    });
}

/// The timer lies in the wheel of the worker that computes until somebody else has fired it.
#[test]
fn the_timers_of_a_worker_that_computes_are_fired_by_another_thread() {
    for workers in [1, 2, 4] {
        watch(move || {
            let runtime = runtime(workers);
            let stuck = runtime.spawn(async {
                let flag = Arc::new(Flag::default());
                let mut sleep = sleep(MS * 3);
                assert!(begin(&mut sleep, &Arc::clone(&flag).into()).is_pending());
                while !flag.is_set() {
                    std::hint::spin_loop();
                }
                sleep.is_elapsed()
            });
            assert!(stuck.join().unwrap());
        });
    }
}

/// Sleeps that are begun, moved, finished and dropped at random by tasks that give them to each
/// other: none ends early, every one that is awaited ends, and nothing stays.
#[test]
fn timers_reset_cancelled_and_handed_over_at_random_leave_nothing() {
    watch(|| {
        let runtime = runtime(3);
        let mut random = Random::seeded();
        let steps = if cfg!(miri) { 30 } else { 200_000 };
        let (sender, receiver) = moirai_sync::channel::bounded::<Sleep>(64);
        let finished = Arc::new(AtomicUsize::new(0));
        let task = |mut random: Random| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            let finished = Arc::clone(&finished);
            runtime.spawn(async move {
                let mut sleeps = Vec::new();
                for _ in 0..steps {
                    let duration = Duration::from_micros(random.below(3_000));
                    let chosen = random.below(sleeps.len().max(1) as u64) as usize;
                    match random.below(16) {
                        0..5 => sleeps.push(sleep(duration)),
                        5..8 if !sleeps.is_empty() => {
                            let sleep = &mut sleeps[chosen];
                            let _: Poll<()> =
                                poll_fn(|cx| Poll::Ready(begin(sleep, cx.waker()))).await;
                        }
                        8..11 if !sleeps.is_empty() => sleeps[chosen].reset_after(duration),
                        11..13 if !sleeps.is_empty() => drop(sleeps.swap_remove(chosen)),
                        13 if !sleeps.is_empty() => {
                            // What no one takes is dropped.
                            drop(sender.try_send(sleeps.swap_remove(chosen)));
                        }
                        14 => sleeps.extend(receiver.try_recv()),
                        15 if random.below(64) == 0 && !sleeps.is_empty() => {
                            let mut sleep = sleeps.swap_remove(chosen);
                            (&mut sleep).await;
                            assert!(Some(Instant::now()) >= sleep.deadline());
                            finished.fetch_add(1, Ordering::Relaxed);
                        }
                        _ => sleeps.truncate(100),
                    }
                }
            })
        };
        let tasks: Vec<_> = (0..6).map(|_| task(random.fork())).collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        drop((sender, receiver));
        assert_eq!(timers(&runtime), 0);
        println!("{} slept to the end", finished.load(Ordering::Relaxed));
    });
}

/// Snapshots are taken all the time while timers run: nobody waits for anybody for ever.
#[test]
fn metrics_taken_in_a_loop_stop_no_timer() {
    const TASKS: usize = 50;
    watch(|| {
        let runtime = runtime(2);
        let done = Arc::new(AtomicBool::new(false));
        let looking = std::thread::spawn({
            let (handle, done) = (runtime.handle().clone(), Arc::clone(&done));
            move || {
                let mut snapshots = 0;
                while !done.load(Ordering::Relaxed) {
                    // A timer may be counted twice if its task changes workers meanwhile.
                    assert!(handle.metrics().timers <= 2 * TASKS);
                    drop(format!("{handle:?}"));
                    snapshots += 1;
                }
                snapshots
            }
        });
        let rounds = if cfg!(miri) { 2 } else { 50 };
        let tasks: Vec<_> = (0..TASKS)
            .map(|n| {
                runtime.spawn(async move {
                    for _ in 0..rounds {
                        sleep(Duration::from_micros(n as u64 * 20)).await;
                        assert!(timeout(MS, pending::<()>()).await.is_err());
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| task.join().unwrap());
        done.store(true, Ordering::Relaxed);
        println!("{} snapshots", looking.join().unwrap());
        assert_eq!(timers(&runtime), 0);
    });
}

#[test]
fn no_duration_and_no_moment_panics_or_overflows() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(async {
            let now = Instant::now();
            let far = far(now);
            let long = [Duration::MAX, Duration::MAX / 2, Duration::from_secs(u64::MAX >> 1)];
            for duration in long {
                assert!(timeout(MS, sleep(duration)).await.is_err());
                assert_eq!(timeout(duration, ready(7)).await, Ok(7));
                let mut interval = interval(duration);
                interval.tick().await;
                assert!(timeout(MS, interval.tick()).await.is_err());
                interval.reset();
                interval.reset_after(duration);
                assert!(timeout(MS, interval.tick()).await.is_err());
            }
            for deadline in [far, far - Duration::from_nanos(1)] {
                assert!(timeout(MS, sleep_until(deadline)).await.is_err());
                assert_eq!(timeout_at(deadline, ready(7)).await, Ok(7));
                let mut interval = interval_at(deadline, Duration::MAX);
                assert!(timeout(MS, interval.tick()).await.is_err());
            }
            let mut queue = DelayQueue::new();
            let keys = [queue.insert(1, Duration::MAX), queue.insert_at(2, far)];
            assert!(timeout(MS, queue.next_expired()).await.is_err());
            assert!(queue.reset(keys[0], Duration::MAX).is_some());
            assert_eq!((queue.deadline(keys[0]), queue.deadline(keys[1])), (None, Some(far)));
            assert_eq!(keys.map(|key| queue.remove(key)), [Some(1), Some(2)]);

            // What has passed, and what takes no time, is ready at once.
            assert_eq!(timeout(Duration::ZERO, ready(7)).await, Ok(7));
            assert!(timeout(Duration::ZERO, pending::<()>()).await.is_err());
            assert!(timeout_at(now, pending::<()>()).await.is_err());
            sleep_until(now).await;
            for missed in
                [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip]
            {
                let mut interval = interval(Duration::ZERO);
                interval.set_missed_tick_behavior(missed);
                for _ in 0..times(100) {
                    assert!(interval.tick().await <= Instant::now());
                }
            }
        });
        assert_eq!(timers(&runtime), 0);
    });
}

/// The last moment that the system can tell, about.
fn far(now: Instant) -> Instant {
    let (mut far, mut step) = (now, Duration::from_secs(1 << 62));
    while step > Duration::from_nanos(1) {
        match far.checked_add(step) {
            Some(further) => far = further,
            None => step /= 2,
        }
    }
    far
}

#[test]
fn a_future_that_is_given_up_is_dropped_and_its_timer_with_it() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(async {
            let slow = timeout(MS * 1_000_000, sleep(MS * 2_000_000));
            let slow = runtime.spawn(timeout(MS, slow));
            assert!(slow.await.unwrap().is_err());
            assert_eq!(timers(&runtime), 0);
            // In time, however late it is noticed.
            let quick = timeout(MS, ready(7));
            std::thread::sleep(MS * 2);
            assert_eq!(quick.await, Ok(7));
        });
    });
}

#[test]
fn an_interval_ticks_at_multiples_of_its_period_and_loses_no_tick() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(async {
            // Far enough that a wait for the first tick is given up, on a busy machine too.
            let start = Instant::now() + MS * 50;
            let mut interval = interval_at(start, MS);
            let mut given_up = 0;
            for n in 0..20 {
                let tick = loop {
                    match timeout(MS / 3, interval.tick()).await {
                        Ok(tick) => break tick,
                        Err(_) => given_up += 1,
                    }
                };
                assert_eq!(tick, start + MS * n);
            }
            assert!(given_up > 0);
            interval.reset_at(start);
            assert_eq!(interval.tick().await, start);
            interval.reset_immediately();
            assert!(interval.tick().await > start);
        });
    });
}

#[test]
fn a_sleep_that_is_polled_after_its_time_ends() {
    watch(|| {
        let runtime = runtime(1);
        let late = || {
            let sleep = sleep(MS);
            std::thread::sleep(MS * 2);
            sleep
        };
        runtime.block_on(late());
        runtime.spawn(async move { late().await }).join().unwrap();
        strand::block_on(late());
        assert_eq!(timers(&runtime), 0);
    });
}

#[test]
fn timers_work_on_a_thread_without_a_runtime() {
    watch(|| {
        strand::block_on(async {
            let start = Instant::now();
            sleep(MS).await;
            assert!(timeout(MS, pending::<()>()).await.is_err());
            let mut interval = interval(MS);
            for _ in 0..3 {
                interval.tick().await;
            }
            assert!(start.elapsed() >= MS * 4);
        });
    });
}

#[test]
fn a_delay_queue_yields_values_in_the_order_of_their_times() {
    watch(|| {
        let runtime = runtime(1);
        let mut random = Random::seeded();
        let number = if cfg!(miri) { 10 } else { 300 };
        runtime.block_on(async move {
            let (mut queue, start) = (DelayQueue::new(), Instant::now());
            for n in 0..number {
                let key = queue.insert(n, MS * random.below(100) as u32);
                match random.below(4) {
                    0 => assert_eq!(queue.remove(key), Some(n)),
                    1 => {
                        let deadline = start + MS * random.below(100) as u32;
                        assert_eq!(queue.reset_at(key, deadline), Some(&mut n.clone()));
                        assert_eq!(queue.deadline(key), Some(deadline));
                    }
                    _ => assert_eq!(queue.get(key), Some(&n)),
                }
            }
            let waiting = queue.len();
            let mut order = Vec::new();
            while let Some(expired) = queue.next_expired().await {
                assert!(Instant::now() >= expired.deadline());
                order.push(expired.deadline());
            }
            assert_eq!((order.len(), queue.len()), (waiting, 0));
            // What is due within the same half of a millisecond comes as it was inserted.
            assert!(order.windows(2).all(|pair| pair[0] <= pair[1] + MS / 2 * 2));
        });
    });
}

/// Whoever waits in a hand-written future, which only inserts, is woken for what comes first now.
#[test]
fn a_value_inserted_before_all_others_wakes_whoever_waits_for_them() {
    watch(|| {
        let runtime = runtime(1);
        runtime.block_on(async {
            let (mut queue, flag) = (DelayQueue::new(), Arc::new(Flag::default()));
            let waker = Waker::from(Arc::clone(&flag));
            let mut cx = Context::from_waker(&waker);
            assert!(queue.poll_expired(&mut cx).is_ready(), "it is empty");
            queue.insert("late", MS * 1_000_000);
            assert!(queue.poll_expired(&mut cx).is_pending());
            let middle = queue.insert("middle", MS * 500_000);
            queue.insert("soon", MS);
            while !flag.is_set() {
                std::thread::yield_now();
            }
            let soon = pin!(queue.next_expired()).await.unwrap();
            assert_eq!(*soon.get_ref(), "soon");
            assert!(queue.reset(middle, MS).is_some());
            assert_eq!(queue.next_expired().await.unwrap().into_inner(), "middle");
            assert!(queue.reset(middle, MS).is_none() && queue.remove(middle).is_none());
            queue.clear();
            assert!(queue.is_empty() && queue.next_expired().await.is_none());
        });
        assert_eq!(timers(&runtime), 0);
    });
}
