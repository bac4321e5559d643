//! Telling one who waits, or all of them, without a value.
//!
//! ```text
//!   bits  63 ........ 2 | 1      | 0        PERMIT: a notification that nobody waited for
//!         epoch         | QUEUED | PERMIT   epoch: how often all were notified
//!
//!   one who waits:
//!            1 poll, enable           2 notify_one              3 poll
//!   (new) ──────────────────► WAITING ──────────────► TOLD ONE ──────────► (done)
//!     │ PERMIT, or another epoch │ │ 4 notify_waiters     └─ drop ─► the next one is told
//!     └─► (done)                 │ └──────────► TOLD ALL ─► (done), and nothing is passed on
//!                                └─ drop ─► out of line
//! ```
//! PERMIT and a line are never there together: who joins sets QUEUED under the lock and takes the
//! permit that it finds there; from then on a notification takes the lock.
//!
//! **An old wait takes no new notification.** Who was there when all were notified is told by the
//! epoch, also if it is polled for the first time after a `notify_one`, whose permit it leaves.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | PERMIT set | Release | the Acquire exchange in `take_permit` and `join`: what came before is seen |
//! | epoch raised | Release | the Acquire loads of it: as above |
//! | QUEUED | Relaxed | ordered by the word itself, and by the lock |
//!
//! Wakers are cloned before the lock, and called and dropped after it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::coop;
use crate::prim::Mutex;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::strand;
use crate::wake::{Wakers, wake};

use super::line::{Line, Ticket};

const PERMIT: usize = 1;
const QUEUED: usize = 2;
const EPOCH_ONE: usize = 4;

/// Tells one who waits, or all of them, that something has happened.
///
/// A notification that nobody waits for is kept, one at most: so that whoever changes something,
/// notifies, and is quicker than the other side is heard all the same.
///
/// # Examples
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use moirai_sync::lock::Notify;
///
/// static READY: AtomicBool = AtomicBool::new(false);
/// static CHANGED: Notify = Notify::new();
///
/// std::thread::spawn(|| {
///     READY.store(true, Ordering::Relaxed);
///     CHANGED.notify_one();
/// });
/// moirai_sync::strand::block_on(async {
///     while !READY.load(Ordering::Relaxed) {
///         CHANGED.notified().await;
///     }
/// });
/// ```
pub struct Notify {
    word: AtomicUsize,
    line: Mutex<Line<Waiting>>,
}

/// What lies in the place of one who waits.
#[derive(Debug)]
struct Waiting {
    told: Told,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    One,
    All,
}

/// What becomes of a notification that nobody hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard {
    Kept,
    Lost,
}

impl Notify {
    maybe_const! {
        /// Nobody waits, and nothing has happened.
        pub fn new() -> Self {
            Self { word: AtomicUsize::new(0), line: Mutex::new(Line::new()) }
        }
    }

