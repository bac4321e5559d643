//! Permits, and whose turn it is to have them.
//!
//! ```text
//!   bits  63 ........ 2 | 1      | 0          QUEUED: somebody stands in line
//!         permits       | QUEUED | CLOSED     CLOSED: for ever
//!
//!   one who waits:
//!            1 poll: too few           2 serve               3 poll
//!   (new) ─────────────────► WAITING ───────────► GRANTED ───────────► has them
//!     │ poll: enough            │ │ 4 close          └─ drop ─► they go to the next (release)
//!     └─► has them              │ └───────► CLOSED
//!                               └─ drop ─► out of line; whoever is first now may be served (serve)
//! ```
//!
//! **First come, first served.** While somebody stands in line nobody else takes a permit, so who
//! wants many gets them once as many have come back. A [wait list](crate::waitlist) is told to try
//! again and a newcomer may be faster; here, the permits themselves are handed over. The price: what
//! was granted to a future that is kept and never polled again is gone until it is dropped.
//!
//! **No permit is left beside one who waits for it.** All is in one word, so there is one order: who
//! joins sets QUEUED and looks at the permits after, under the lock; who gives back adds permits,
//! and if it finds QUEUED in what was there, it takes the lock and serves.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | addition in `release` | Release | the Acquire exchanges in `enter` and `subtract`: what was done with the permits is seen |
//! | exchanges in `enter`, `subtract` | Acquire | as above; all between are read-modify-writes |
//! | `fetch_or` in `close` | Release | the Acquire load in `try_acquire`: who sees the end sees what came before |
//! | QUEUED | Relaxed | ordered by the word itself, and by the lock |
//!
//! Wakers are cloned before the lock, and called and dropped after it.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use crate::coop;
use crate::prim::Mutex;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::wake::Wakers;

use super::error::{Closed, TryAcquireError};
use super::line::{Line, Ticket};

/// The most permits that there may be.
pub(super) const PERMITS_MAX: usize = usize::MAX >> 3;

const CLOSED: usize = 1;
const QUEUED: usize = 2;
const PERMIT: usize = 4;

/// A number of permits, handed out in order of arrival.
#[derive(Debug)]
pub(super) struct Turns {
    word: AtomicUsize,
    line: Mutex<Line<Waiting>>,
}

/// What lies in the place of one who waits.
#[derive(Debug)]
struct Waiting {
    need: usize,
    told: Told,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Granted,
    Closed,
}

impl Turns {
    maybe_const! {
        /// With so many permits, at most [`PERMITS_MAX`].
        pub(super) fn new(permits: usize) -> Self {
            let permits = if permits > PERMITS_MAX { PERMITS_MAX } else { permits };
            Self { word: AtomicUsize::new(permits * PERMIT), line: Mutex::new(Line::new()) }
        }
    }

    /// How many permits nobody has.
    pub(super) fn available(&self) -> usize {
        self.word.load(Ordering::Acquire) / PERMIT
    }

    /// Takes permits, unless somebody stands in line for them.
    #[inline]
    pub(super) fn try_acquire(&self, need: usize) -> Result<(), TryAcquireError> {
        self.enter(need).map_or_else(|| self.try_acquire_anyhow(need), Ok)
    }

    /// [`try_acquire`](Self::try_acquire) where that takes no more than an exchange: all that whoever
    /// takes a lock which nobody else wants is made to inline.
    #[inline]
    fn enter(&self, need: usize) -> Option<()> {
        // Relaxed: a guess, which the exchange checks.
        let word = self.word.load(Ordering::Relaxed);
        if word & (CLOSED | QUEUED) != 0 || word / PERMIT < need {
            return None;
        }
        // Orderings: as in `subtract`.
        self.word
            .compare_exchange(word, word - need * PERMIT, Ordering::Acquire, Ordering::Relaxed)
            .ok()
            .map(drop)
    }

    /// [`try_acquire`](Self::try_acquire), whatever is in the word.
    #[inline(never)]
    fn try_acquire_anyhow(&self, need: usize) -> Result<(), TryAcquireError> {
        // Acquire: pairs with the Release in `close`.
        let word = self.word.load(Ordering::Acquire);
        if word & CLOSED != 0 {
            return Err(TryAcquireError::Closed);
        }
        // For none, there is nothing to wait for.
        let barred = if need == 0 { 0 } else { QUEUED };
        match self.subtract(word, need, CLOSED | barred) {
            Some(()) => Ok(()),
            None => Err(TryAcquireError::NoPermits),
        }
    }

