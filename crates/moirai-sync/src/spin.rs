//! Trying for a few microseconds before a thread sleeps.
//!
//! Waking a thread that sleeps costs its waker a system call, and the thread some microseconds until
//! it runs. So a wait between threads first makes attempts: it **pauses**, for about a microsecond,
//! which pays where the other side is at work on another core; then it **gives the processor away**
//! some times, which pays where the other side is ready to run and has none. It sleeps after that.
//!
//! A spin lasts longer than a thread takes to wake up. If it did not, then of two threads that answer
//! each other, one that had slept once would let the other one fall asleep, and that one the first.
//!
//! Which of the two pays differs between programs and moments, so each has a [`Habit`], for each
//! thread: what has not paid is left out for a while, longer each time, and what pays is kept.
//!
//! ```text
//!   ALWAYS ── failed ──► left out once, then tried ── failed ──► 3 times ── failed ──► 7 .. 31 times
//!     ▲                               │                              │
//!     └────────────── paid ───────────┴──────────────────────────────┘
//! ```
//!
//! **On a busy machine** a processor that is given away does not come back before somebody who computes has
//! used up his slice, some milliseconds, while a thread that is woken runs at once. So whoever was kept
//! waiting for his processor for [`CROWDED`] sleeps, and so he does the next time; where giving it away had not
//! paid the time before either, he does not do that again for long. Once is no sign: of many who share a channel,
//! two may have kept all processors at work.
//!
//! On a thread with hooks nobody spins: there, others may be waiting for the thread.

use std::cell::Cell;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::{prim, strand};

/// How soon what a spin waits for may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prospect {
    /// Somebody is at work on it: a full channel is being emptied, or soon will be. A spin that fails
    /// has met many who wait for the same; the next one does as well as the last.
    Near,
    /// Nobody knows: an empty channel may stay empty.
    Open,
}

/// Makes attempts for a few microseconds, as far as that has paid lately.
pub(crate) fn spin<T>(
    prospect: Prospect,
    deadline: Option<Instant>,
    mut attempt: impl FnMut() -> Poll<T>,
) -> Option<T> {
    if !prim::HAS_CLOCK || strand::has_hooks() || deadline.is_some_and(passed) {
        return None;
    }
    // Where the thread-locals are gone, every spin is the first.
    let mut habits = HABITS.try_with(Cell::get).unwrap_or(Habits::NEW);
    let mut result = None;
    if habits.pause.tries() {
        result = pause(&mut attempt);
        habits.pause.note(result.is_some().into(), LEFT_OUT_MAX);
    }
    if result.is_none() && habits.give_way.tries() {
        let (times, left_out_max) = match prospect {
            Prospect::Near => (GIVE_WAY_NEAR, 1),
            Prospect::Open => (GIVE_WAY_MAX, LEFT_OUT_MAX),
        };
        match give_way(times, deadline, &mut attempt) {
            GaveWay::Briefly(given) => {
                result = given;
                habits.give_way.note(result.is_some().into(), left_out_max);
            }
            GaveWay::ForLong(given) => {
                result = given;
                habits.give_way.note(Outcome::Crowded, LEFT_OUT_CROWDED_MAX);
            }
        }
    }
    let _: Result<(), _> = HABITS.try_with(|place| place.set(habits));
    result
}

fn pause<T>(mut attempt: impl FnMut() -> Poll<T>) -> Option<T> {
    (0..PAUSE_STEPS).find_map(|step| {
        (0..1 << step).for_each(|_| prim::spin_loop());
        ready(attempt())
    })
}

/// How the processor came back, and with what.
enum GaveWay<T> {
    Briefly(Option<T>),
    /// Others kept it for [`CROWDED`].
    ForLong(Option<T>),
}

fn give_way<T>(
    times: u32,
    deadline: Option<Instant>,
    mut attempt: impl FnMut() -> Poll<T>,
) -> GaveWay<T> {
    let mut before = Instant::now();
    for _ in 0..times {
        prim::thread::yield_now();
        let result = ready(attempt());
        let now = Instant::now();
        if now.duration_since(before) >= CROWDED {
            return GaveWay::ForLong(result);
        }
        if result.is_some() || deadline.is_some_and(|deadline| now >= deadline) {
            return GaveWay::Briefly(result);
        }
        before = now;
    }
    GaveWay::Briefly(None)
}

