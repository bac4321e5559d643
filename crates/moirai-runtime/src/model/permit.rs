//! Models of the permit that the watcher may take: however it and the worker meet, one of them, and
//! only one, passes it on.

use loom::sync::Arc;
use loom::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
    fence,
};
use loom::thread;

use crate::sched::homes::Homes;
use crate::sched::idle::{Acquired, Bed, Idle, Rested, Rose, Search};
use crate::sched::permit::{GaveUp, Permit};
use crate::sched::permits::PermitId;
use crate::sched::watch::{Off, Watch};
use crate::sched::work::{Tally, Work};

/// The only permit there is.
const ONE: PermitId = PermitId::FIRST;

/// Whoever gives a permit up passes it on.
fn pass_on(gave_up: GaveUp, idle: &Idle) {
    if let GaveUp::Held(permit) = gave_up {
        idle.release(permit);
    }
}

/// The worker blocks and comes back, then lies down, while the watcher takes its permit: in the end
/// it is free, once.
#[test]
fn one_permit_stays_one() {
    loom::model(|| {
        let (permit, idle) = (Arc::new(Permit::none()), Arc::new(Idle::new(1, 0)));
        let _: GaveUp = permit.hold(ONE);
        let watcher = thread::spawn({
            let (permit, idle) = (Arc::clone(&permit), Arc::clone(&idle));
            move || pass_on(permit.take(), &idle)
        });
        pass_on(permit.give_up(), &idle);
        if let Acquired::Yes(id) = idle.try_acquire(ONE) {
            let _: GaveUp = permit.hold(id);
        }
        match permit.give_up() {
            GaveUp::Held(id) => assert_eq!(idle.sleep(0, id, Bed::Own, Search::No), None),
            GaveUp::Lent | GaveUp::Without | GaveUp::Nothing => {}
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
        let _: GaveUp = permit.hold(ONE);
        pass_on(permit.take(), &idle);
        assert_eq!(idle.try_acquire(ONE), Acquired::Yes(ONE));
        let spare = thread::spawn({
            let idle = Arc::clone(&idle);
            move || {
                idle.release(ONE);
                // As in `release_permit`, with work that waits.
                idle.wake_one(|| 0..1).is_some()
            }
        });
        assert!(!permit.is_held());
        let acquired = idle.sleep_without(0, ONE) != Acquired::No;
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
        idle.release(ONE);
        let watcher = thread::spawn({
            let (watch, idle) = (Arc::clone(&watch), Arc::clone(&idle));
            move || {
                watch.go_off();
                idle.free() == 0
            }
        });
        assert_eq!(idle.try_acquire(ONE), Acquired::Yes(ONE));
        let roused = watch.was_off() == Off::Yes;
        let seen = watcher.join().unwrap();
        assert!(seen || roused);
    });
}

/// The watcher goes off while work comes for which there is no thread, for all have blocked: it sees the
/// work, or is roused.
#[test]
fn the_watcher_goes_off_against_work_without_a_thread() {
    loom::model(|| {
        let (watch, idle) = (Arc::new(Watch::new()), Arc::new(Idle::new(1, 0)));
        let queued = Arc::new(AtomicU32::new(0));
        idle.release(ONE);
        let watcher = thread::spawn({
            let (watch, queued) = (Arc::clone(&watch), Arc::clone(&queued));
            move || {
                watch.go_off();
                queued.load(Relaxed) == 1
            }
        });
        queued.store(1, Relaxed);
        assert_eq!(idle.wake_one(|| 0..1), None);
        let roused = watch.is_off() == Off::Yes;
        let seen = watcher.join().unwrap();
        assert!(seen || roused);
    });
}

/// Two threads pass two permits round, and find a number for each that they have counted off.
#[test]
fn every_permit_that_is_counted_has_a_number() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(2, 0));
        let pass_round = |idle: &Idle, mine: PermitId, wanted: PermitId| {
            idle.release(mine);
            idle.try_acquire(wanted)
        };
        let (first, second) = (PermitId::new(0), PermitId::new(1));
        let other = thread::spawn({
            let idle = Arc::clone(&idle);
            move || pass_round(&idle, second, first)
        });
        let here = pass_round(&idle, first, second);
        let there = other.join().unwrap();
        let (Acquired::Yes(here), Acquired::Yes(there)) = (here, there) else {
            panic!("a permit is lost");
        };
        assert_ne!(here, there);
        assert_eq!(idle.try_acquire(first), Acquired::No);
    });
}

/// As whoever has given a permit back: whether a thread is woken for what waits for a free one.
fn look_at_homes(idle: &Idle, homes: &Homes) -> bool {
    fence(SeqCst);
    homes.waiting().any(|home| idle.wake_for(home).is_some())
}

/// Work is sent to the holder of a permit while that one lies down, having found nothing; or gives
/// the permit back, and another thread takes it, looks once and lies down. Somebody has run it, or is
/// woken for it.
#[test]
fn what_is_sent_home_is_run_although_the_permit_moves() {
    loom::model(|| {
        let (idle, homes) = (Arc::new(Idle::new(1, 3)), Arc::new(Homes::new(1)));
        let tally = Tally::default();
        let work = tally.work(0);
        let sender = thread::spawn({
            let (idle, homes) = (Arc::clone(&idle), Arc::clone(&homes));
            move || {
                homes.push(ONE, work).unwrap();
                fence(SeqCst);
                idle.wake_for(ONE).is_some()
            }
        });
        let taker = thread::spawn({
            let (idle, homes) = (Arc::clone(&idle), Arc::clone(&homes));
            move || {
                let Acquired::Yes(permit) = idle.try_acquire(ONE) else { return false };
                homes.pop(permit).into_iter().for_each(Work::run);
                assert_eq!(idle.sleep(0, permit, Bed::Own, Search::No), None);
                look_at_homes(&idle, &homes)
            }
        });
        homes.pop(ONE).into_iter().for_each(Work::run);
        idle.release(ONE);
        let here = look_at_homes(&idle, &homes);
        let (sent, taken) = (sender.join().unwrap(), taker.join().unwrap());
        assert!(here || sent || taken || tally.ran() == [0], "nobody runs it");
        homes.pop(ONE).into_iter().for_each(Work::run);
    });
}

/// A thread rests while the one that runs its tasks gives the permit back, and may be tired of waiting
/// just then: in the end one of them has it, or it is free.
#[test]
fn who_rests_gets_the_permit_back_or_goes_on_without() {
    loom::model(|| {
        let idle = Arc::new(Idle::new(1, 0));
        // Who computes has lent its permit, which thread 1 has.
        let lent_to = thread::spawn({
            let idle = Arc::clone(&idle);
            move || idle.sleep(1, ONE, Bed::Own, Search::No)
        });
        let held = idle.rest(0, ONE) != Acquired::No || idle.end_rest(0) == Rose::No;
        match (held, lent_to.join().unwrap()) {
            // It was on its way when the rest ended, or free when it was to begin.
            (true, Some(Rested(0, ONE)) | None) => assert_eq!(idle.free(), 0),
            (false, None) => assert_eq!(idle.free(), 1),
            other => panic!("{other:?}"),
        }
    });
}
