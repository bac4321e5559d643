//! Models of fork-join: what becomes of a half that its owner and a thief both want, of what a scope
//! spawns and a broadcast shares out, and of a permit that a guest and a publisher both want.

#![allow(unsafe_code, reason = "lets the model watch who writes what; it is the model")]

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Waker;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};
use moirai_sync::__prim::{Parked, Parker};

use super::{idle_pool, run_queued};
use crate::join::{Scope, broadcast, join, scope};
use crate::sched::current::{self, Context};
use crate::sched::idle::{Bed, Search};
use crate::sched::local::LocalQueue;
use crate::sched::mailbox::Mailbox;
use crate::sched::permits::PermitId;
use crate::sched::pool::{Begin, Pool};
use crate::sched::post::Post;
use crate::sched::signal::{Ask, Raised};
use crate::sched::work::{Tally, Work};

/// Calls `f` as a thread of the program that forks on `pool`.
fn fork_on<R>(pool: &Arc<Pool>, f: impl FnOnce() -> R) -> R {
    current::enter(&Context::new(pool, None), f)
}

/// A thread that runs up to `n` of what it finds, and asks for more if told so.
fn thief(pool: &Arc<Pool>, n: u32, begs: Begs) -> JoinHandle<u32> {
    let pool = Arc::clone(pool);
    thread::spawn(move || {
        let mut taken = 0;
        for _ in 0..n {
            if let Some(work) = pool.posts().find_map(Post::take) {
                work.run();
                taken += 1;
            }
            if begs == Begs::Yes {
                for post in pool.posts() {
                    let _: Raised = post.signal.raise(Ask::Hungry);
                }
            }
        }
        taken
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Begs {
    Yes,
    No,
}

/// Written by one thread, read by another, and never without an order between them.
struct Watched(UnsafeCell<u32>);

// SAFETY: a model complains where two threads meet.
unsafe impl Sync for Watched {}

impl Watched {
    fn new() -> Self {
        Self(UnsafeCell::new(0))
    }

    fn add(&self, n: u32) {
        // SAFETY: see above.
        self.0.with_mut(|value| unsafe { *value += n });
    }

    fn get(&self) -> u32 {
        // SAFETY: see above.
        self.0.with(|value| unsafe { *value })
    }
}

/// Taken by the thief or taken back, each half runs once, and the owner sees what it did; the owner
/// blocks, or finds it done.
#[test]
fn a_half_is_taken_or_taken_back() {
    loom::model(|| {
        let pool = idle_pool();
        let thief = thief(&pool, 1, Begs::No);
        let sums = [Watched::new(), Watched::new()];
        let (a, b) = fork_on(&pool, || {
            join(
                || sums[0].add(1),
                || {
                    sums[1].add(2);
                    3
                },
            )
        });
        assert_eq!((a, b), ((), 3));
        assert_eq!((sums[0].get(), sums[1].get()), (1, 2));
        thief.join().unwrap();
    });
}

/// A hungry thief against the owner of a fork that is alone in its list.
#[test]
fn the_only_fork_in_the_list_is_promoted() {
    loom::model(|| {
        let pool = idle_pool();
        let thief = thief(&pool, 2, Begs::Yes);
        let sums = [Watched::new(), Watched::new(), Watched::new()];
        fork_on(&pool, || join(|| join(|| sums[0].add(1), || sums[1].add(2)), || sums[2].add(4)));
        assert_eq!(sums.map(|sum| sum.get()), [1, 2, 4]);
        thief.join().unwrap();
    });
}

fn panic_with(payload: u32) {
    std::panic::resume_unwind(Box::new(payload));
}

/// The first half panics while the second one may be with the thief: it has ended when the panic goes
/// on.
#[test]
fn a_panic_waits_for_the_other_half() {
    loom::model(|| {
        let pool = idle_pool();
        let thief = thief(&pool, 1, Begs::No);
        let sum = Watched::new();
        let panic = catch_unwind(AssertUnwindSafe(|| {
            fork_on(&pool, || join(|| panic_with(7), || sum.add(1)))
        }));
        let panic = panic.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&7_u32));
        assert_eq!(sum.get(), 1);
        thief.join().unwrap();
    });
}

/// The second half panics, on either side.
#[test]
fn a_panic_comes_back_from_the_thief() {
    loom::model(|| {
        let pool = idle_pool();
        let thief = thief(&pool, 1, Begs::No);
        let panic =
            catch_unwind(AssertUnwindSafe(|| fork_on(&pool, || join(|| (), || panic_with(7)))));
        let panic = panic.unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&7_u32));
        thief.join().unwrap();
    });
}

