//! Models of timers: whoever waits hears of a nearer deadline, and a timer fires once or is gone.

use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::timer::{Inserted, NEVER, Timers};

/// Relaxed on purpose: only counts.
#[derive(Default)]
struct Woken(AtomicU32);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn timers(wheels: usize) -> Arc<Timers> {
    Arc::new(Timers::new(Instant::now(), wheels))
}

fn woken() -> (Arc<Woken>, Waker) {
    let woken = Arc::new(Woken::default());
    (Arc::clone(&woken), woken.into())
}

/// Two threads insert, in two wheels, while a third begins to wait: it waits for no longer than the
/// nearer one, or is told.
#[test]
fn a_wait_has_seen_a_timer_or_is_told_of_it() {
    loom::model(|| {
        let timers = timers(2);
        let inserting = [(0, 7), (1, 9)].map(|(wheel, tick)| {
            let timers = Arc::clone(&timers);
            thread::spawn(move || {
                let (_, inserted) = timers.insert_at(wheel, tick, Waker::noop().clone());
                (tick, inserted)
            })
        });
        let until = timers.begin_wait_at();
        for thread in inserting {
            let (tick, inserted) = thread.join().unwrap();
            assert!(until <= tick || inserted == Inserted::Nearest);
        }
    });
}

/// The same for one who has waited before, and looks again.
#[test]
fn the_next_wait_has_seen_what_came_between_two_waits() {
    loom::model(|| {
        let timers = timers(1);
        assert_eq!(timers.begin_wait_at(), NEVER);
        let inserting = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.insert_at(0, 7, Waker::noop().clone()).1
        });
        timers.end_wait();
        let until = timers.begin_wait_at();
        assert!(inserting.join().unwrap() == Inserted::Nearest || until <= 7);
    });
}

/// A timer is cancelled while another thread fires its wheel: it wakes or it does not, and leaves
/// nothing behind either way.
#[test]
fn a_cancelled_timer_fires_once_at_most_and_is_gone() {
    loom::model(|| {
        let timers = timers(1);
        let (count, waker) = woken();
        let (key, _) = timers.insert_at(0, 3, waker);
        let firing = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_until(5)
        });
        timers.remove(0, key);
        let fired = firing.join().unwrap();
        assert_eq!(count.0.load(Ordering::Relaxed) as usize, fired);
        assert!(fired <= 1 && timers.is_empty() && timers.len() == 0);
        assert_eq!(Arc::strong_count(&count), 1);
    });
}

/// Two threads drain the wheel of a third that inserts: each timer fires once, and what neither has
/// seen is seen by whoever comes next.
#[test]
fn a_wheel_drained_by_two_others_fires_each_timer_once() {
    loom::model(|| {
        let timers = timers(1);
        let (count, waker) = woken();
        let _ = timers.insert_at(0, 1, waker.clone());
        let draining = thread::spawn({
            let timers = Arc::clone(&timers);
            move || timers.fire_until(2)
        });
        let inserting = thread::spawn({
            let timers = Arc::clone(&timers);
            move || {
                let _ = timers.insert_at(0, 2, waker);
            }
        });
        let here = timers.fire_until(2);
        let there = draining.join().unwrap();
        inserting.join().unwrap();
        assert_eq!(here + there + timers.fire_until(2), 2);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    });
}