    /// Tells whoever has waited longest, or keeps the notification for the next one who waits. At
    /// most one is kept.
    #[inline]
    pub fn notify_one(&self) {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            // Release: pairs with the Acquire in `take_permit`, also where a permit is there.
            let (new, order) = (word | PERMIT, Ordering::Release);
            match self.word.compare_exchange_weak(word, new, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
        self.notify_waiting(Unheard::Kept);
    }

    /// Tells whoever has waited longest.
    #[cold]
    pub(super) fn notify_waiting(&self, unheard: Unheard) {
        let waker = {
            let mut line = self.line.lock();
            let waker = self.tell_first(&mut line, Told::One);
            if waker.is_none() && unheard == Unheard::Kept {
                // Release: as in `notify_one`.
                self.word.fetch_or(PERMIT, Ordering::Release);
            }
            self.lower_flag(&mut line);
            waker
        };
        waker.flatten().into_iter().for_each(wake);
    }

    /// Tells all who wait now, those too whose [`Notified`] has not been polled yet. Nothing is kept
    /// for those who come later.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{lock::Notify, strand};
    ///
    /// let notify = Notify::new();
    /// let (first, second) = (notify.notified(), notify.notified());
    /// notify.notify_waiters();
    /// strand::block_on(async { (first.await, second.await) });
    /// ```
    pub fn notify_waiters(&self) {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & QUEUED == 0 {
            // Release: pairs with the Acquire loads of the epoch.
            let (new, order) = (word.wrapping_add(EPOCH_ONE), Ordering::Release);
            match self.word.compare_exchange_weak(word, new, order, Ordering::Relaxed) {
                Ok(_) => return,
                Err(changed) => word = changed,
            }
        }
        let mut wakers = Wakers::new();
        {
            let mut line = self.line.lock();
            // Under the lock, so that nobody of the new epoch is in line. Release: as above.
            self.word.fetch_add(EPOCH_ONE, Ordering::Release);
            while let Some(waker) = self.tell_first(&mut line, Told::All) {
                wakers.extend(waker);
            }
            self.lower_flag(&mut line);
        }
        wakers.wake();
    }

    /// Waits until notified, in a task. The wait begins now: from here on it hears
    /// [`notify_waiters`](Self::notify_waiters); and once it has been polled or
    /// [enabled](Notified::enable), [`notify_one`](Self::notify_one) tells it in its turn.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses its place in line; what it was told by `notify_one` is told to the
    /// next one, or kept.
    pub fn notified(&self) -> Notified<'_> {
        self.notified_or(Unheard::Kept)
    }

    pub(super) fn notified_or(&self, unheard: Unheard) -> Notified<'_> {
        Notified { notify: self, epoch: self.epoch(), stage: Stage::New, unheard }
    }

    /// Waits until notified, on the current strand.
    ///
    /// # Examples
    ///
    /// ```
    /// let notify = moirai_sync::lock::Notify::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| notify.notify_one());
    ///     notify.wait();
    /// });
    /// ```
    pub fn wait(&self) {
        self.notified().wait_until(None);
    }

    /// As [`wait`](Self::wait), for at most `timeout`: whether it was notified.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.notified().wait_until(Instant::now().checked_add(timeout)).is_some()
    }

    /// As [`wait`](Self::wait), until `deadline` at most: whether it was notified.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        self.notified().wait_until(Some(deadline)).is_some()
    }

    fn epoch(&self) -> usize {
        // Acquire: pairs with the Release in `notify_waiters`.
        self.word.load(Ordering::Acquire) / EPOCH_ONE
    }

    /// Whether somebody waits in line.
    pub(super) fn has_line(&self) -> bool {
        self.word.load(Ordering::Relaxed) & QUEUED != 0
    }

    /// Takes the permit, for one who waits since `epoch`: it is for somebody else, if all have been
    /// notified since.
    fn take_permit(&self, epoch: usize) -> Option<()> {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & PERMIT != 0 && word / EPOCH_ONE == epoch {
            // Acquire: pairs with the Release in `notify_one`.
            let (new, order) = (word & !PERMIT, Ordering::Acquire);
            match self.word.compare_exchange_weak(word, new, order, Ordering::Relaxed) {
                Ok(_) => return Some(()),
                Err(changed) => word = changed,
            }
        }
        None
    }

    /// `line` is ours, locked.
    fn tell_first(&self, line: &mut Line<Waiting>, told: Told) -> Option<Option<Waker>> {
        let first = line.front()?;
        first.told = told;
        let waker = first.waker.take();
        line.leave_front();
        Some(waker)
    }

    /// Says that nobody is in line, if so. `line` is ours, locked.
    fn lower_flag(&self, line: &mut Line<Waiting>) {
        if line.front().is_none() {
            self.word.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    /// Stands in line, unless it has been notified.
    fn join(&self, epoch: usize, waker: Option<Waker>) -> Option<Ticket> {
        let mut line = self.line.lock();
        // Acquire: pairs with the Release in `notify_one` and `notify_waiters`.
        let word = self.word.fetch_or(QUEUED, Ordering::Acquire);
        if word / EPOCH_ONE == epoch && word & PERMIT == 0 {
            return Some(line.push(Waiting { told: Told::Nothing, waker }));
        }
        if word / EPOCH_ONE == epoch {
            self.word.fetch_and(!PERMIT, Ordering::Relaxed);
        }
        self.lower_flag(&mut line);
        None
    }

    /// Gives the place up of one who was told; any other one has `waker` woken from now on, if there is one.
    fn leave_if_told(&self, ticket: Ticket, mut waker: Option<Waker>) -> Result<(), Ticket> {
        let mut line = self.line.lock();
        match line.get(&ticket) {
            Some(place) if place.told == Told::Nothing => {
                if waker.is_some() {
                    std::mem::swap(&mut place.waker, &mut waker);
                }
                Err(ticket)
            }
            _ => {
                line.take(ticket);
                Ok(())
            }
        }
    }
}

/// Ready once notified; from [`Notify::notified`].
#[derive(Debug)]
#[must_use = "futures do nothing unless they are polled"]
pub struct Notified<'a> {
    notify: &'a Notify,
    epoch: usize,
    stage: Stage,
    unheard: Unheard,
}

