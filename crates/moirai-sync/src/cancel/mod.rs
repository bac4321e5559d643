//! Telling many strands at once to stop: from threads, and from tasks of any executor.
//!
//! ```text
//!            1 mark                         3 reached
//!   LIVE ──────────────► CANCELLED ──────────────────────► CANCELLED | REACHED
//!     │                                                          ▲
//!     └────────────────► EXPIRED ────────────────────────────────┘
//!            2 expire                       3 reached
//! ```
//! 1 and 3 are `Node::cancel`'s, 2 is made by whoever looks at a token whose deadline has passed.
//!
//! **A tree.** A child holds its parent; a parent knows its children weakly, by their places in its
//! list, so that joining and leaving it cost the same however many there are. Cancelling walks down
//! with a list and not by calls, and so does the last owner of a chain up: neither needs a stack as
//! deep as the tree.
//!
//! **All are marked before the first is woken,** so that whoever is woken sees the whole subtree
//! cancelled, and `cancel` returns after all that: also to one that came second and found the token
//! marked, for only REACHED lets it return early. Until then it walks as well.
//!
//! **A deadline needs nobody.** It is inherited as the earlier of two when a child is made, so each
//! token knows its own: whoever asks compares it with the clock, and whoever waits has a timer with
//! its own strand. No timer runs for a token that nobody waits for, and expiry has nothing to walk.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `mark`, `expire` | Release | the Acquire load in `reason`: what came before the cancel is seen after it |
//! | REACHED | Release | the Acquire load in `cancel`: who returns early has seen all marked |
//! | fence in `notify_all` | SeqCst | the one in `Waiter::register`: a waiter sees the mark or is woken |
//!
//! A child that is made while its parent is cancelled: it is put into the list, and the mark is
//! read, under the parent's lock; the walk marks first and takes the lock after. So either the walk
//! finds the child or the child the mark.

mod node;
mod run;

use std::fmt;
use std::future::IntoFuture;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::strand;
use crate::waitlist::Waiter;

use node::{Alarm, Node};
pub use run::RunUntilCancelled;

/// Tells whoever holds it, or waits for it, to stop. Clones are one token; a [`child`](Self::child)
/// is cancelled with its parent and never cancels it.
///
/// Nothing is interrupted: work looks at its token, or waits for it beside what it waits for.
///
/// # Examples
///
/// ```
/// use moirai_sync::{CancelReason, CancelToken};
///
/// let service = CancelToken::new();
/// let request = service.child();
/// let worker = std::thread::spawn({
///     let request = request.clone();
///     move || request.wait()
/// });
/// service.cancel();
/// assert_eq!(worker.join().unwrap(), CancelReason::Cancelled);
/// assert!(request.is_cancelled());
/// ```
#[derive(Clone)]
pub struct CancelToken {
    node: Arc<Node>,
}

/// Why a token is cancelled: whichever of the two was noticed first.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use moirai_sync::{CancelReason, CancelToken};
///
/// let token = CancelToken::with_timeout(Duration::ZERO);
/// assert_eq!(token.check(), Err(CancelReason::DeadlineExceeded));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CancelReason {
    /// Somebody called [`CancelToken::cancel`], on this token or one above it.
    Cancelled,
    /// Its deadline, or one above it, has passed.
    DeadlineExceeded,
}

impl CancelToken {
    /// A token without a parent and without a deadline.
    pub fn new() -> Self {
        Self { node: Node::root(None) }
    }

    /// A token that is cancelled at `deadline` at the latest.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, Instant};
    /// use moirai_sync::{CancelReason, CancelToken};
    ///
    /// let token = CancelToken::with_deadline(Instant::now() + Duration::from_millis(2));
    /// assert_eq!(token.wait(), CancelReason::DeadlineExceeded);
    /// ```
    pub fn with_deadline(deadline: Instant) -> Self {
        Self { node: Node::root(Some(deadline)) }
    }

