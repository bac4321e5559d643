//! Deadlines and whom to wake at them.
//!
//! [`Timers`] are used by the runtime's driver, with a wheel for each worker, and by
//! [`TimerThread`](thread::TimerThread), which serves everybody who waits where no runtime is
//! installed. Whoever waits for the next deadline does so on behalf of all wheels:
//!
//! ```text
//!   insert: lock a wheel, link, note its next tick, unlock      wait: say that we wait for ever,
//!           fence                                                     fence
//!           if whoever waits, waits for longer: Nearest               read every wheel's next tick
//!                                                                     say that we wait for the least
//! ```
//!
//! So either the insert sees that somebody waits for too long, or the wait has seen the insert. Who
//! is told [`Inserted::Nearest`] wakes whoever waits. A wheel's lock is held for a few steps and
//! never while foreign code runs: wakers are cloned, called and dropped outside. So a thread that is
//! stuck in a task holds nothing, and any other thread fires its timers.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `next` of a wheel, store | Relaxed, under the lock | the fences, for whoever waits |
//! | fence in `insert` | SeqCst | the fence in `begin_wait`: it sees the wheel's next tick, or we see that it waits |
//! | `waits_until` | Relaxed | the same |
//!
//! Neither knows what a waker wakes.

mod thread;
mod ticks;
mod wheel;

use std::array;
use std::task::Waker;
use std::time::Instant;

use crate::cache_padded::CachePadded;
use crate::prim::atomic::{AtomicU64, Ordering, fence};
use crate::prim::{Mutex, prefetch_read, prefetch_write};
use crate::wake::wake;

pub(crate) use self::thread::TimerThread;
pub use self::thread::timer_thread;
pub use self::ticks::{TICK, Ticks};

pub use self::wheel::{Key, NEVER, Step, Wheel};

/// Timers in a number of wheels, of which every thread may use one without the others' lock.
#[derive(Debug)]
pub struct Timers {
    ticks: Ticks,
    wheels: Box<[CachePadded<Locked>]>,
    /// The tick at which whoever waits will look again by itself: [`AWAKE`] if nobody waits.
    waits_until: AtomicU64,
}

#[derive(Debug)]
struct Locked {
    /// What the wheel said when it was unlocked last.
    next: AtomicU64,
    wheel: Mutex<Wheel<Waker>>,
}

/// Whether whoever waits must be told of an inserted timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Inserted {
    /// It waits for a later deadline and must be woken to wait for this one.
    Nearest,
    /// Nobody waits, or not for longer than this.
    Later,
}

impl Timers {
    /// So many empty wheels, at least one; time begins with `origin`.
    pub fn new(origin: Instant, wheels: usize) -> Self {
        let wheel = |_| {
            CachePadded::new(Locked {
                next: AtomicU64::new(NEVER),
                wheel: Mutex::new(Wheel::new()),
            })
        };
        let wheels = (0..wheels.max(1)).map(wheel).collect();
        Self { ticks: Ticks::since(origin), wheels, waits_until: AtomicU64::new(AWAKE) }
    }

    /// How many wheels there are.
    pub fn wheels(&self) -> usize {
        self.wheels.len()
    }

    /// The timers that have neither fired nor been removed.
    pub fn len(&self) -> usize {
        self.wheels.iter().map(|locked| locked.wheel.lock().len()).sum()
    }

    /// Whether there is a timer at all; a hint.
    pub fn is_empty(&self) -> bool {
        self.next() == NEVER
    }

    /// Has `waker` woken by the first [`fire`](Self::fire) whose `now` is not before `deadline`.
    pub fn insert(&self, wheel: usize, deadline: Instant, waker: Waker) -> (Key, Inserted) {
        self.insert_at(wheel, self.ticks.after(deadline), waker)
    }

    pub(crate) fn insert_at(&self, wheel: usize, tick: u64, waker: Waker) -> (Key, Inserted) {
        let locked = &self.wheels[wheel];
        let (key, next) = {
            let mut wheel = locked.wheel.lock();
            let key = wheel.insert(tick, waker);
            let next = wheel.next();
            if next >= locked.next.load(Ordering::Relaxed) {
                return (key, Inserted::Later);
            }
            locked.next.store(next, Ordering::Relaxed);
            (key, next)
        };
        // SeqCst fence: pairs with the one in `begin_wait`.
        fence(Ordering::SeqCst);
        if next < self.waits_until.load(Ordering::Relaxed) {
            (key, Inserted::Nearest)
        } else {
            (key, Inserted::Later)
        }
    }

    /// Forgets a timer; one that has fired is gone already.
    pub fn remove(&self, wheel: usize, key: Key) {
        let locked = &self.wheels[wheel];
        let waker = {
            let mut wheel = locked.wheel.lock();
            let waker = wheel.remove(key);
            if waker.is_some() {
                locked.next.store(wheel.next(), Ordering::Relaxed);
            }
            waker
        };
        drop(waker);
    }