    /// Takes permits if there are as many and none of the bits `barred` is set.
    #[inline]
    fn subtract(&self, mut word: usize, need: usize, barred: usize) -> Option<()> {
        while word & barred == 0 && word / PERMIT >= need {
            // Acquire: pairs with the Release in `release`. Failure Relaxed: we try again.
            match self.word.compare_exchange_weak(
                word,
                word - need * PERMIT,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(()),
                Err(changed) => word = changed,
            }
        }
        None
    }

    /// Gives permits back, or adds new ones. Too many of them abort the process, as one clone too
    /// many of an `Arc` does.
    #[inline]
    pub(super) fn release(&self, permits: usize) {
        // Release: pairs with the Acquire in `enter` and `subtract`.
        let before = self.word.fetch_add(permits * PERMIT, Ordering::Release);
        if before & QUEUED != 0 || before / PERMIT > PERMITS_MAX {
            self.released(before);
        }
    }

    #[cold]
    #[inline(never)]
    fn released(&self, before: usize) {
        if before / PERMIT > PERMITS_MAX {
            std::process::abort();
        }
        self.serve_line();
    }

    /// Adds permits, up to [`PERMITS_MAX`] that nobody has.
    pub(super) fn add(&self, permits: usize) {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let more = permits.min(PERMITS_MAX.saturating_sub(word / PERMIT)) * PERMIT;
            // Release: as in `release`.
            let (new, order) = (word + more, Ordering::Release);
            match self.word.compare_exchange_weak(word, new, order, Ordering::Relaxed) {
                Ok(_) => break,
                Err(changed) => word = changed,
            }
        }
        if word & QUEUED != 0 {
            self.serve_line();
        }
    }

    /// Takes up to so many permits away; returns how many.
    pub(super) fn forget(&self, permits: usize) -> usize {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let gone = permits.min(word / PERMIT);
            // Acquire: as in `subtract`; the other bits stay as they are.
            let (new, order) = (word - gone * PERMIT, Ordering::Acquire);
            match self.word.compare_exchange_weak(word, new, order, Ordering::Relaxed) {
                Ok(_) => return gone,
                Err(changed) => word = changed,
            }
        }
    }

    /// From now on nobody gets a permit; who waits is told.
    pub(super) fn close(&self) {
        // Release: pairs with the Acquire in `try_acquire`.
        self.word.fetch_or(CLOSED, Ordering::Release);
        let mut wakers = Wakers::new();
        {
            let mut line = self.line.lock();
            while let Some(first) = line.front() {
                first.told = Told::Closed;
                wakers.extend(first.waker.take());
                line.leave_front();
            }
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        wakers.wake();
    }

    /// Whether it is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & CLOSED != 0
    }

    /// Waits for permits on the current strand; `None` if `deadline` passes first.
    #[inline]
    pub(super) fn acquire(
        &self,
        need: usize,
        deadline: Option<Instant>,
    ) -> Option<Result<(), Closed>> {
        self.enter(need).map_or_else(|| self.acquire_waiting(need, deadline), |()| Some(Ok(())))
    }

    #[cold]
    #[inline(never)]
    fn acquire_waiting(
        &self,
        need: usize,
        deadline: Option<Instant>,
    ) -> Option<Result<(), Closed>> {
        let attempt = || match self.try_acquire(need) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(TryAcquireError::Closed) => Poll::Ready(Err(Closed)),
            Err(TryAcquireError::NoPermits) => Poll::Pending,
        };
        if let Poll::Ready(result) = attempt() {
            return Some(result);
        }
        spin(Prospect::Open, deadline, attempt).or_else(|| {
            let mut turn = Turn { turns: self, need, ticket: None };
            strand::wait(deadline, |cx| turn.poll(cx))
        })
    }

    /// Waits for permits in a task.
    #[inline]
    pub(super) fn acquire_async(&self, need: usize) -> Acquire<'_> {
        Acquire { turn: Turn { turns: self, need, ticket: None }, begun: false }
    }

    fn serve_line(&self) {
        let mut wakers = Wakers::new();
        self.serve(&mut self.line.lock(), &mut wakers);
        wakers.wake();
    }

    /// Gives permits to those in front for whom there are enough. `line` is ours, locked.
    fn serve(&self, line: &mut Line<Waiting>, wakers: &mut Wakers) {
        while let Some(first) = line.front() {
            let word = self.word.load(Ordering::Relaxed);
            if self.subtract(word, first.need, 0).is_none() {
                return;
            }
            first.told = Told::Granted;
            wakers.extend(first.waker.take());
            line.leave_front();
        }
        // Under the lock: nobody joins meanwhile.
        self.word.fetch_and(!QUEUED, Ordering::Relaxed);
    }
}