fn ready<T>(poll: Poll<T>) -> Option<T> {
    match poll {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

fn passed(deadline: Instant) -> bool {
    Instant::now() >= deadline
}

/// What a thread has learned about its spins.
#[derive(Clone, Copy)]
struct Habits {
    pause: Habit,
    give_way: Habit,
}

/// Whether one kind of spin is worth a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Habit {
    /// How often it is still left out.
    left_out: u16,
    /// How often it was left out the last time.
    last: u16,
}

/// What became of a spin.
#[derive(Clone, Copy)]
enum Outcome {
    Paid,
    Failed,
    /// Whatever it brought, it was dear.
    Crowded,
}

impl From<bool> for Outcome {
    fn from(paid: bool) -> Self {
        if paid { Self::Paid } else { Self::Failed }
    }
}

impl Habits {
    const NEW: Self = Self { pause: Habit::ALWAYS, give_way: Habit::ALWAYS };
}

impl Habit {
    const ALWAYS: Self = Self { left_out: 0, last: 0 };

    /// Whether to try this time.
    fn tries(&mut self) -> bool {
        let tries = self.left_out == 0;
        self.left_out = self.left_out.saturating_sub(1);
        tries
    }

    /// Learns from a try.
    fn note(&mut self, outcome: Outcome, left_out_max: u16) {
        let least = match outcome {
            Outcome::Paid => {
                *self = Self::ALWAYS;
                return;
            }
            Outcome::Failed => 1,
            Outcome::Crowded if self.last == 0 => 1,
            Outcome::Crowded => LEFT_OUT_CROWDED_MIN,
        };
        let next = (2 * self.last + 1).clamp(least, left_out_max);
        *self = Self { left_out: next, last: next };
    }
}

/// Growing pauses: 2^5 - 1 of them in all, about a microsecond.
const PAUSE_STEPS: u32 = 5;

/// How often the processor is given away: where nobody else wants it, for 20 to 30 microseconds.
const GIVE_WAY_MAX: u32 = 128;

/// The same where many wait for one thing: whoever has no luck for so long had better sleep.
const GIVE_WAY_NEAR: u32 = 32;

/// How often a spin is left out at most before it is tried again.
const LEFT_OUT_MAX: u16 = 31;

/// How often the processor is not given away, at least and at most, after others were seen to keep it, and that it
/// had not paid before.
const LEFT_OUT_CROWDED_MIN: u16 = 255;
const LEFT_OUT_CROWDED_MAX: u16 = 1023;

const _: () = assert!(LEFT_OUT_CROWDED_MAX < u16::MAX / 2, "twice as much and one must fit");

/// For so long those keep a processor that compute, and none of those that wait for each other.
const CROWDED: Duration = Duration::from_millis(2);

// loom's thread-locals take no `const`.
#[cfg(moirai_loom)]
prim::thread_local! {
    static HABITS: Cell<Habits> = Cell::new(Habits::NEW);
}
#[cfg(not(moirai_loom))]
prim::thread_local! {
    static HABITS: Cell<Habits> = const { Cell::new(Habits::NEW) };
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    /// In how many of `n` waits a habit is tried, whose tries all fail.
    fn tries_in(n: usize, outcome: Outcome, left_out_max: u16) -> usize {
        let mut habit = Habit::ALWAYS;
        (0..n)
            .filter(|_| {
                let tries = habit.tries();
                if tries {
                    habit.note(outcome, left_out_max);
                }
                tries
            })
            .count()
    }

    #[test]
    fn what_does_not_pay_is_left_out_more_and_more() {
        // After 1, 3, 7, 15 and then 31 each time.
        let first = 2 + 4 + 8 + 16 + 32;
        assert_eq!(tries_in(first, Outcome::Failed, LEFT_OUT_MAX), 5);
        assert_eq!(tries_in(first + 1000 * 32, Outcome::Failed, LEFT_OUT_MAX), 1005);
        assert_eq!(tries_in(1000, Outcome::Failed, 1), 500);
    }

    #[test]
    fn what_pays_once_is_tried_again_each_time() {
        let mut habit = Habit { left_out: 0, last: LEFT_OUT_MAX };
        habit.note(Outcome::Paid, LEFT_OUT_MAX);
        assert!(habit.tries() && habit.tries());
    }

    #[test]
    fn a_spin_makes_few_attempts_and_soon_none() {
        std::thread::spawn(|| {
            let attempts = |prospect| {
                let mut attempts = 0;
                let result = spin(prospect, None, || {
                    attempts += 1;
                    Poll::<()>::Pending
                });
                assert_eq!(result, None);
                attempts
            };
            // Fewer where others keep the processor.
            let first = attempts(Prospect::Open);
            assert!((PAUSE_STEPS + 1..=PAUSE_STEPS + GIVE_WAY_MAX).contains(&first), "{first}");
            assert_eq!(attempts(Prospect::Open), 0);
            let some: u32 = (0..1000).map(|_| attempts(Prospect::Open)).sum();
            assert!(some < 50 * (PAUSE_STEPS + GIVE_WAY_MAX), "{some}");
        })
        .join()
        .unwrap();
    }

    #[test]
    fn who_gets_the_processor_back_late_gives_it_away_no_more() {
        for comes in [None, Some("there")] {
            let mut attempts = 0;
            let given = give_way(GIVE_WAY_MAX, None, || {
                attempts += 1;
                // As if it came back only now.
                let start = Instant::now();
                while start.elapsed() < CROWDED {
                    prim::spin_loop();
                }
                comes.map_or(Poll::Pending, Poll::Ready)
            });
            assert!(matches!(given, GaveWay::ForLong(result) if result == comes));
            assert_eq!(attempts, 1);
        }
        // After 1, 255, 511 and then 1023 each time.
        let tries_in = |waits| tries_in(waits, Outcome::Crowded, LEFT_OUT_CROWDED_MAX);
        let first = 2 + 256 + 512;
        assert_eq!((tries_in(first), tries_in(first + 10 * 1024)), (3, 13));
    }

    #[test]
    fn a_spin_takes_what_comes() {
        // The first time that the processor was given away.
        let mut left = PAUSE_STEPS + 1;
        let result = spin(Prospect::Near, None, || {
            left -= 1;
            if left == 0 { Poll::Ready("there") } else { Poll::Pending }
        });
        assert_eq!(result, Some("there"));
    }

    #[test]
    fn no_attempt_follows_the_deadline() {
        assert_eq!(spin(Prospect::Near, Some(Instant::now()), || Poll::Ready(())), None);
    }
}
