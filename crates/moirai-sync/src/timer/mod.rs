//! Deadlines and whom to wake at them.
//!
//! [`TimerQueue`] is the data structure: an ordered map behind one lock, used by the runtime's
//! driver and by [`TimerThread`], which serves everybody who waits where no runtime is installed.
//! The thread starts with the first timer and sleeps until the next deadline or a newer, nearer one.
//!
//! Neither knows what a waker wakes; wakers are called, cloned and dropped outside of the lock.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Instant;

use crate::clock::{Clock, TimerKey};
use crate::prim::{self, Condvar, Mutex, thread};
use crate::wake::wake;

/// Timers in the order of their deadlines.
#[derive(Debug, Default)]
pub struct TimerQueue {
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_deadline: BTreeMap<(Instant, u64), Waker>,
    last_id: u64,
}

/// Whether an inserted timer is due before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// Whoever waits for the next deadline must be woken to wait for this one.
    Nearest,
    /// Another timer is due first.
    Later,
}

impl TimerQueue {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Wakes `waker` when [`fire`](Self::fire) is called with a `now` at or after `deadline`.
    pub fn insert(&self, deadline: Instant, waker: Waker) -> (TimerKey, Inserted) {
        let mut entries = self.entries.lock();
        entries.last_id += 1;
        let key = (deadline, entries.last_id);
        let nearest = entries.by_deadline.first_key_value().is_none_or(|(first, _)| key < *first);
        entries.by_deadline.insert(key, waker);
        let inserted = if nearest { Inserted::Nearest } else { Inserted::Later };
        (TimerKey { deadline, id: key.1 }, inserted)
    }

    /// Forgets a timer; one that has fired is gone already.
    pub fn remove(&self, key: TimerKey) {
        let waker = self.entries.lock().by_deadline.remove(&(key.deadline, key.id));
        drop(waker);
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.entries.lock().by_deadline.first_key_value().map(|((deadline, _), _)| *deadline)
    }

    /// Wakes everybody whose deadline is not after `now`; returns how many those were.
    pub fn fire(&self, now: Instant) -> usize {
        let mut fired = 0;
        let mut due = Vec::new();
        loop {
            {
                let mut entries = self.entries.lock();
                while due.len() < FIRE_BATCH_MAX {
                    match entries.by_deadline.first_entry() {
                        Some(first) if first.key().0 <= now => due.push(first.remove()),
                        _ => break,
                    }
                }
            }
            if due.is_empty() {
                return fired;
            }
            fired += due.len();
            due.drain(..).for_each(wake);
        }
    }
}

/// Wakers taken out under one lock.
const FIRE_BATCH_MAX: usize = 256;

/// The clock of every thread without a runtime.
pub fn timer_thread() -> Arc<dyn Clock> {
    TimerThread::global()
}

/// The clock of every thread without a runtime: the system's, and one thread that waits.
#[derive(Debug)]
pub(crate) struct TimerThread {
    queue: TimerQueue,
    /// Set when a nearer deadline came while the thread waits for a later one.
    nearer: Mutex<bool>,
    changed: Condvar,
}

impl TimerThread {
    /// The process's own, started by the first call.
    pub(crate) fn global() -> Arc<dyn Clock> {
        static GLOBAL: OnceLock<Arc<TimerThread>> = OnceLock::new();
        let thread = GLOBAL.get_or_init(|| {
            let timers = Arc::new(Self {
                queue: TimerQueue::new(),
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
        });
        Arc::clone(thread) as Arc<dyn Clock>
    }

    fn run(&self) {
        loop {
            self.queue.fire(Instant::now());
            let next = self.queue.next_deadline();
            let mut nearer = self.nearer.lock();
            if !*nearer {
                let timeout = next.map(|at| at.saturating_duration_since(Instant::now()));
                nearer = prim::condvar_wait(&self.changed, nearer, timeout);
            }
            *nearer = false;
        }
    }
}

impl Clock for TimerThread {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn insert(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let (key, inserted) = self.queue.insert(deadline, waker);
        if inserted == Inserted::Nearest {
            *self.nearer.lock() = true;
            self.changed.notify_one();
        }
        key
    }

    fn remove(&self, key: TimerKey) {
        self.queue.remove(key);
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::parker::{Parked, Parker};

    #[test]
    fn timers_fire_in_the_order_of_their_deadlines_and_once() {
        let queue = TimerQueue::new();
        let parker = Arc::new(Parker::new());
        let start = Instant::now();
        let (_, first) = queue.insert(start + Duration::from_secs(2), Arc::clone(&parker).into());
        let (key, second) =
            queue.insert(start + Duration::from_secs(1), Arc::clone(&parker).into());
        let (_, third) = queue.insert(start + Duration::from_secs(3), Arc::clone(&parker).into());
        assert_eq!((first, second, third), (Inserted::Nearest, Inserted::Nearest, Inserted::Later));
        assert_eq!(queue.fire(start), 0);
        queue.remove(key);
        assert_eq!(queue.next_deadline(), Some(start + Duration::from_secs(2)));
        assert_eq!(queue.fire(start + Duration::from_secs(2)), 1);
        assert_eq!(queue.fire(start + Duration::from_secs(9)), 1);
        assert_eq!(queue.next_deadline(), None);
    }

    #[test]
    fn more_timers_than_one_batch_fire_at_once() {
        let queue = TimerQueue::new();
        let start = Instant::now();
        for _ in 0..=FIRE_BATCH_MAX {
            let _ = queue.insert(start, Waker::noop().clone());
        }
        assert_eq!(queue.fire(start), FIRE_BATCH_MAX + 1);
    }

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