/// A guest takes the only free permit while a task is published: the sleeping worker is woken all the
/// same, and not at the end of what the guest computes. The guest is counted until it has the permit
/// again.
#[test]
fn a_guests_permit_is_called_back_for_a_task() {
    loom::model(|| {
        let pool = idle_pool();
        assert_eq!(pool.idle.sleep(0, PermitId::FIRST, Bed::Own, Search::No), None);
        let tally = Tally::default();
        let publisher = thread::spawn({
            let (pool, tally) = (Arc::clone(&pool), tally.clone());
            move || pool.inject(tally.work(1))
        });
        let guest = pool.guests.sit_down().unwrap();
        pool.admit(&guest);
        publisher.join().unwrap();
        // Woken, it searches, and it is not to take a part of what the guest computes.
        assert_eq!((pool.idle.searchers(), pool.missed.count()), (1, 1));
        assert!(!pool.may_compute());
        run_queued(&pool);
        assert_eq!(tally.ran(), [1]);
        // It lies down, and the guest looks up.
        assert_eq!(pool.idle.sleep(0, PermitId::FIRST, Bed::Own, Search::Yes), None);
        pool.readmit(&guest);
        assert_eq!((pool.idle.free(), pool.missed.count()), (0, 0));
        pool.dismiss(&guest);
        assert_eq!(pool.missed.count(), 0);
    });
}

/// A worker that does nothing but run what is queued for all, with a place to fork from.
fn worker(pool: &Arc<Pool>) -> JoinHandle<()> {
    let pool = Arc::clone(pool);
    thread::spawn(move || fork_on(&pool, || _ = run_queued(&pool)))
}

/// What a scope spawns is run once, by a worker that has found a ticket or by the scope's owner, and has
/// ended when the scope has: what it borrowed is the owner's again.
#[test]
fn a_scope_outlives_what_it_spawns() {
    loom::model(|| {
        let pool = idle_pool();
        let worker = worker(&pool);
        let sums = [Watched::new(), Watched::new()];
        fork_on(&pool, || {
            scope(|scope| {
                scope.spawn(|_| sums[0].add(1));
                scope.spawn(|_| sums[1].add(2));
            });
        });
        assert_eq!(sums.map(|sum| sum.get()), [1, 2]);
        worker.join().unwrap();
        // A ticket that nobody has found in time finds nothing.
        fork_on(&pool, || run_queued(&pool));
    });
}

/// As above, of a closure that spawns another one and then panics.
#[test]
fn a_panic_in_a_scope_waits_for_what_that_closure_spawned() {
    loom::model(|| {
        let pool = idle_pool();
        let worker = worker(&pool);
        let sum = Watched::new();
        let spawns = |scope: &Scope<'_>| {
            scope.spawn(|_| ());
            panic_with(7);
        };
        let panic = catch_unwind(AssertUnwindSafe(|| {
            fork_on(&pool, || {
                scope(|scope| {
                    scope.spawn(spawns);
                    scope.spawn(|_| sum.add(1));
                });
            });
        }));
        assert_eq!(panic.unwrap_err().downcast_ref(), Some(&7_u32));
        assert_eq!(sum.get(), 1);
        worker.join().unwrap();
        fork_on(&pool, || run_queued(&pool));
    });
}

/// A worker that waits elsewhere than in its bed, for one letter, and ends.
fn answers_one_letter(
    pool: &Arc<Pool>,
    id: usize,
    _: LocalQueue,
    _: Begin,
) -> io::Result<JoinHandle<()>> {
    let pool = Arc::clone(pool);
    Ok(thread::spawn(move || {
        let mailbox = &pool.remote(id).unwrap().mailbox;
        let parker = Arc::new(Parker::new());
        let waker = Waker::from(Arc::clone(&parker));
        loop {
            if let Some(letter) = mailbox.pop_or_wait(&waker) {
                letter.run();
                break;
            }
            let _: Parked = parker.park(None);
        }
        let mut left = mailbox.close();
        assert!(left.pop().is_none());
    }))
}

/// The share of a worker that waits for something else is run there; its result is there when the
/// broadcast returns, and nobody touches it after that.
#[test]
fn a_broadcast_outlives_its_shares() {
    loom::model(|| {
        let pool = super::pool(answers_one_letter);
        pool.start().unwrap();
        let sum = Watched::new();
        let shares = fork_on(&pool, || {
            broadcast(|_| {
                sum.add(1);
                7
            })
        });
        assert_eq!((shares, sum.get()), (vec![7], 1));
        pool.close();
    });
}

/// A letter against a worker that ends: it is run there, or comes back.
#[test]
fn a_letter_is_read_or_comes_back() {
    loom::model(|| {
        let (mailbox, tally) = (Arc::new(Mailbox::new()), Tally::default());
        let sender = thread::spawn({
            let (mailbox, tally) = (Arc::clone(&mailbox), tally.clone());
            move || {
                for number in 0..2 {
                    if let Err(back) = mailbox.push(tally.work(number)) {
                        back.run();
                    }
                }
            }
        });
        mailbox.pop().into_iter().for_each(Work::run);
        let mut left = mailbox.close();
        while let Some(letter) = left.pop() {
            letter.run();
        }
        sender.join().unwrap();
        let mut ran = tally.ran();
        ran.sort_unstable();
        assert_eq!(ran, [0, 1]);
    });
}