    /// A token that is cancelled after `timeout` at the latest; one too long for an [`Instant`] is
    /// none.
    pub fn with_timeout(timeout: Duration) -> Self {
        Self { node: Node::root(strand::now().checked_add(timeout)) }
    }

    /// A token that is cancelled when this one is, and can be cancelled alone.
    ///
    /// It may be made, and dropped, at any time, at a cost that does not grow with the number of
    /// children or the depth of the tree. A child holds its parent.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::CancelToken;
    ///
    /// let parent = CancelToken::new();
    /// let (one, two) = (parent.child(), parent.child());
    /// one.cancel();
    /// assert!(one.is_cancelled() && !two.is_cancelled() && !parent.is_cancelled());
    /// parent.cancel();
    /// assert!(two.is_cancelled());
    /// ```
    pub fn child(&self) -> Self {
        Self { node: self.node.child(None) }
    }

    /// A [`child`](Self::child) that is cancelled at `deadline` at the latest, or at this token's
    /// deadline if that comes first.
    pub fn child_with_deadline(&self, deadline: Instant) -> Self {
        Self { node: self.node.child(Some(deadline)) }
    }

    /// A [`child`](Self::child) that is cancelled after `timeout` at the latest, or at this token's
    /// deadline if that comes first.
    pub fn child_with_timeout(&self, timeout: Duration) -> Self {
        Self { node: self.node.child(strand::now().checked_add(timeout)) }
    }

    /// Cancels this token and all below it, and wakes all who wait for one of them.
    ///
    /// When it returns, all of them are cancelled. Those who wait are woken after the last one is
    /// marked. Cancelling again does nothing.
    pub fn cancel(&self) {
        self.node.cancel();
    }

