//! The clock of threads without a runtime.
//!
//! The thread starts with the first timer and sleeps until the next deadline or a newer, nearer one.

use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

use super::{Inserted, Key, Timers};
use crate::clock::{Clock, TimerKey};
use crate::prim::{self, Condvar, Mutex, thread};

/// The clock of every thread without a runtime.
pub fn timer_thread() -> &'static Arc<dyn Clock> {
    TimerThread::global()
}

/// The system's clock, and one thread that waits.
#[derive(Debug)]
pub(crate) struct TimerThread {
    timers: Timers,
    /// Set when a nearer deadline came while the thread waits for a later one.
    nearer: Mutex<bool>,
    changed: Condvar,
}

impl TimerThread {
    /// The process's own, started by the first call.
    pub(crate) fn global() -> &'static Arc<dyn Clock> {
        static GLOBAL: OnceLock<Arc<dyn Clock>> = OnceLock::new();
        GLOBAL.get_or_init(|| {
            let timers = Arc::new(Self {
                timers: Timers::new(Instant::now(), 1),
                nearer: Mutex::new(false),
                changed: Condvar::new(),
            });
            let run = Arc::clone(&timers);
            // A process that cannot start one more thread has no way to keep a deadline.
            thread::Builder::new()
                .name("moirai-timer".into())
                .spawn(move || run.run())
                .expect("cannot start the timer thread");
            timers
        })
    }

    fn run(&self) {
        loop {
            let next = self.timers.begin_wait();
            {
                let mut nearer = self.nearer.lock();
                if !*nearer {
                    let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
                    nearer = prim::condvar_wait(&self.changed, nearer, timeout);
                }
                *nearer = false;
            }
            self.timers.end_wait();
            self.timers.fire(Instant::now());
        }
    }
}

impl Clock for TimerThread {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let (key, inserted) = self.timers.insert(0, deadline, waker);
        if inserted == Inserted::Nearest {
            *self.nearer.lock() = true;
            self.changed.notify_one();
        }
        TimerKey(key.0)
    }

    fn remove(&self, key: TimerKey) {
        self.timers.remove(0, Key(key.0));
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::parker::{Parked, Parker};

    #[test]
    fn the_timer_thread_wakes_at_a_deadline_nearer_than_the_one_it_waits_for() {
        let clock = TimerThread::global();
        let parker = Arc::new(Parker::new());
        let far = clock.insert(clock.now() + Duration::from_secs(3600), Waker::noop().clone());
        let near = clock.now() + Duration::from_millis(10);
        clock.insert(near, Arc::clone(&parker).into());
        assert_eq!(parker.park(Some(near + Duration::from_secs(60))), Parked::Notified);
        assert!(clock.now() >= near);
        clock.remove(far);
    }
}
