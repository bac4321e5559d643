//! What wakes a runtime from outside: the clock now, I/O later.
//!
//! The scheduler knows the trait only. One sleeping worker at a time waits in [`Driver::wait`]; a
//! busy worker calls [`Driver::poll`] now and then.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

use moirai_sync::__prim::{self as prim, Condvar, Inserted, Mutex, TimerQueue};
use moirai_sync::strand::{Clock, TimerKey};

/// Owns the clock and the timers of a runtime.
pub(crate) trait Driver: Clock + Send + Sync + fmt::Debug {
    /// Sleeps until something happened, [`unpark`](Self::unpark) was called or `deadline` has
    /// passed, and wakes everybody whose event has come. May return for no reason. Called by one
    /// thread at a time.
    fn wait(&self, deadline: Option<Instant>);

    /// Wakes everybody whose event has come, without sleeping.
    fn poll(&self);

    /// Ends the present or the next [`wait`](Self::wait).
    fn unpark(&self);
}

/// The system's clock, and no I/O.
#[derive(Debug)]
pub(crate) struct TimeDriver {
    timers: TimerQueue,
    notified: Mutex<bool>,
    changed: Condvar,
}

impl TimeDriver {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            timers: TimerQueue::new(),
            notified: Mutex::new(false),
            changed: Condvar::new(),
        })
    }
}

impl Driver for TimeDriver {
    fn wait(&self, deadline: Option<Instant>) {
        let timer = self.timers.next_deadline();
        let until = [deadline, timer].into_iter().flatten().min();
        {
            let mut notified = self.notified.lock();
            if !*notified {
                let timeout = until.map(|until| until.saturating_duration_since(self.now()));
                notified = prim::condvar_wait(&self.changed, notified, timeout);
            }
            *notified = false;
        }
        self.poll();
    }

    fn poll(&self) {
        if self.timers.next_deadline().is_some() {
            self.timers.fire(self.now());
        }
    }

    fn unpark(&self) {
        *self.notified.lock() = true;
        self.changed.notify_one();
    }
}

impl Clock for TimeDriver {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let (key, inserted) = self.timers.insert(deadline, waker);
        if inserted == Inserted::Nearest {
            self.unpark();
        }
        key
    }

    fn remove(&self, key: TimerKey) {
        self.timers.remove(key);
    }
}