    /// Whether the token is cancelled, or its deadline has passed. It stays so.
    ///
    /// Without a deadline this is one load; with one, the clock is read until it has passed. What
    /// was done before the cancel is seen by who sees it.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.node.reason().is_some()
    }

    /// Why the token is cancelled, if it is.
    #[inline]
    pub fn reason(&self) -> Option<CancelReason> {
        self.node.reason()
    }

    /// Fails once the token is cancelled: for a loop that goes on with `?`.
    ///
    /// # Errors
    ///
    /// The [`CancelReason`].
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{CancelReason, CancelToken};
    ///
    /// fn sum(numbers: &[u64], token: &CancelToken) -> Result<u64, CancelReason> {
    ///     let mut sum = 0;
    ///     for chunk in numbers.chunks(1024) {
    ///         token.check()?;
    ///         sum += chunk.iter().sum::<u64>();
    ///     }
    ///     Ok(sum)
    /// }
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(sum(&[1, 2, 3], &token), Ok(6));
    /// token.cancel();
    /// assert_eq!(sum(&[1, 2, 3], &token), Err(CancelReason::Cancelled));
    /// ```
    #[inline]
    pub fn check(&self) -> Result<(), CancelReason> {
        self.reason().map_or(Ok(()), Err)
    }

    /// When the token is cancelled at the latest: the earliest deadline from here to the root.
    pub fn deadline(&self) -> Option<Instant> {
        self.node.deadline()
    }

    /// Whether both are the same token.
    pub fn same_token(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    /// Waits until the token is cancelled, on the current strand.
    pub fn wait(&self) -> CancelReason {
        match self.wait_until(None) {
            Some(reason) => reason,
            None => unreachable!("a wait without a limit ended without a reason"),
        }
    }

    /// Waits until the token is cancelled, for at most `timeout`; `None` if that passes first.
    ///
    /// # Examples
    ///
    /// A thread that does something every second, and ends at once when it is told to:
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// let thread = std::thread::spawn({
    ///     let token = token.clone();
    ///     move || {
    ///         while token.wait_timeout(Duration::from_secs(1)).is_none() {
    ///             println!("still here");
    ///         }
    ///     }
    /// });
    /// token.cancel();
    /// thread.join().unwrap();
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Option<CancelReason> {
        self.wait_until(strand::now().checked_add(timeout))
    }

    /// Waits until the token is cancelled, until `deadline` at most; `None` if that passes first.
    pub fn wait_deadline(&self, deadline: Instant) -> Option<CancelReason> {
        self.wait_until(Some(deadline))
    }

    fn wait_until(&self, limit: Option<Instant>) -> Option<CancelReason> {
        let deadline = node::earlier(limit, self.deadline());
        let waiter = pin!(Waiter::new(self.node.waiters()));
        loop {
            // The strand keeps the time, so the poll needs no timer.
            let mut alarm = Alarm::without_timer();
            let waited = strand::wait(deadline, |cx| {
                self.node.poll_cancelled(waiter.as_ref(), &mut alarm, cx)
            });
            let late = || limit.is_some_and(|limit| strand::now() >= limit);
            if waited.is_some() || late() {
                return waited;
            }
        }
    }

    /// Waits until the token is cancelled, suspending the async task.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future forgets that anybody waited, and may be done at any time.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{CancelReason, CancelToken, strand};
    ///
    /// let token = CancelToken::new();
    /// let child = token.child();
    /// std::thread::spawn(move || token.cancel());
    /// assert_eq!(strand::block_on(child.cancelled()), CancelReason::Cancelled);
    /// ```
    pub async fn cancelled(&self) -> CancelReason {
        let waiter = pin!(Waiter::new(self.node.waiters()));
        let mut alarm = Alarm::new(self.deadline());
        std::future::poll_fn(|cx| self.node.poll_cancelled(waiter.as_ref(), &mut alarm, cx)).await
    }

    /// Runs `future` until it is ready or the token is cancelled. A token that is cancelled already
    /// does not let it begin; one that is cancelled during its last poll does not take the output.
    ///
    /// # Errors
    ///
    /// The [`CancelReason`], if the token is cancelled first; `future` is dropped with this one.
    ///
    /// # Cancel safety
    ///
    /// As that of `future`, which is dropped with this one.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::future::pending;
    /// use moirai_sync::{CancelReason, CancelToken, strand};
    ///
    /// let token = CancelToken::new();
    /// assert_eq!(strand::block_on(token.run_until_cancelled(async { 7 })), Ok(7));
    /// token.cancel();
    /// let never = token.run_until_cancelled(pending::<()>());
    /// assert_eq!(strand::block_on(never), Err(CancelReason::Cancelled));
    /// ```
    pub fn run_until_cancelled<F: IntoFuture>(
        &self,
        future: F,
    ) -> RunUntilCancelled<'_, F::IntoFuture> {
        RunUntilCancelled::new(&self.node, future.into_future())
    }

    /// Cancels the token when the guard is dropped: at the end of a block however it is left.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::CancelToken;
    ///
    /// let token = CancelToken::new();
    /// {
    ///     let _guard = token.clone().drop_guard();
    ///     assert!(!token.is_cancelled());
    /// }
    /// assert!(token.is_cancelled());
    /// ```
    pub fn drop_guard(self) -> DropGuard {
        DropGuard { token: Some(self) }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.reason())
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// Cancels a token when it is dropped; from [`CancelToken::drop_guard`].
#[derive(Debug)]
#[must_use = "the token is cancelled when this is dropped"]
pub struct DropGuard {
    token: Option<CancelToken>,
}

impl DropGuard {
    /// The token, which the guard lets alone.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = moirai_sync::CancelToken::new().drop_guard().disarm();
    /// assert!(!token.is_cancelled());
    /// ```
    pub fn disarm(mut self) -> CancelToken {
        match self.token.take() {
            Some(token) => token,
            None => unreachable!("a guard is disarmed by value, once"),
        }
    }
}

impl Drop for DropGuard {
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "the deadline has passed",
        })
    }
}

impl std::error::Error for CancelReason {}
