//! Waiting until a number of others have come as well.
//!
//! ```text
//!   bits  63 ...... 32 | 31 ..... 0
//!         generation   | arrived           the last one: generation += 1, arrived = 0, tell all
//! ```
//! Who gives up before the last one has come takes its arrival back; who gives up later was let
//! through, and there is nothing to take back.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `arrive` | AcqRel | those of who came before: what all did before the barrier is seen by the last |
//! | load in `is_open` | Acquire | as above: and by all others |
//! | fence in `notify_all` | SeqCst | the one in `Waiter::register`: who waits sees it open or is told |

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::atomic::{AtomicU64, Ordering};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

/// Lets nobody through until so many have come; then again for as many.
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Barrier, Passed};
///
/// let barrier = Barrier::new(3);
/// let leaders = std::thread::scope(|scope| {
///     let threads = [(); 3].map(|()| scope.spawn(|| barrier.wait()));
///     threads.into_iter().filter_map(|thread| thread.join().ok()).filter(Passed::is_leader).count()
/// });
/// assert_eq!(leaders, 1);
/// ```
pub struct Barrier {
    word: AtomicU64,
    parties: u32,
    waiters: WaitList,
}

/// That one was let through a [`Barrier`].
///
/// # Examples
///
/// ```
/// use moirai_sync::lock::{Barrier, Passed};
///
/// assert_eq!(Barrier::new(1).wait(), Passed::Leader);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// As the last one who came: one of each generation.
    Leader,
    /// As one of the others.
    Follower,
}

const GENERATION_ONE: u64 = 1 << 32;
const ARRIVED: u64 = GENERATION_ONE - 1;

impl Passed {
    /// Whether this was the last one who came.
    pub fn is_leader(&self) -> bool {
        *self == Self::Leader
    }
}

impl Barrier {
    maybe_const! {
        /// For `parties`; 0 counts as 1, for which nobody waits.
        pub fn new(parties: u32) -> Self {
            Self { word: AtomicU64::new(0), parties, waiters: WaitList::new() }
        }
    }

    /// Waits for the others, on the current strand.
    pub fn wait(&self) -> Passed {
        match self.wait_until(None) {
            Some(passed) => passed,
            None => unreachable!("a wait without a deadline ended without a result"),
        }
    }

    /// As [`wait`](Self::wait), for at most `timeout`; `None` if the others have not come: then one
    /// has not come either.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::lock::Barrier;
    ///
    /// let barrier = Barrier::new(2);
    /// assert_eq!(barrier.wait_timeout(Duration::from_millis(1)), None);
    /// assert_eq!(barrier.wait_timeout(Duration::from_millis(1)), None);
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Option<Passed> {
        self.wait_until(Instant::now().checked_add(timeout))
    }

    /// As [`wait_timeout`](Self::wait_timeout), until `deadline`.
    pub fn wait_deadline(&self, deadline: Instant) -> Option<Passed> {
        self.wait_until(Some(deadline))
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<Passed> {
        let waiter = pin!(Waiter::blocked(&self.waiters));
        let mut arrival = Arrival { barrier: self, generation: None };
        strand::wait(deadline, |cx| arrival.poll(waiter.as_ref(), cx))
            // The last one may have come just now.
            .or_else(|| arrival.withdraw().is_none().then_some(Passed::Follower))
    }

    /// As [`wait`](Self::wait), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the arrival back, unless the others have been let through.
    pub async fn wait_async(&self) -> Passed {
        coop::consume_budget().await;
        let waiter = pin!(Waiter::new(&self.waiters));
        let mut arrival = Arrival { barrier: self, generation: None };
        poll_fn(|cx| arrival.poll(waiter.as_ref(), cx)).await
    }

    /// Comes; returns the generation that one is of, unless one is the last of it.
    fn arrive(&self) -> Option<u32> {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let is_last = word & ARRIVED >= u64::from(self.parties.saturating_sub(1));
            let new =
                if is_last { (word & !ARRIVED).wrapping_add(GENERATION_ONE) } else { word + 1 };
            // AcqRel: pairs with those of the others, and with the Acquire in `is_open`.
            match self.word.compare_exchange_weak(word, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) if is_last => break,
                Ok(_) => return Some(generation(word)),
                Err(changed) => word = changed,
            }
        }
        self.waiters.notify_all();
        None
    }

    fn is_open(&self, of: u32) -> bool {
        // Acquire: pairs with the exchange in `arrive`.
        generation(self.word.load(Ordering::Acquire)) != of
    }
}

fn generation(word: u64) -> u32 {
    (word / GENERATION_ONE) as u32
}

/// That somebody has come and waits.
#[derive(Debug)]
struct Arrival<'a> {
    barrier: &'a Barrier,
    generation: Option<u32>,
}

impl Arrival<'_> {
    fn poll(&mut self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<Passed> {
        let barrier = self.barrier;
        let of = match self.generation {
            Some(of) => of,
            None => match barrier.arrive() {
                Some(of) => *self.generation.insert(of),
                None => return Poll::Ready(Passed::Leader),
            },
        };
        if !barrier.is_open(of) {
            waiter.register(cx.waker());
            if !barrier.is_open(of) {
                return Poll::Pending;
            }
        }
        self.generation = None;
        // All are told: there is nothing to pass on.
        let _ = waiter.finish();
        Poll::Ready(Passed::Follower)
    }

    /// Takes the arrival back; `None` if there is none, or the last one has come.
    fn withdraw(&mut self) -> Option<()> {
        let of = self.generation.take()?;
        // Acquire, where it is too late: pairs with the exchange in `arrive`.
        let (success, failure) = (Ordering::Release, Ordering::Acquire);
        let word = &self.barrier.word;
        word.fetch_update(success, failure, |word| (generation(word) == of).then(|| word - 1))
            .ok()
            .map(drop)
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("parties", &self.parties).finish_non_exhaustive()
    }
}