#[derive(Debug)]
enum Stage {
    New,
    Waiting(Ticket),
    Done,
}

impl Notified<'_> {
    /// Stands in line without being polled: from now on [`notify_one`](Notify::notify_one) counts.
    /// Whether it has been notified already.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_sync::{lock::Notify, strand};
    ///
    /// let notify = Notify::new();
    /// let mut notified = notify.notified();
    /// assert!(!notified.enable());
    /// notify.notify_one();
    /// strand::block_on(notified);
    /// ```
    pub fn enable(&mut self) -> bool {
        self.poll_with(None).is_ready()
    }

    /// Waits on the current strand; `None` if `deadline` passes first.
    pub(super) fn wait_until(&mut self, deadline: Option<Instant>) -> Option<()> {
        strand::wait(deadline, |cx| self.poll_with(Some(cx.waker())))
    }

    fn poll_with(&mut self, waker: Option<&Waker>) -> Poll<()> {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::New => self.begin(waker),
            Stage::Waiting(ticket) => self.look(ticket, waker),
            Stage::Done => Poll::Ready(()),
        }
    }

    fn begin(&mut self, waker: Option<&Waker>) -> Poll<()> {
        if self.notify.epoch() != self.epoch || self.notify.take_permit(self.epoch).is_some() {
            return Poll::Ready(());
        }
        match self.notify.join(self.epoch, waker.cloned()) {
            Some(ticket) => {
                self.stage = Stage::Waiting(ticket);
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }

    fn look(&mut self, ticket: Ticket, waker: Option<&Waker>) -> Poll<()> {
        // Who is polled again was told, as a rule: a waker is cloned for one who was not.
        let looked = self.notify.leave_if_told(ticket, None);
        match looked.or_else(|ticket| self.notify.leave_if_told(ticket, waker.cloned())) {
            Ok(()) => Poll::Ready(()),
            Err(ticket) => {
                self.stage = Stage::Waiting(ticket);
                Poll::Pending
            }
        }
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::New = self.stage {
            ready!(coop::poll_proceed(cx));
        }
        self.poll_with(Some(cx.waker()))
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let Stage::Waiting(ticket) = std::mem::replace(&mut self.stage, Stage::Done) else {
            return;
        };
        let left = {
            let mut line = self.notify.line.lock();
            let left = line.take(ticket);
            self.notify.lower_flag(&mut line);
            left
        };
        if left.is_some_and(|place| place.told == Told::One) {
            match self.unheard {
                Unheard::Kept => self.notify.notify_one(),
                Unheard::Lost => self.notify.notify_waiting(Unheard::Lost),
            }
        }
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}
