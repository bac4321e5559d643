//! Locks under random schedules, in threads and in futures that are dropped at random: one at a time,
//! nothing lost on the way, nobody left asleep.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use shuttle::thread::{self, JoinHandle};

use super::{draw, explore, poll_and_cancel};
use crate::lock::{Barrier, Condvar, Mutex, Notify, OnceCell, RwLock, Semaphore, Waited};
use crate::wait_group::WaitGroup;

/// `n` threads with what they share and a number each.
fn threads<S: Send + Sync + 'static>(
    n: u32,
    shared: &Arc<S>,
    body: fn(&S, u32),
) -> Vec<JoinHandle<()>> {
    let spawn = |number| {
        let shared = Arc::clone(shared);
        thread::spawn(move || body(&shared, number))
    };
    (0..n).map(spawn).collect()
}

fn join(threads: Vec<JoinHandle<()>>) {
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

/// Has passed after one park: there is no clock.
fn some_time() -> Instant {
    Instant::now() + Duration::MAX / 4
}

/// Adds one in two steps, between which others run.
fn add(value: &mut u32) {
    let before = *value;
    thread::yield_now();
    *value = before + 1;
}

#[test]
fn one_has_the_mutex_at_a_time_whoever_gives_up() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Mutex::new(0), AtomicU32::new(0)));
        join(threads(4, &shared, |(mutex, locked), _| {
            for _ in 0..3 {
                let guard = match draw(5) {
                    0 => mutex.try_lock(),
                    1 => mutex.lock_deadline(some_time()),
                    2 => poll_and_cancel(mutex.lock_async(), draw(8)),
                    _ => Some(mutex.lock()),
                };
                if let Some(mut guard) = guard {
                    add(&mut guard);
                    locked.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
        assert_eq!(*shared.0.lock(), shared.1.load(Ordering::Relaxed));
        let newcomer = poll_and_cancel(shared.0.lock_async(), 1);
        assert!(newcomer.is_some(), "it is barred by nobody");
    });
}

#[test]
fn who_writes_is_alone_whoever_gives_up() {
    explore(SCHEDULES, || {
        let shared = Arc::new((RwLock::new((0, 0)), AtomicU32::new(0)));
        join(threads(4, &shared, |(lock, written), _| {
            for _ in 0..3 {
                let writing = match draw(6) {
                    0 => lock.try_write(),
                    1 => lock.write_deadline(some_time()),
                    2 => poll_and_cancel(lock.write_async(), draw(3)),
                    3 => Some(lock.write()),
                    n => {
                        let reading = match n {
                            4 => poll_and_cancel(lock.read_async(), draw(3)),
                            _ => Some(lock.read()),
                        };
                        if let Some(pair) = reading {
                            let first = pair.0;
                            thread::yield_now();
                            assert_eq!((first, first), *pair);
                        }
                        None
                    }
                };
                if let Some(mut pair) = writing {
                    add(&mut pair.0);
                    add(&mut pair.1);
                    written.fetch_add(1, Ordering::Relaxed);
                }
            }
        }));
        let written = shared.1.load(Ordering::Relaxed);
        let pair = shared.0.try_write().expect("nobody is left in it or in line");
        assert_eq!(*pair, (written, written));
    });
}

#[test]
fn so_many_have_permits_and_no_more_whoever_gives_up() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Semaphore::new(3), AtomicU32::new(0)));
        join(threads(4, &shared, |(semaphore, inside), _| {
            for _ in 0..3 {
                let need = 1 + draw(3);
                let permit = match draw(4) {
                    0 => semaphore.try_acquire_many(need).ok(),
                    1 => semaphore.acquire_many_deadline(need, some_time()).ok(),
                    2 => poll_and_cancel(semaphore.acquire_many_async(need), draw(3))
                        .and_then(Result::ok),
                    _ => semaphore.acquire_many(need).ok(),
                };
                if let Some(permit) = permit {
                    assert!(inside.fetch_add(need, Ordering::Relaxed) + need <= 3);
                    thread::yield_now();
                    inside.fetch_sub(need, Ordering::Relaxed);
                    drop(permit);
                }
            }
        }));
        assert_eq!(shared.0.available_permits(), 3);
        assert!(shared.0.try_acquire_many(3).is_ok(), "nobody is left in line");
    });
}

/// Things to take, each told of by a notification of its own; some wait for one and go away.
#[test]
fn who_waits_hears_of_each_thing_whoever_goes_away() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Notify::new(), AtomicU32::new(0)));
        let mut all = threads(2, &shared, |(notify, things), _| {
            let less = |n: u32| n.checked_sub(1);
            while things.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less).is_err() {
                match draw(3) {
                    0 => notify.wait(),
                    1 => drop(notify.wait_deadline(some_time())),
                    _ => drop(poll_and_cancel(notify.notified(), draw(3))),
                }
            }
            // At most one notification is kept: of more than one thing, each who takes tells the next.
            if things.load(Ordering::SeqCst) > 0 {
                notify.notify_one();
            }
        });
        all.extend(threads(2, &shared, |(notify, things), _| {
            things.fetch_add(1, Ordering::SeqCst);
            notify.notify_one();
        }));
        // Takes nothing; what it is told, it tells.
        all.extend(threads(1, &shared, |(notify, _), _| {
            if poll_and_cancel(notify.notified(), draw(3)).is_some() {
                notify.notify_one();
            }
        }));
        join(all);
    });
}

