//! Timers under virtual time: whoever waits moves the clock to the deadline it waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

use shuttle::sync::{Condvar, Mutex};
use shuttle::thread;

use super::{draw, explore};
use crate::parker::{Parked, Parker};
use crate::timer::{Inserted, Key, NEVER, Timers};

/// A driver without a real clock.
struct Driver {
    timers: Timers,
    /// The present tick. std's: it is no step of the schedule.
    now: AtomicU64,
    notified: Mutex<bool>,
    changed: Condvar,
}

impl Driver {
    fn insert(&self, wheel: usize, tick: u64, waker: Waker) -> Key {
        let (key, inserted) = self.timers.insert_at(wheel, tick, waker);
        if inserted == Inserted::Nearest {
            *self.notified.lock().unwrap() = true;
            self.changed.notify_one();
        }
        key
    }

    /// Waits for the next deadline again and again, until it is over.
    fn drive(&self, is_over: impl Fn() -> bool) {
        while !is_over() {
            let until = self.timers.begin_wait_at();
            let mut notified = self.notified.lock().unwrap();
            // With a deadline it sleeps for a moment or not at all; without one, until it is told.
            if !*notified && until == NEVER {
                notified = self.changed.wait(notified).unwrap();
            }
            if !*notified && until != NEVER {
                self.now.fetch_max(until, Ordering::Relaxed);
            }
            *notified = false;
            drop(notified);
            self.timers.end_wait();
            self.fire();
        }
    }

    fn fire(&self) {
        self.timers.fire_until(self.now.load(Ordering::Relaxed));
    }
}

/// Wakes a thread and notes the tick.
struct Fired {
    parker: Arc<Parker>,
    driver: Arc<Driver>,
    at: AtomicU64,
}

impl Wake for Fired {
    fn wake(self: Arc<Self>) {
        self.at.store(self.driver.now.load(Ordering::Relaxed), Ordering::Relaxed);
        self.parker.unpark();
    }
}

/// Three threads insert timers into two wheels, cancel some, wait for the others, and fire everybody's
/// now and then; one waits for the next deadline of all. None is early, and none is forgotten.
#[test]
fn every_timer_fires_or_is_cancelled_whoever_fires_it() {
    explore(SCHEDULES, || {
        let driver = Arc::new(Driver {
            timers: Timers::new(Instant::now(), 2),
            now: AtomicU64::new(1),
            notified: Mutex::new(false),
            changed: Condvar::new(),
        });
        let left = Arc::new(AtomicU64::new(3));
        let threads = [0, 1, 0].map(|wheel| {
            let (driver, left) = (Arc::clone(&driver), Arc::clone(&left));
            thread::spawn(move || {
                for _ in 0..3 {
                    wait_for_one(&driver, wheel);
                }
                left.fetch_sub(1, Ordering::Relaxed);
                // Whoever drives has nothing to wait for any more.
                *driver.notified.lock().unwrap() = true;
                driver.changed.notify_one();
            })
        });
        driver.drive(|| left.load(Ordering::Relaxed) == 0);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(driver.timers.len(), 0);
    });
}

fn wait_for_one(driver: &Arc<Driver>, wheel: usize) {
    let parker = Arc::new(Parker::new());
    let fired = Arc::new(Fired {
        parker: Arc::clone(&parker),
        driver: Arc::clone(driver),
        at: AtomicU64::new(0),
    });
    let tick = driver.now.load(Ordering::Relaxed) + u64::from(draw(1_200));
    let key = driver.insert(wheel, tick, Arc::clone(&fired).into());
    match draw(4) {
        0 => driver.timers.remove(wheel, key),
        drawn => {
            if drawn == 1 {
                driver.fire();
            }
            assert_eq!(parker.park(None), Parked::Notified);
            assert!(fired.at.load(Ordering::Relaxed) >= tick);
        }
    }
}

const SCHEDULES: usize = 10_000;
