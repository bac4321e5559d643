//! Models of the permit that the watcher may take: however it and the worker meet, one of them, and
//! only one, passes it on.

use loom::sync::Arc;
use loom::thread;

use crate::sched::idle::{Acquired, Bed, Idle, Search};
use crate::sched::permit::{GaveUp, Permit};
use crate::sched::watch::{Off, Watch};

/// Whoever gives a permit up passes it on.
fn pass_on(gave_up: GaveUp, idle: &Idle) {
    if gave_up == GaveUp::Held {
        idle.release();
    }
}

/// The worker blocks and comes back, then lies down, while the watcher takes its permit: in the end
/// it is free, once.
#[test]
fn one_permit_stays_one() {
    loom::model(|| {
        let (permit, idle) = (Arc::new(Permit::none()), Arc::new(Idle::new(1, 0)));
        permit.hold();
        let watcher = thread::spawn({
            let (permit, idle) = (Arc::clone(&permit), Arc::clone(&idle));
            move || pass_on(permit.take(), &idle)
        });
        pass_on(permit.give_up(), &idle);
        if idle.try_acquire() == Acquired::Yes {
            permit.hold();
        }
        match permit.give_up() {
            GaveUp::Held => idle.sleep(0, Bed::Own, Search::No),
            GaveUp::Nothing => {}
        }
        watcher.join().unwrap();
        assert_eq!(idle.free(), 1);
    });
}

/// A worker whose permit was taken wants one again while the thread that it was lent to gives it
/// back: it gets it, or is woken for it.
#[test]
fn a_taken_permit_comes_back() {
    loom::model(|| {
        let (permit, idle) = (Arc::new(Permit::none()), Arc::new(Idle::new(1, 0)));
        permit.hold();
        pass_on(permit.take(), &idle);
        assert_eq!(idle.try_acquire(), Acquired::Yes);
        let spare = thread::spawn({
            let idle = Arc::clone(&idle);
            move || {
                idle.release();
                // As in `release_permit`, with work that waits.
                idle.wake_one().is_some()
            }
        });
        assert!(!permit.is_held());
        let acquired = idle.sleep_without(0) == Acquired::Yes;
        let woken = spare.join().unwrap();
        assert!(acquired || woken, "nobody runs what waits");
        assert_eq!(idle.free(), 0);
    });
}

/// The watcher goes off while a worker is given a permit: it sees the permit, or is roused.
#[test]
fn the_watcher_goes_off_against_a_permit() {
    loom::model(|| {
        let (watch, idle) = (Arc::new(Watch::new()), Arc::new(Idle::new(1, 0)));
        idle.release();
        let watcher = thread::spawn({
            let (watch, idle) = (Arc::clone(&watch), Arc::clone(&idle));
            move || {
                watch.go_off();
                idle.free() == 0
            }
        });
        assert_eq!(idle.try_acquire(), Acquired::Yes);
        let roused = watch.was_off() == Off::Yes;
        let seen = watcher.join().unwrap();
        assert!(seen || roused);
    });
}
