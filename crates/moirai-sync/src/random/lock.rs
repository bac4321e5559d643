//! Locks under random schedules, in threads and in futures that are dropped at random: one at a time,
//! nothing lost on the way, nobody left asleep.
//!
//! Planted bugs, each found by a test here (`random`), a model (`model`), or a test in `tests/it`:
//!
//! | lock | left out, or wrong | found by, among others |
//! |---|---|---|
//! | mutex | setting TELL (`Locking::join`), or clearing it while others stand in line (`RawMutex::tell_first`) | the models of the mutex |
//! | | the second try after joining (`Locking::poll`) | the same |
//! | | telling the next one of what one was told who goes away (`Locking`'s drop) | the same |
//! | | keeping a promise: with the lock or without (`RawMutex::keep_promise`), and in vain (`Locking::join`) | the same |
//! | | lifting the bar in `Locking`'s drop; and in `RawMutex::take` | `one_has_the_mutex_at_a_time_whoever_gives_up`, twice |
//! | | a look at LOCKED by one who has waited | the same |
//! | | telling the next one of a barred lock (`Locking::wait`) | `model::mutex::a_future_that_bars_the_lock_and_is_not_polled_again_stops_nobody` |
//! | | the bar itself (`Locking::is_impatient`) | `who_was_told_often_in_vain_has_the_lock_before_any_newcomer` |
//! | | Release in `unlock`; Acquire in `take`, in `enter` | `model::mutex::one_has_the_value_at_a_time_and_sees_what_was_done_before` |
//! | | Release in `Locked::tell_first` | `model::mutex::an_unlock_races_a_waiter_that_comes_and_one_that_goes` |
//! | readers and writers | a writer that leaves one permit to a reader | `who_writes_is_alone_whoever_gives_up` |
//! | | a permit that a writer does not give back; one too many in `downgrade` | the same, twice |
//! | semaphore | giving back what was granted to who is gone (`Turn`'s drop) | `so_many_have_permits_and_no_more_whoever_gives_up` |
//! | | a look at the line in `release`; the same in `join` | the same, twice |
//! | | serving those behind who leaves (`Turn`'s drop) | `model::semaphore::who_gives_up_in_front_lets_in_who_stands_behind` |
//! | | a look at CLOSED under the lock (`join`) | `model::semaphore::a_close_races_one_who_begins_to_wait` |
//! | | QUEUED for newcomers (`try_acquire`) | `who_wants_many_is_not_passed_by_those_who_want_few` |
//! | | Release in `release` | `model::semaphore::one_permit_lets_in_one_at_a_time` |
//! | notifications | passing on what one who is gone was told (`Notified`'s drop) | `who_waits_hears_of_each_thing_whoever_goes_away` |
//! | | the permit that was there (`Notify::stand`); keeping one (`notify_waiting`) | `model::notify::a_wait_that_is_dropped_takes_no_notification_with_it`, twice |
//! | | saying that nobody is in line any more (`Notified`'s drop) | `model::notify::a_notification_races_the_drop_of_who_is_told` |
//! | | the epoch, where somebody waits (`notify_waiters`) | `all_who_wait_are_told_at_once` |
//! | | the epoch in `take_permit`; in `stand` | `model::notify::an_old_wait_takes_no_new_notification`, twice |
//! | | Release in `notify_one`; Acquire in `stand` | `model::notify::a_notification_is_heard_and_orders_what_came_before`, twice |
//! | | Release in `lower_flag`; in `Locked::tell_first` | `model::notify::an_end_of_the_epoch_orders_what_came_before`, twice |
//! | condition variable | passing on what one who is gone was told | `what_changes_under_the_lock_reaches_who_waits_for_it` |
//! | | standing in line before the lock is given up | the same |
//! | | all but one (`notify_all`) | `all_who_wait_are_told_of_a_change` |
//! | barrier | the generation in `withdraw` | `model::once::an_arrival_that_gives_up_late_takes_no_other_with_it` |
//! | | all but one; the second look; being let through in the last moment | `so_many_pass_together_and_one_of_them_leads`, thrice |
//! | | AcqRel in `arrive` | `model::once::an_arrival_that_is_dropped_does_not_count` |
//! | made once | telling the next one of a failure; all but one of the end; the second try | `one_of_many_makes_the_value_whoever_fails`, thrice |
//! | | Release of DONE | `model::once::one_makes_it_and_all_see_it` |
//! | wait group | the epoch | `model::wait_group::a_moment_without_members_is_enough` |
//! | | telling those who wait | `the_wait_for_a_group_ends_with_its_last_member` |
//! | | Release in `leave` | `model::wait_group::the_wait_ends_after_the_last_member_and_sees_what_all_have_done` |
//! | rate limiter | giving up the first place | `a_wait_for_a_limiter_that_is_dropped_costs_nobody_a_turn` |
//! | | counting many as one | `a_limiter_lets_a_burst_through_and_then_so_many_in_a_period` |

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use shuttle::thread::{self, JoinHandle};

use super::{draw, explore, poll_and_cancel};
use crate::lock::{
    Barrier, Condvar, Mutex, Notify, OnceCell, RwLock, RwLockWriteGuard, Semaphore, Waited,
};
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
                    if draw(2) == 0 {
                        let reading = RwLockWriteGuard::downgrade(pair);
                        let before = *reading;
                        thread::yield_now();
                        assert_eq!(before, *reading);
                    }
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

#[test]
fn all_who_wait_are_told_of_a_change() {
    explore(SCHEDULES, || {
        let shared = Arc::new((Mutex::new(0_u32), Condvar::new()));
        let mut all = threads(3, &shared, |(open, changed), _| {
            let mut guard = open.lock();
            while *guard == 0 {
                guard = match draw(2) {
                    0 => changed.wait(guard),
                    _ => crate::strand::block_on(changed.wait_async(guard)),
                };
            }
        });
        all.extend(threads(1, &shared, |(open, changed), _| {
            *open.lock() = 1;
            changed.notify_all();
        }));
        join(all);
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
