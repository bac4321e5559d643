//! Waiting until all of a number of things have ended.
//!
//! One word: how many members there are, and above that how many times there have been none.
//!
//! ```text
//!    members += 1 (add) ─► .. ─► members -= 1 (a member's drop) ─► none left: epoch += 1, wake all
//! ```
//! Who waits notes the epoch first, so that a moment without members is not missed by one that wakes
//! up late, when there are new ones.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `WaitMember::drop` | Release | the Acquire load in `poll_empty`: what the members did is seen after the wait |
//! | fence in `notify_all` | SeqCst | the one in `Waiter::register`: a waiter sees the last one gone or is woken |

use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::atomic::{AtomicU64, Ordering};
use crate::strand;
use crate::waitlist::{WaitList, Waiter};

/// Counts members, and lets anybody wait until there are none. Clones are one group.
///
/// # Examples
///
/// ```
/// use moirai_sync::WaitGroup;
///
/// let group = WaitGroup::new();
/// for _ in 0..4 {
///     let member = group.add();
///     std::thread::spawn(move || drop(member));
/// }
/// group.wait();
/// assert!(group.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct WaitGroup {
    shared: Arc<Shared>,
}

/// Counts as one in its [`WaitGroup`] until it is dropped.
///
/// # Examples
///
/// ```
/// use moirai_sync::WaitGroup;
///
/// let group = WaitGroup::new();
/// let member = group.add();
/// std::thread::spawn(move || {
///     let _counts_until_the_end = member;
/// });
/// group.wait();
/// assert!(group.is_empty());
/// ```
#[must_use = "dropping a member leaves the group"]
pub struct WaitMember {
    shared: Arc<Shared>,
}

struct Shared {
    word: AtomicU64,
    waiters: WaitList,
}

/// How many members a group has at most; one more aborts the process, as one clone too many of an
/// `Arc` does.
const MEMBERS_MAX: u64 = (1 << 31) - 1;
const MEMBERS: u64 = (1 << 32) - 1;
const EPOCH_ONE: u64 = 1 << 32;

impl WaitGroup {
    /// A group without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// One member more.
    pub fn add(&self) -> WaitMember {
        // Relaxed: nothing is read through it.
        let before = self.shared.word.fetch_add(1, Ordering::Relaxed);
        if before & MEMBERS >= MEMBERS_MAX {
            std::process::abort();
        }
        WaitMember { shared: Arc::clone(&self.shared) }
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        // Acquire: pairs with the Release in the members' drops. At most 2^31.
        (self.shared.word.load(Ordering::Acquire) & MEMBERS) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until there are no members, on the current strand; at once if there are none. A moment
    /// without members is enough, also if new ones have come since.
    pub fn wait(&self) {
        self.wait_until(None);
    }

    /// As [`wait`](Self::wait), for at most `timeout`: whether there was a moment without members.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::WaitGroup;
    ///
    /// let group = WaitGroup::new();
    /// let member = group.add();
    /// assert!(!group.wait_timeout(Duration::from_millis(1)));
    /// drop(member);
    /// assert!(group.wait_timeout(Duration::MAX));
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.wait_until(Instant::now().checked_add(timeout)).is_some()
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<()> {
        let waiter = pin!(Waiter::new(&self.shared.waiters));
        let since = self.shared.epoch();
        strand::wait(deadline, |cx| self.shared.poll_empty(since, waiter.as_ref(), cx))
    }

    /// As [`wait`](Self::wait), suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets that anybody waited, and may be done at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{WaitGroup, strand};
    ///
    /// let group = WaitGroup::new();
    /// let member = group.add();
    /// std::thread::spawn(move || drop(member));
    /// strand::block_on(group.wait_async());
    /// ```
    pub async fn wait_async(&self) {
        let waiter = pin!(Waiter::new(&self.shared.waiters));
        let since = self.shared.epoch();
        coop::consume_budget().await;
        poll_fn(|cx| self.shared.poll_empty(since, waiter.as_ref(), cx)).await;
    }
}

impl WaitMember {
    /// The group.
    pub fn group(&self) -> WaitGroup {
        WaitGroup { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for WaitMember {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl Shared {
    fn leave(&self) {
        let left = |word: u64| {
            let epoch = if word & MEMBERS == 1 { EPOCH_ONE } else { 0 };
            (word - 1).wrapping_add(epoch)
        };
        // Release: pairs with the Acquire in `poll_empty`, also through those who leave later. The
        // others Relaxed: nothing is read.
        let word = self
            .word
            .fetch_update(Ordering::Release, Ordering::Relaxed, |word| Some(left(word)))
            .unwrap_or_default();
        if word & MEMBERS == 1 {
            self.waiters.notify_all();
        }
    }

    /// How many times there have been no members.
    fn epoch(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / EPOCH_ONE
    }

    fn poll_empty(&self, since: u64, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<()> {
        let is_over = || {
            // Acquire: pairs with the Release in `leave`.
            let word = self.word.load(Ordering::Acquire);
            word & MEMBERS == 0 || word / EPOCH_ONE != since
        };
        if !is_over() {
            waiter.register(cx.waker());
            if !is_over() {
                return Poll::Pending;
            }
        }
        // All are woken: there is nothing to pass on.
        let _ = waiter.finish();
        Poll::Ready(())
    }
}

impl Default for Shared {
    fn default() -> Self {
        Self { word: AtomicU64::new(0), waiters: WaitList::new() }
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("members", &self.len()).finish()
    }
}

impl fmt::Debug for WaitMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitMember").finish_non_exhaustive()
    }
}