    /// Wakes everybody whose deadline is not after `now`, of all wheels; returns how many those were.
    pub fn fire(&self, now: Instant) -> usize {
        self.fire_until(self.ticks.before(now))
    }

    pub(crate) fn fire_until(&self, now: u64) -> usize {
        self.wheels.iter().map(|locked| locked.fire(now)).sum()
    }

    /// The caller is about to wait: returns the deadline at which it must [`fire`](Self::fire), if
    /// there is one. Until [`end_wait`](Self::end_wait), earlier timers are told to be
    /// [`Inserted::Nearest`].
    pub fn begin_wait(&self) -> Option<Instant> {
        self.ticks.time_of(self.begin_wait_at())
    }

    pub(crate) fn begin_wait_at(&self) -> u64 {
        self.waits_until.store(NEVER, Ordering::Relaxed);
        // SeqCst fence: pairs with the one in `insert_at`.
        fence(Ordering::SeqCst);
        let next = self.next();
        self.waits_until.store(next, Ordering::Relaxed);
        next
    }

    /// Nobody waits any more.
    pub fn end_wait(&self) {
        self.waits_until.store(AWAKE, Ordering::Relaxed);
    }

    /// When the next timer is due, or somewhat earlier.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.ticks.time_of(self.next())
    }

    fn next(&self) -> u64 {
        let next = |locked: &CachePadded<Locked>| locked.next.load(Ordering::Relaxed);
        self.wheels.iter().map(next).min().unwrap_or(NEVER)
    }
}

impl Locked {
    /// Wakes what is due, in batches; between them, others get at the wheel.
    fn fire(&self, now: u64) -> usize {
        let mut fired = 0;
        while self.next.load(Ordering::Relaxed) <= now {
            let mut due: [Option<Waker>; BATCH_MAX] = array::from_fn(|_| None);
            let mut count = 0;
            {
                let mut wheel = self.wheel.lock();
                for _ in 0..STEPS_MAX {
                    match wheel.step(now) {
                        Step::Due(waker) => {
                            due[count] = Some(waker);
                            count += 1;
                            if count == due.len() {
                                break;
                            }
                        }
                        Step::Moved => {}
                        Step::Done => break,
                    }
                }
                self.next.store(wheel.next(), Ordering::Relaxed);
            }
            fired += count;
            due.iter().map_while(Option::as_ref).for_each(fetch);
            due.into_iter().map_while(|waker| waker).for_each(wake);
        }
        fired
    }
}

/// What wakers lead to has lain still for as long as the timers have run: that of all is fetched at once,
/// for a wake waits until it is there, and so does the run of a task, whose future lies behind its head.
fn fetch(waker: &Waker) {
    let data = waker.data();
    prefetch_write(data);
    (1..FETCHED_LINES).for_each(|n| prefetch_read(data.wrapping_byte_add(n * LINE_BYTES)));
}

/// A task's head and a small future.
const FETCHED_LINES: usize = 3;

const LINE_BYTES: usize = 64;

/// Earlier than every tick at which something may be due: nobody needs to be woken for that.
const AWAKE: u64 = 0;

/// Wakers taken out under one lock.
const BATCH_MAX: usize = 64;