/// A task's wait. Not an `async fn`: the future that awaits it inlines its try, as it would no body of
/// another future.
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub(super) struct Acquire<'a> {
    turn: Turn<'a>,
    /// Whether it has taken its part of the task's budget, and tried.
    begun: bool,
}

impl Future for Acquire<'_> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if !self.begun {
            ready!(coop::poll_proceed(cx));
            self.begun = true;
            if self.turn.turns.enter(self.turn.need).is_some() {
                return Poll::Ready(Ok(()));
            }
        }
        self.turn.poll(cx)
    }
}

/// Somebody's wait; dropping it gives up, and back what it was granted.
#[derive(Debug)]
struct Turn<'a> {
    turns: &'a Turns,
    need: usize,
    /// `None` before it stands in line and after it has been told.
    ticket: Option<Ticket>,
}

impl Turn<'_> {
    #[inline(never)]
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        match self.ticket.take() {
            Some(ticket) => self.look(ticket, cx),
            None => match self.turns.try_acquire(self.need) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(TryAcquireError::Closed) => Poll::Ready(Err(Closed)),
                Err(TryAcquireError::NoPermits) => self.join(cx),
            },
        }
    }

    fn join(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let turns = self.turns;
        let waker = cx.waker().clone();
        let mut wakers = Wakers::new();
        let joined = {
            let mut line = turns.line.lock();
            if turns.word.fetch_or(QUEUED, Ordering::Relaxed) & CLOSED != 0 {
                turns.word.fetch_and(!QUEUED, Ordering::Relaxed);
                Err(Closed)
            } else {
                // Without a waker, for this may be our turn already.
                let ticket =
                    line.push(Waiting { need: self.need, told: Told::Nothing, waker: None });
                turns.serve(&mut line, &mut wakers);
                match line.get(&ticket) {
                    Some(place) if place.told == Told::Nothing => {
                        place.waker = Some(waker);
                        Ok(Some(ticket))
                    }
                    _ => {
                        line.take(ticket);
                        Ok(None)
                    }
                }
            }
        };
        wakers.wake();
        match joined {
            Err(Closed) => Poll::Ready(Err(Closed)),
            Ok(None) => Poll::Ready(Ok(())),
            Ok(ticket) => {
                self.ticket = ticket;
                Poll::Pending
            }
        }
    }

    fn look(&mut self, ticket: Ticket, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let waker = cx.waker().clone();
        let (told, _unused) = {
            let mut line = self.turns.line.lock();
            match line.get(&ticket) {
                Some(place) if place.told == Told::Nothing => {
                    let replaced = place.waker.replace(waker);
                    self.ticket = Some(ticket);
                    (Told::Nothing, replaced)
                }
                _ => (line.take(ticket).map_or(Told::Closed, |place| place.told), Some(waker)),
            }
        };
        match told {
            Told::Nothing => Poll::Pending,
            Told::Granted => Poll::Ready(Ok(())),
            Told::Closed => Poll::Ready(Err(Closed)),
        }
    }

    #[cold]
    #[inline(never)]
    fn give_up(&self, ticket: Ticket) {
        let turns = self.turns;
        let mut wakers = Wakers::new();
        let left = {
            let mut line = turns.line.lock();
            let left = line.take(ticket);
            // Whoever was behind us may need fewer.
            turns.serve(&mut line, &mut wakers);
            left
        };
        wakers.wake();
        if left.is_some_and(|place| place.told == Told::Granted) {
            turns.release(self.need);
        }
    }
}

impl Drop for Turn<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.give_up(ticket);
        }
    }
}
