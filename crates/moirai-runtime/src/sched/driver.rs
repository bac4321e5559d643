//! What wakes a runtime from outside: the clock now, I/O later.
//!
//! The scheduler knows the trait only. One sleeping worker at a time waits in [`Driver::wait`]; a
//! busy worker calls [`Driver::poll`] now and then.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Instant;

use moirai_sync::__prim::atomic::{AtomicBool, Ordering};
use moirai_sync::__prim::{self as prim, Condvar, Inserted, Key, Mutex, Timers};
use moirai_sync::strand::{Clock, TimerKey};

/// Owns the clock and the timers of a runtime. As a [`Clock`] it serves the threads that are not
/// workers.
pub(crate) trait Driver: Clock {
    /// The same clock for the worker `id`, with a wheel that no worker uses at the same time, unless
    /// one of them is stuck.
    fn clock(&self, id: usize) -> Arc<dyn Clock>;

    /// Sleeps until something happened, [`unpark`](Self::unpark) was called or `deadline` has
    /// passed, and wakes everybody whose event has come. May return for no reason. Called by one
    /// thread at a time.
    fn wait(&self, deadline: Option<Instant>);

    /// Wakes everybody whose event has come, without sleeping. Any thread may, whichever worker's
    /// event it is.
    fn poll(&self);

    /// Ends the present or the next [`wait`](Self::wait).
    fn unpark(&self);

    /// How many timers run.
    fn timers(&self) -> usize;

    /// Nobody will call [`wait`](Self::wait) any more. Whoever still waits for an event, in a task
    /// that runs or on a thread of its own, is woken all the same.
    fn close(&self);
}

/// The system's clock, and no I/O.
pub(crate) struct TimeDriver {
    /// One wheel for each permit and, the last one, for the threads that need none.
    timers: Timers,
    notified: Mutex<bool>,
    changed: Condvar,
    /// No worker waits any more: the process's timer thread does.
    closed: AtomicBool,
    /// The one timer by which that thread calls us.
    handed_over: Mutex<Option<TimerKey>>,
    me: Weak<Self>,
}

/// The driver as one worker's clock.
struct Seat {
    driver: Arc<TimeDriver>,
    wheel: usize,
}

impl TimeDriver {
    /// A driver for so many workers at a time.
    pub(crate) fn new(workers: usize) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            timers: Timers::new(Instant::now(), workers + 1),
            notified: Mutex::new(false),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
            handed_over: Mutex::new(None),
            me: Weak::clone(me),
        })
    }

    fn insert(&self, wheel: usize, deadline: Instant, waker: Waker) -> TimerKey {
        let (key, inserted) = self.timers.insert(wheel, deadline, waker);
        if inserted == Inserted::Nearest {
            self.unpark();
        }
        // Relaxed: see `close`.
        if self.closed.load(Ordering::Relaxed) {
            self.hand_over();
        }
        TimerKey(key.0)
    }

    /// Has the timer thread wake this driver at its next deadline.
    #[cold]
    fn hand_over(&self) {
        let mut handed_over = self.handed_over.lock();
        // Looked at under the lock: of two who come here, the second sees both timers.
        if let (Some(deadline), Some(me)) = (self.timers.next_deadline(), self.me.upgrade()) {
            let thread = prim::timer_thread();
            let before = handed_over.replace(thread.insert(deadline, Waker::from(me)));
            before.into_iter().for_each(|key| thread.remove(key));
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
    fn clock(&self, id: usize) -> Arc<dyn Clock> {
        let wheel = id % (self.timers.wheels() - 1);
        match self.me.upgrade() {
            Some(driver) => Arc::new(Seat { driver, wheel }),
            None => unreachable!("a driver in use is counted"),
        }
    }

    fn wait(&self, deadline: Option<Instant>) {
        let timer = self.timers.begin_wait();
        let until = [deadline, timer].into_iter().flatten().min();
        {
            let mut notified = self.notified.lock();
            if !*notified {
                let timeout = until.map(|until| until.saturating_duration_since(self.now()));
                notified = prim::condvar_wait(&self.changed, notified, timeout);
            }
            *notified = false;
        }
        self.timers.end_wait();
        self.poll();
    }

    fn poll(&self) {
        if !self.timers.is_empty() {
            self.timers.fire(self.now());
        }
    }

    fn unpark(&self) {
        *self.notified.lock() = true;
        self.changed.notify_one();
    }

    fn timers(&self) -> usize {
        self.timers.len()
    }

    fn close(&self) {
        // Relaxed: a wheel's lock orders it. Of a timer that comes meanwhile, either we see the
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
        self.insert(self.timers.wheels() - 1, deadline, waker)
    }

    fn remove(&self, key: TimerKey) {
        self.timers.remove(self.timers.wheels() - 1, Key(key.0));
    }
}

impl Clock for Seat {
    fn now(&self) -> Instant {
        self.driver.now()
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey {
        self.driver.insert(self.wheel, deadline, waker)
    }

    fn remove(&self, key: TimerKey) {
        self.driver.timers.remove(self.wheel, Key(key.0));
    }
}

impl fmt::Debug for TimeDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeDriver")
            .field("timers", &self.timers)
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("wheel", &self.wheel).finish_non_exhaustive()
    }
}
