//! What wakes a runtime from outside: the clock now, I/O later.
//!
//! The scheduler knows the trait only. One sleeping worker at a time waits in [`Driver::wait`]; a
//! busy worker calls [`Driver::poll`] now and then.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
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

    /// Nobody will call [`wait`](Self::wait) any more. Whoever still waits for an event, in a task
    /// that runs or on a thread of its own, is woken all the same.
    fn close(&self);
}

/// The system's clock, and no I/O.
#[derive(Debug)]
pub(crate) struct TimeDriver {
    timers: TimerQueue,
    notified: Mutex<bool>,
    changed: Condvar,
    /// No worker waits any more: the process's timer thread does.
    closed: AtomicBool,
    me: Weak<Self>,
}

impl TimeDriver {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            timers: TimerQueue::new(),
            notified: Mutex::new(false),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            me: Weak::clone(me),
        })
    }

    /// Has the timer thread wake this driver at its next deadline.
    fn hand_over(&self) {
        if let (Some(deadline), Some(me)) = (self.timers.next_deadline(), self.me.upgrade()) {
            // Kept by the thread until it fires; a deadline that is forgotten wakes for nothing.
            let _: TimerKey = prim::timer_thread().insert(deadline, Waker::from(me));
        }
    }
}

/// The timer thread's call, after the runtime has ended.
impl Wake for TimeDriver {
    fn wake(self: Arc<Self>) {
        self.poll();
        self.hand_over();
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

    fn close(&self) {
        // Relaxed: the queue's lock orders it. Of a timer that comes meanwhile, either we see the
        // entry, or whoever inserts it sees the flag.
        self.closed.store(true, Ordering::Relaxed);
        self.hand_over();
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
            // Relaxed: see `close`.
            if self.closed.load(Ordering::Relaxed) {
                self.hand_over();
            }
        }
        key
    }

    fn remove(&self, key: TimerKey) {
        self.timers.remove(key);
    }
}