/// All who wait since before are told, in whatever way they wait.
#[test]
fn all_who_wait_are_told_at_once() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Notify::new(), Barrier::new(4)));
        let mut all = threads(3, &shared, |(notify, ready), number| {
            let notified = notify.notified();
            ready.wait();
            match number {
                0 => crate::strand::block_on(notified),
                1 => drop(poll_and_cancel(notified, draw(3))),
                _ => {
                    thread::yield_now();
                    crate::strand::block_on(notified);
                }
            }
        });
        all.extend(threads(1, &shared, |(notify, ready), _| {
            ready.wait();
            notify.notify_waiters();
        }));
        join(all);
        assert!(poll_and_cancel(shared.0.notified(), 1).is_none(), "nothing is kept");
    });
}

#[test]
fn what_changes_under_the_lock_reaches_who_waits_for_it() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Mutex::new(0_u32), Condvar::new()));
        let mut all = threads(3, &shared, |(things, changed), _| {
            let mut guard = things.lock();
            while *guard == 0 {
                guard = match draw(3) {
                    0 => changed.wait(guard),
                    1 => changed.wait_deadline(guard, some_time()).0,
                    _ => match poll_and_cancel(changed.wait_async(guard), 1 + draw(3)) {
                        Some(guard) => guard,
                        None => things.lock(),
                    },
                };
            }
            add_back(&mut guard);
        });
        all.extend(threads(3, &shared, |(things, changed), number| {
            add(&mut things.lock());
            match number {
                0 => changed.notify_all(),
                _ => changed.notify_one(),
            }
        }));
        // Waits for nothing: what it is told, it tells.
        all.extend(threads(1, &shared, |(things, changed), _| {
            let told = match draw(2) {
                0 => changed.wait_deadline(things.lock(), some_time()).1 == Waited::Notified,
                _ => poll_and_cancel(changed.wait_async(things.lock()), 1 + draw(3)).is_some(),
            };
            if told {
                changed.notify_one();
            }
        }));
        join(all);
        assert_eq!(*shared.0.lock(), 0);
    });
}

/// Takes one away in two steps.
fn add_back(value: &mut u32) {
    let before = *value;
    thread::yield_now();
    *value = before - 1;
}

/// Three pass together, twice; a fourth comes and gives up, unless it was let through.
#[test]
fn so_many_pass_together_and_one_of_them_leads() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Barrier::new(3), AtomicU32::new(0), AtomicU32::new(0)));
        join(threads(3, &shared, |(barrier, passed, leaders), _| {
            for round in 1..=2 {
                let this = loop {
                    match draw(2) {
                        0 => break barrier.wait(),
                        _ => {
                            if let Some(passed) = barrier.wait_deadline(some_time()) {
                                break passed;
                            }
                        }
                    }
                };
                assert!(passed.fetch_add(1, Ordering::Relaxed) >= 3 * (round - 1));
                leaders.fetch_add(this.is_leader().into(), Ordering::Relaxed);
            }
        }));
        let [passed, leaders] = [&shared.1, &shared.2].map(|count| count.load(Ordering::Relaxed));
        assert_eq!((passed, leaders), (6, 2));
    });
}

/// Pending at its first poll.
async fn pending_once() {
    let mut polled = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn one_of_many_makes_the_value_whoever_fails() {
    explore(SCHEDULES, || {
        let shared = Arc::new((OnceCell::new(), AtomicU32::new(0)));
        join(threads(4, &shared, |(cell, made), _| {
            let make = || {
                thread::yield_now();
                1 + made.fetch_add(1, Ordering::Relaxed)
            };
            match draw(3) {
                0 => drop(cell.get_or_try_init(|| Err(thread::yield_now()))),
                1 => {
                    let slowly = async || {
                        pending_once().await;
                        make()
                    };
                    poll_and_cancel(cell.get_or_init_async(slowly), draw(4));
                }
                _ => assert_eq!(cell.get_or_init(make), &1),
            }
        }));
        assert_eq!(shared.0.get_or_init(|| 1), &1);
        assert!(shared.1.load(Ordering::Relaxed) <= 1);
    });
}

#[test]
fn the_wait_for_a_group_ends_with_its_last_member() {
    explore(SCHEDULES, || {
        let group = WaitGroup::new();
        let left = Arc::new(AtomicU32::new(0));
        let members = (0..3).map(|_| {
            let (member, left) = (group.add(), Arc::clone(&left));
            thread::spawn(move || {
                left.fetch_add(1, Ordering::Relaxed);
                drop(member);
            })
        });
        let members: Vec<_> = members.collect();
        let shared = Arc::new((group, left));
        join(threads(2, &shared, |(group, left), _| {
            if poll_and_cancel(group.wait_async(), draw(3)).is_none() {
                group.wait();
            }
            assert_eq!(left.load(Ordering::Relaxed), 3);
        }));
        join(members);
    });
}

const SCHEDULES: usize = 4_000;