/// Entries moved or taken out under one lock: some microseconds.
const STEPS_MAX: usize = 256;

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, mpsc};
    use std::task::Wake;
    use std::time::Duration;
    use std::{panic, thread};

    use super::*;

    const TICK_NS: u64 = TICK.as_nanos() as u64;

    /// Longer than any honest run.
    const WATCHDOG: Duration = Duration::from_secs(60);

    #[derive(Debug, Default)]
    struct Count(AtomicUsize);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn timers(wheels: usize) -> (Timers, Instant) {
        let origin = Instant::now();
        (Timers::new(origin, wheels), origin)
    }

    #[test]
    fn a_timer_fires_once_and_never_before_its_deadline() {
        let (timers, origin) = timers(1);
        for ns in [0, 1, TICK_NS - 1, TICK_NS, TICK_NS + 1, 1_000_000, 10_000_000_000] {
            let (woken, deadline) = (Arc::new(Count::default()), origin + Duration::from_nanos(ns));
            let _ = timers.insert(0, deadline, Arc::clone(&woken).into());
            if ns > 0 {
                assert_eq!(timers.fire(deadline - Duration::from_nanos(1)), 0, "{ns}");
            }
            assert_eq!(timers.fire(deadline + TICK), 1, "{ns}");
            assert_eq!((timers.fire(deadline + TICK), woken.get()), (0, 1));
        }
    }

    #[test]
    fn timers_of_every_wheel_fire_in_one_pass_of_any_thread() {
        let (timers, origin) = timers(3);
        for wheel in 0..3 {
            let _ = timers.insert(wheel, origin + TICK * 5, Waker::noop().clone());
        }
        assert_eq!(timers.fire(origin + TICK * 5), 3);
        assert!(timers.is_empty());
    }

    #[test]
    fn only_a_timer_before_all_others_wakes_whoever_waits() {
        let (timers, origin) = timers(2);
        let insert =
            |wheel, ticks| timers.insert(wheel, origin + TICK * ticks, Waker::noop().clone()).1;
        assert_eq!(insert(0, 50), Inserted::Later, "nobody waits");
        assert_eq!(timers.begin_wait(), Some(origin + TICK * 50));
        assert_eq!(insert(0, 60), Inserted::Later);
        assert_eq!(insert(1, 70), Inserted::Later, "the first of its wheel");
        assert_eq!(insert(1, 40), Inserted::Nearest);
        timers.end_wait();
        assert_eq!(insert(1, 30), Inserted::Later, "whoever waited looks again");
        assert_eq!(timers.begin_wait(), Some(origin + TICK * 30));
    }

    #[test]
    fn a_removed_timer_is_not_waited_for() {
        let (timers, origin) = timers(1);
        let waker = || Waker::noop().clone();
        let (first, _) = timers.insert(0, origin + TICK * 3, waker());
        let (second, _) = timers.insert(0, origin + TICK * 8, waker());
        timers.remove(0, first);
        assert_eq!(timers.begin_wait(), Some(origin + TICK * 8));
        timers.remove(0, second);
        timers.remove(0, second);
        assert_eq!((timers.begin_wait(), timers.len()), (None, 0));
    }

    #[test]
    fn ten_thousand_cancelled_timers_leave_nothing() {
        let (timers, origin) = timers(1);
        let woken = Arc::new(Count::default());
        let ms = |ms| origin + Duration::from_millis(ms);
        let number = if cfg!(miri) { 100 } else { 10_000 };
        let keys: Vec<_> = (0..number)
            .map(|n| timers.insert(0, ms(n as u64), Arc::clone(&woken).into()).0)
            .collect();
        assert_eq!((timers.len(), Arc::strong_count(&woken)), (number, number + 1));
        keys.into_iter().for_each(|key| timers.remove(0, key));
        assert_eq!((timers.len(), Arc::strong_count(&woken)), (0, 1));
        assert_eq!((timers.fire(ms(20_000)), timers.begin_wait()), (0, None));
    }

    #[test]
    fn more_timers_than_one_batch_or_one_round_of_steps_fire_in_one_pass() {
        let (timers, origin) = timers(1);
        // Far away, so that each of them moves first.
        let deadline = origin + Duration::from_secs(1);
        let number = STEPS_MAX + BATCH_MAX + 1;
        for _ in 0..number {
            let _ = timers.insert(0, deadline, Waker::noop().clone());
        }
        assert_eq!(timers.fire(deadline + TICK), number);
    }

    /// Fails if wakers are called under the lock of their wheel.
    #[test]
    fn a_waker_may_use_the_timers_and_may_panic() {
        struct Reenters(Arc<Timers>, Instant);
        impl Wake for Reenters {
            fn wake(self: Arc<Self>) {
                let (key, _) = self.0.insert(0, self.1, Waker::noop().clone());
                self.0.remove(0, key);
                panic!("a waker of somebody else's");
            }
        }
        let hook = panic::take_hook();
        panic::set_hook(Box::new(|_| ()));
        let origin = Instant::now();
        let timers = Arc::new(Timers::new(origin, 1));
        let other = Arc::new(Count::default());
        let _ = timers.insert(0, origin, Arc::new(Reenters(Arc::clone(&timers), origin)).into());
        let _ = timers.insert(0, origin, Arc::clone(&other).into());
        let (report, fired) = mpsc::channel();
        let firing = thread::spawn(move || report.send(timers.fire(origin)));
        let fired = fired.recv_timeout(WATCHDOG);
        panic::set_hook(hook);
        assert_eq!((fired, other.get()), (Ok(2), 1));
        firing.join().unwrap().unwrap();
    }

    #[test]
    fn the_farthest_deadlines_are_waited_for() {
        let (timers, origin) = timers(1);
        let century = Duration::from_secs(100 * 365 * 24 * 3600);
        let far = (1..100).map_while(|n| origin.checked_add(century * n)).last();
        let (key, _) = timers.insert(0, far.unwrap(), Waker::noop().clone());
        let woken_at = timers.begin_wait();
        assert!(woken_at.is_none_or(|at| at > origin + century / 200));
        timers.remove(0, key);
    }
}
