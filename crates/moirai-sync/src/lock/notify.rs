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
//! PERMIT and QUEUED are never there together: who joins the line, under its lock, takes the permit or sets
//! QUEUED. From then on a notification takes the lock, and only who holds it writes the word.
//!
//! **Two locks a wait**: one to join the line, and one to be told. What it was told lies in its own place.
//!
//! **An old wait takes no new notification.** Who was there when all were notified is told by the
//! epoch, also if it is polled for the first time after a `notify_one`, whose permit it leaves.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | PERMIT set | Release | the Acquire exchanges in `take_permit` and `stand`: what came before is seen |
//! | epoch raised | Release | the Acquire loads of it: as above |
//! | QUEUED | Relaxed; cleared with Release | ordered by the word itself, and by the lock; what others have released is passed on |
//!
//! Wakers are cloned before the lock, and called and dropped after it.

#![allow(unsafe_code, reason = "a pinned place in a pinned future; model: src/model/notify.rs")]

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::circle::End;
use crate::coop;
use crate::prim::atomic::{AtomicUsize, Ordering};
use crate::strand;
use crate::wake::{Wakers, wake};

use super::told::{Line, Locked, Place, Standing, Told};

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
    line: Line<(), ()>,
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
            Self { word: AtomicUsize::new(0), line: Line::new(()) }
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
            if line.is_empty() && unheard == Unheard::Kept {
                // Release: as in `notify_one`.
                self.word.fetch_or(PERMIT, Ordering::Release);
            }
            let waker = line.tell_first(Told::One);
            self.lower_flag(&line);
            waker
        };
        waker.into_iter().for_each(wake);
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
            while !line.is_empty() {
                wakers.extend(line.tell_first(Told::All));
            }
            self.lower_flag(&line);
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
        Notified {
            notify: self,
            epoch: self.epoch(),
            stage: Stage::New,
            unheard,
            place: Place::new(&self.line, ()),
        }
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
        pin!(self.notified()).wait_until(None);
    }

    /// As [`wait`](Self::wait), for at most `timeout`: whether it was notified.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        pin!(self.notified()).wait_until(Instant::now().checked_add(timeout)).is_some()
    }

    /// As [`wait`](Self::wait), until `deadline` at most: whether it was notified.
    pub fn wait_deadline(&self, deadline: Instant) -> bool {
        pin!(self.notified()).wait_until(Some(deadline)).is_some()
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

    /// Says that nobody is in line, if so.
    fn lower_flag(&self, line: &Locked<'_, (), ()>) {
        let word = self.word.load(Ordering::Relaxed);
        if word & QUEUED != 0 && line.is_empty() {
            debug_assert_eq!(word & PERMIT, 0, "a permit beside a line");
            // A store, for while QUEUED is set only who holds the lock writes the word. Release: passes on
            // what was released by those who held the lock before.
            self.word.store(word & !QUEUED, Ordering::Release);
        }
    }

    /// Stands in line since `epoch`, unless it has been notified.
    fn stand(
        &self,
        place: Pin<&Place<'_, (), ()>>,
        epoch: usize,
        waker: Option<Waker>,
    ) -> Poll<()> {
        let mut line = self.line.lock();
        // Acquire: pairs with the Release in `notify_waiters`.
        let mut word = self.word.load(Ordering::Acquire);
        loop {
            if word / EPOCH_ONE != epoch {
                return Poll::Ready(());
            }
            let (new, result) = match word & (PERMIT | QUEUED) {
                0 => (word | QUEUED, Poll::Pending),
                PERMIT => (word & !PERMIT, Poll::Ready(())),
                _ => break,
            };
            // Acquire: pairs with the Release in `notify_one` and `notify_waiters`.
            let acquire = Ordering::Acquire;
            match self.word.compare_exchange_weak(word, new, acquire, acquire) {
                Ok(_) if result.is_ready() => return result,
                Ok(_) => break,
                Err(changed) => word = changed,
            }
        }
        line.join(place, End::Tail, waker);
        Poll::Pending
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
    /// Pinned with the future.
    place: Place<'a, (), ()>,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    New,
    Waiting,
    Done,
}

impl<'a> Notified<'a> {
    /// Stands in line without being polled: from now on [`notify_one`](Notify::notify_one) counts.
    /// Whether it has been notified already.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::pin::pin;
    /// use moirai_sync::{lock::Notify, strand};
    ///
    /// let notify = Notify::new();
    /// let mut notified = pin!(notify.notified());
    /// assert!(!notified.as_mut().enable());
    /// notify.notify_one();
    /// strand::block_on(notified);
    /// ```
    pub fn enable(self: Pin<&mut Self>) -> bool {
        self.poll_with(None).is_ready()
    }

    /// Waits on the current strand; `None` if `deadline` passes first.
    pub(super) fn wait_until(mut self: Pin<&mut Self>, deadline: Option<Instant>) -> Option<()> {
        strand::wait(deadline, |cx| self.as_mut().poll_with(Some(cx.waker())))
    }

    fn poll_with(mut self: Pin<&mut Self>, waker: Option<&Waker>) -> Poll<()> {
        let polled = match self.stage {
            Stage::New => self.as_ref().begin(waker),
            Stage::Waiting => self.look(waker),
            Stage::Done => Poll::Ready(()),
        };
        let stage = if polled.is_ready() { Stage::Done } else { Stage::Waiting };
        // SAFETY: `stage` is not pinned.
        unsafe { self.as_mut().get_unchecked_mut().stage = stage };
        polled
    }

    fn begin(self: Pin<&Self>, waker: Option<&Waker>) -> Poll<()> {
        let (notify, epoch) = (self.notify, self.epoch);
        if notify.epoch() != epoch || notify.take_permit(epoch).is_some() {
            return Poll::Ready(());
        }
        notify.stand(self.place(), epoch, waker.cloned())
    }

    fn look(&self, waker: Option<&Waker>) -> Poll<()> {
        // Who is polled again was told, as a rule: a waker is cloned for one who was not.
        if let (Standing::InLine, Some(waker)) = (self.place.standing(), waker) {
            let waker = waker.clone();
            let _replaced = self.notify.line.lock().replace(&self.place, waker);
        }
        match self.place.standing() {
            Standing::InLine => Poll::Pending,
            _ => {
                let _: Standing = self.place.leave();
                Poll::Ready(())
            }
        }
    }

    fn place(self: Pin<&Self>) -> Pin<&Place<'a, (), ()>> {
        // SAFETY: it is pinned with `self`, out of which nothing moves it.
        unsafe { self.map_unchecked(|this| &this.place) }
    }

    #[cold]
    fn leave_line(&self) -> Standing {
        let mut line = self.notify.line.lock();
        let (standing, waker) = line.leave(&self.place);
        self.notify.lower_flag(&line);
        drop(line);
        drop(waker);
        standing
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if let Stage::New = self.stage {
            ready!(coop::poll_proceed(cx));
        }
        self.poll_with(Some(cx.waker()))
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        let standing = match self.place.standing() {
            Standing::InLine => self.leave_line(),
            standing => standing,
        };
        if standing == Standing::Told(Told::One) {
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
