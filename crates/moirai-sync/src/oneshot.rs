//! One value, sent once: the result of something, by hand.
//!
//! One allocation holds the state, the value and the receiver's waker. Whoever leaves last frees
//! it, which the state word decides without a reference count:
//!
//! ```text
//!            1 register                2 claim
//!   EMPTY ──────────────► WAITING ───────────────► TAKING        (the sender takes the waker)
//!     │  ◄──────────────      │                       │
//!     │     3 unregister      │                       │
//!     │                       │ 5 drop receiver       │ 4 finish
//!     ├─ 4 finish ────────────┼───────────────────────┴──► SENT or GONE    the receiver frees
//!     └─ 5 drop receiver ─────┴──► LEFT                                    the sender frees
//!     EMPTY ─ 6 close ─► CLOSED ─ 4 finish ─► GONE                         the receiver frees
//! ```
//! 1 `ResultReceiver::register`, 2 + 4 `Cell::finish`, 3 `ResultReceiver::unregister`, 5 and 6 the
//! receiver's `drop` and `close`. SENT: the value is there. GONE: it will never come. After 4 the
//! sender touches the cell no more, after LEFT the receiver does not.
//!
//! **Who may touch what.** `value`: the sender until SENT, the receiver after. `waker`: the receiver
//! in EMPTY, CLOSED, SENT and GONE; nobody in WAITING; the sender in TAKING and after LEFT.
//! In the common case a result costs one exchange and one load, in memory that the thread has
//! [kept](crate::free_list) from an earlier one.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchanges in `finish`, `finish_later` | Release, Acquire on failure | the receiver's Acquire loads: the value is there; its Release when it left or closed |
//! | WAITING to TAKING | Acquire | the Release in `register`: the waker is there |
//! | TAKING to the end | AcqRel | the receiver's Acquire loads; the Release in its drop |
//! | EMPTY to WAITING in `register` | Release | the sender's Acquire that takes the waker |
//! | swap to LEFT | AcqRel | the Releases of `finish`; the sender's Acquire before it frees |

#![allow(unsafe_code, reason = "two owners of one allocation; model: src/model/oneshot.rs")]

use std::fmt;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use crate::channel::SendError;
use crate::coop;
use crate::error::{TaskError, TaskResult};
use crate::free_list;
use crate::prim::atomic::{AtomicU32, Ordering};
use crate::prim::{UnsafeCell, spin_loop};
use crate::spin::{Prospect, spin};
use crate::strand;
use crate::wake::wake;

const EMPTY: u32 = 0;
const WAITING: u32 = 1;
const TAKING: u32 = 2;
const SENT: u32 = 3;
const GONE: u32 = 4;
const CLOSED: u32 = 5;
const LEFT: u32 = 6;

/// Makes a channel for one result: the sender sends once, the receiver waits for it from a thread,
/// a task of any executor or a coroutine.
///
/// # Examples
///
/// ```
/// use moirai_sync::result_channel;
///
/// let (sender, receiver) = result_channel();
/// std::thread::spawn(move || sender.send(6 * 7));
/// assert_eq!(receiver.recv().unwrap(), 42);
/// ```
#[doc(alias = "create_result_channel")]
#[inline]
pub fn result_channel<T>() -> (ResultSender<T>, ResultReceiver<T>) {
    let cell = free_list::allocate(Cell {
        state: AtomicU32::new(EMPTY),
        waker: UnsafeCell::new(None),
        value: UnsafeCell::new(MaybeUninit::uninit()),
    });
    (ResultSender { cell: CellPtr(cell) }, ResultReceiver { cell: CellPtr(cell) })
}

/// The sending half of [`result_channel`].
#[must_use = "dropping the sender makes the receiver fail"]
pub struct ResultSender<T> {
    cell: CellPtr<T>,
}

/// The receiving half of [`result_channel`]; also a future.
#[must_use = "dropping the receiver gives the result back to the sender"]
pub struct ResultReceiver<T> {
    cell: CellPtr<T>,
}

struct Cell<T> {
    state: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The allocation, shared by the two halves.
struct CellPtr<T>(NonNull<Cell<T>>);

// SAFETY: the cell hands one `T` from one thread to another and shares no reference to it; all its
// fields are reached as the state word allows (module doc).
unsafe impl<T: Send> Send for CellPtr<T> {}
// SAFETY: `&ResultSender` and `&ResultReceiver` only load the state.
unsafe impl<T: Send> Sync for CellPtr<T> {}

// A panic elsewhere leaves no cell half changed.
impl<T> UnwindSafe for CellPtr<T> {}
impl<T> RefUnwindSafe for CellPtr<T> {}

impl<T> CellPtr<T> {
    fn get(&self) -> &Cell<T> {
        // SAFETY: a half exists, so the cell is allocated: it is freed by the half that leaves
        // last, in `free`.
        unsafe { self.0.as_ref() }
    }

    /// # Safety
    ///
    /// The other half has left, the caller uses the cell no more, and a value in it is dropped or
    /// moved out.
    #[inline]
    unsafe fn free(&self) {
        // SAFETY: the caller says that nobody uses it. Of what it holds only the waker is dropped, which
        // is the caller's, too.
        unsafe { self.0.drop_in_place() };
        // SAFETY: allocated in `result_channel`, and dropped above.
        unsafe { free_list::free(self.0) };
    }
}

/// What became of the sender's last step.
#[must_use]
enum Finish {
    /// The receiver has it, and frees the cell.
    Delivered,
    /// The receiver has closed and is still there; nothing has happened yet.
    Closed,
    /// The receiver is gone: the caller frees the cell.
    Left,
}

/// By the pointer: a `&Cell` in an argument would claim the cell until its function returns, and the other
/// half may free it before.
impl<T> CellPtr<T> {
    /// The sender's last step: publishes `last` (SENT or GONE) and wakes the receiver.
    #[inline]
    fn finish(&self, last: u32) -> Finish {
        // Relaxed: a guess, which the exchange checks. One in vain would cost as much as the next.
        if self.get().state.load(Ordering::Relaxed) == EMPTY
            // Release: the receiver's Acquire load sees the value. Failure Relaxed: we look again.
            && self
                .get()
                .state
                .compare_exchange(EMPTY, last, Ordering::Release, Ordering::Relaxed)
                .is_ok()
        {
            return Finish::Delivered;
        }
        self.finish_later(last)
    }

    /// [`finish`](Self::finish), whatever the receiver has done or is about to do.
    #[cold]
    #[inline(never)]
    fn finish_later(&self, last: u32) -> Finish {
        loop {
            // Acquire: pairs with the Release in `register`: the waker is there. It fails when the
            // receiver has just taken its waker back, or left.
            let claimed = self.get().state.compare_exchange(
                WAITING,
                TAKING,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            if claimed.is_ok() {
                return self.finish_and_wake(last);
            }
            // Release on success: as in `finish`. Acquire on failure: pairs with the Release by which
            // the receiver left or closed.
            match self.get().state.compare_exchange(
                EMPTY,
                last,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return Finish::Delivered,
                Err(LEFT) => return Finish::Left,
                Err(CLOSED) => return Finish::Closed,
                Err(_) => {}
            }
        }
    }

    fn finish_and_wake(&self, last: u32) -> Finish {
        // SAFETY: in TAKING the waker is the sender's.
        let waker = self.get().waker.with_mut(|waker| unsafe { (*waker).take() });
        // Release: the receiver's Acquire load sees the value and the empty waker. Acquire: pairs
        // with the Release in the receiver's drop, if it left meanwhile.
        let state = self.get().state.swap(last, Ordering::AcqRel);
        if let Some(waker) = waker {
            wake(waker);
        }
        if state == LEFT { Finish::Left } else { Finish::Delivered }
    }
}

impl<T> ResultSender<T> {
    /// Sends the result and wakes the receiver. Never waits.
    ///
    /// # Errors
    ///
    /// [`SendError`] returns `value` if the receiver is gone or closed.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, receiver) = moirai_sync::result_channel();
    /// drop(receiver);
    /// assert_eq!(sender.send(1).unwrap_err().0, 1);
    /// ```
    #[inline]
    pub fn send(self, value: T) -> Result<(), SendError<T>> {
        // Its drop would finish a second time.
        let this = ManuallyDrop::new(self);
        let cell = this.cell.get();
        // SAFETY: until SENT the value's place is the sender's, and `send` consumes the sender.
        cell.value.with_mut(|place| unsafe { (*place).write(value) });
        let finish = this.cell.finish(SENT);
        if let Finish::Delivered = finish {
            return Ok(());
        }
        // SAFETY: not delivered, so the value just written is still the sender's.
        let value = cell.value.with(|place| unsafe { (*place).assume_init_read() });
        this.leave(finish);
        Err(SendError(value))
    }

    /// Whether the receiver is gone or closed, so that a result would come back.
    pub fn is_closed(&self) -> bool {
        // Relaxed: a hint; `send` decides.
        matches!(self.cell.get().state.load(Ordering::Relaxed), CLOSED | LEFT)
    }

    /// Leaves a cell that holds no value, as `finish` says. Not to be used afterwards.
    fn leave(&self, finish: Finish) {
        let receiver_left = match finish {
            Finish::Delivered => false,
            Finish::Left => true,
            // Release: the sender's use of the cell comes before the receiver frees it. Acquire:
            // pairs with the Release of the receiver's drop.
            Finish::Closed => self
                .cell
                .get()
                .state
                .compare_exchange(CLOSED, GONE, Ordering::Release, Ordering::Acquire)
                .is_err(),
        };
        if receiver_left {
            // SAFETY: the receiver has left, the cell holds no value, and both callers of `leave`
            // are done with it.
            unsafe { self.cell.free() };
        }
    }
}

impl<T> Drop for ResultSender<T> {
    fn drop(&mut self) {
        let finish = self.cell.finish(GONE);
        self.leave(finish);
    }
}

impl<T> ResultReceiver<T> {
    /// Waits for the result on the current strand.
    ///
    /// # Errors
    ///
    /// [`TaskError::ResultNotFound`] if the sender was dropped unsent.
    #[inline]
    pub fn recv(mut self) -> TaskResult<T> {
        // Acquire: pairs with the Release in `finish`: the value is there.
        if self.cell.get().state.load(Ordering::Acquire) == SENT {
            // Its drop would look again at what is known here.
            let this = ManuallyDrop::new(self);
            // SAFETY: in SENT the value is the receiver's, and read once: the cell goes with it.
            let value = this.cell.get().value.with(|place| unsafe { (*place).assume_init_read() });
            // SAFETY: the sender touches the cell no more after SENT; the value was moved out; in
            // SENT the waker is the receiver's, and the box drops it.
            unsafe { this.cell.free() };
            return Ok(value);
        }
        self.recv_later()
    }

    #[cold]
    #[inline(never)]
    fn recv_later(&mut self) -> TaskResult<T> {
        if let Some(result) = self.spin(None) {
            return result;
        }
        loop {
            if let Some(result) = self.try_recv() {
                return result;
            }
            strand::wait(None, |cx| self.poll_ready(cx));
        }
    }

    /// Looks for the result for some microseconds. Where it comes meanwhile, neither side has a waker to
    /// pass, and the sender nobody to wake.
    fn spin(&mut self, deadline: Option<Instant>) -> Option<TaskResult<T>> {
        spin(Prospect::Open, deadline, || self.try_recv().map_or(Poll::Pending, Poll::Ready))
    }

    /// Waits for the result for at most `timeout`.
    ///
    /// # Errors
    ///
    /// [`TaskError::ExecutionTimeout`] if it did not come in time: the receiver stays and can be
    /// asked again. [`TaskError::ResultNotFound`] if the sender was dropped unsent, or the result
    /// was taken before.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use moirai_sync::{TaskError, result_channel};
    ///
    /// let (sender, mut receiver) = result_channel();
    /// let timeout = Duration::from_millis(1);
    /// assert!(matches!(receiver.recv_timeout(timeout), Err(TaskError::ExecutionTimeout)));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.recv_timeout(timeout).unwrap(), 1);
    /// ```
    pub fn recv_timeout(&mut self, timeout: Duration) -> TaskResult<T> {
        if let Some(result) = self.try_recv() {
            return result;
        }
        let deadline = Instant::now().checked_add(timeout);
        if let Some(result) = self.spin(deadline) {
            return result;
        }
        let result =
            strand::wait(deadline, |cx| self.poll_ready(cx)).and_then(|()| self.try_recv());
        if result.is_none() {
            self.unregister();
        }
        result.or_else(|| self.try_recv()).unwrap_or(Err(TaskError::ExecutionTimeout))
    }

    /// Takes the result if it is there; `None` means that it may still come.
    ///
    /// # Errors
    ///
    /// [`TaskError::ResultNotFound`] if the sender was dropped unsent, or the result was taken
    /// before.
    #[inline]
    pub fn try_recv(&mut self) -> Option<TaskResult<T>> {
        let cell = self.cell.get();
        // Acquire: pairs with the Release in `finish`: the value is there, or the sender is gone.
        match cell.state.load(Ordering::Acquire) {
            SENT => {
                // SAFETY: in SENT the value is the receiver's; GONE says that it was moved out.
                let value = cell.value.with(|place| unsafe { (*place).assume_init_read() });
                // Relaxed: the sender is gone, so nobody else reads the state.
                cell.state.store(GONE, Ordering::Relaxed);
                Some(Ok(value))
            }
            GONE | CLOSED => Some(Err(TaskError::ResultNotFound)),
            _ => None,
        }
    }

    /// Refuses a result that has not been sent yet: the sender gets it back. One that has been sent
    /// can still be received.
    ///
    /// # Examples
    ///
    /// ```
    /// let (sender, mut receiver) = moirai_sync::result_channel();
    /// receiver.close();
    /// assert!(sender.send(1).is_err());
    /// ```
    pub fn close(&mut self) {
        self.unregister();
        // Release: our use of the cell comes before the sender's, should it free it after our drop.
        // Fails where the sender has finished or, in TAKING, is about to.
        let _: Result<u32, u32> = self.cell.get().state.compare_exchange(
            EMPTY,
            CLOSED,
            Ordering::Release,
            Ordering::Relaxed,
        );
    }

    /// Whether [`try_recv`](Self::try_recv) has an answer.
    fn is_finished(&self) -> bool {
        // Relaxed: nothing is read for it.
        matches!(self.cell.get().state.load(Ordering::Relaxed), SENT | GONE | CLOSED)
    }

    /// Ready once [`try_recv`](Self::try_recv) has an answer.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.unregister();
        self.register(cx.waker())
    }

    /// Leaves `waker` for the sender; ready if it has finished before.
    fn register(&mut self, waker: &Waker) -> Poll<()> {
        let cell = self.cell.get();
        // Relaxed: only a shortcut.
        if cell.state.load(Ordering::Relaxed) != EMPTY {
            return self.poll_finished(waker);
        }
        let waker_clone = waker.clone();
        // SAFETY: in EMPTY the waker is the receiver's; the sender leaves EMPTY without it.
        cell.waker.with_mut(|place| unsafe { *place = Some(waker_clone) });
        // Release: pairs with the Acquire of the sender that takes the waker.
        match cell.state.compare_exchange(EMPTY, WAITING, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => Poll::Pending,
            Err(_) => self.poll_finished(waker),
        }
    }

    fn poll_finished(&self, waker: &Waker) -> Poll<()> {
        if self.cell.get().state.load(Ordering::Relaxed) == TAKING {
            // The sender is taking an earlier waker of ours and will be done in a moment.
            spin_loop();
            waker.wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Takes the waker back, if the sender has not begun to.
    fn unregister(&mut self) {
        let cell = self.cell.get();
        // Relaxed: only the receiver makes the state WAITING. Most never do, and need no exchange.
        if cell.state.load(Ordering::Relaxed) != WAITING {
            return;
        }
        // Acquire is not needed: the waker was written by this thread, or handed to it with the
        // receiver. Fails if the sender has begun to take the waker.
        let taken =
            cell.state.compare_exchange(WAITING, EMPTY, Ordering::Relaxed, Ordering::Relaxed);
        if taken.is_ok() {
            // SAFETY: in EMPTY the waker is the receiver's.
            let waker = cell.waker.with_mut(|waker| unsafe { (*waker).take() });
            drop(waker);
        }
    }
}

impl<T> Future for ResultReceiver<T> {
    type Output = TaskResult<T>;

    /// # Cancel safety
    ///
    /// The receiver may be polled, dropped or asked by another method at any time; a result is
    /// taken by the poll that returns it.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.is_finished() {
            ready!(coop::poll_proceed(cx));
        }
        loop {
            if let Some(result) = self.try_recv() {
                return Poll::Ready(result);
            }
            if self.poll_ready(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

// The receiver is not pinned to its place: the cell is elsewhere.
impl<T> Unpin for ResultReceiver<T> {}

impl<T> Drop for ResultReceiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.unregister();
        let cell = self.cell.get();
        // Acquire: pairs with the Release in `finish`. A receiver that has its result frees the
        // cell without an exchange.
        let mut state = cell.state.load(Ordering::Acquire);
        if state != SENT && state != GONE {
            // Release: our use of the cell comes before the sender frees it. Acquire: pairs with
            // the Release in `finish`.
            state = cell.state.swap(LEFT, Ordering::AcqRel);
        }
        if state == SENT {
            // SAFETY: in SENT the value is the receiver's, and the drop takes it once.
            let value = cell.value.with(|place| unsafe { (*place).assume_init_read() });
            // SAFETY: the sender has left and the value is moved out.
            unsafe { self.cell.free() };
            drop(value);
        } else if state == GONE {
            // SAFETY: the sender has left; there is no value.
            unsafe { self.cell.free() };
        }
    }
}

impl<T> fmt::Debug for ResultSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultSender").field("closed", &self.is_closed()).finish()
    }
}

impl<T> fmt::Debug for ResultReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResultReceiver").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Wake;

    use super::*;

    #[test]
    fn a_result_is_taken_once() {
        let (sender, mut receiver) = result_channel();
        assert!(receiver.try_recv().is_none());
        sender.send(7).unwrap();
        assert_eq!(receiver.try_recv().unwrap().unwrap(), 7);
        assert!(matches!(receiver.try_recv(), Some(Err(TaskError::ResultNotFound))));
    }

    #[test]
    fn a_dropped_sender_is_noticed_by_a_waiting_receiver() {
        let (sender, receiver) = result_channel::<()>();
        let thread = std::thread::spawn(move || receiver.recv());
        drop(sender);
        assert!(matches!(thread.join().unwrap(), Err(TaskError::ResultNotFound)));
    }

    #[test]
    fn every_order_of_leaving_drops_the_value_once() {
        let value = Arc::new(());
        let all_gone = || Arc::strong_count(&value) == 1;

        let (sender, receiver) = result_channel();
        sender.send(Arc::clone(&value)).unwrap();
        drop(receiver);
        assert!(all_gone());

        let (sender, mut receiver) = result_channel();
        receiver.close();
        assert!(sender.is_closed());
        drop(sender.send(Arc::clone(&value)).unwrap_err());
        drop(receiver);
        assert!(all_gone());

        let (sender, mut receiver) = result_channel::<Arc<()>>();
        receiver.close();
        drop(receiver);
        drop(sender);

        let (sender, mut receiver) = result_channel();
        sender.send(Arc::clone(&value)).unwrap();
        receiver.close();
        assert!(receiver.recv().is_ok());
        assert!(all_gone());
    }

    #[test]
    fn a_dropped_waiting_receiver_lets_go_of_its_waker() {
        let parker = Arc::new(crate::parker::Parker::new());
        let waker = Waker::from(Arc::clone(&parker));
        let (sender, mut receiver) = result_channel::<()>();
        assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
        assert_eq!(Arc::strong_count(&parker), 3);
        drop(receiver);
        assert_eq!(Arc::strong_count(&parker), 2);
        drop(sender);
    }

    #[test]
    fn a_timeout_keeps_the_receiver() {
        let (sender, mut receiver) = result_channel();
        for _ in 0..3 {
            let result = receiver.recv_timeout(Duration::from_millis(1));
            assert!(matches!(result, Err(TaskError::ExecutionTimeout)));
        }
        sender.send(1).unwrap();
        assert_eq!(receiver.recv_timeout(Duration::MAX).unwrap(), 1);
    }

    /// Receives, and so frees the cell, where it is woken.
    struct Receiving(Mutex<Option<ResultReceiver<u64>>>);

    impl Wake for Receiving {
        fn wake(self: Arc<Self>) {
            let receiver = self.0.lock().ok().and_then(|mut receiver| receiver.take());
            assert_eq!(receiver.and_then(|receiver| receiver.recv().ok()), Some(7));
        }
    }

    /// Miri fails if a function of the sender claims the cell until it returns: by its padding, which a
    /// result of eight bytes leaves beside the state.
    #[test]
    fn who_is_woken_for_a_result_frees_the_cell_before_the_sender_has_returned() {
        let receiving = Arc::new(Receiving(Mutex::default()));
        let (sender, mut receiver) = result_channel();
        let waker = Waker::from(Arc::clone(&receiving));
        assert!(Pin::new(&mut receiver).poll(&mut Context::from_waker(&waker)).is_pending());
        *receiving.0.lock().unwrap() = Some(receiver);
        sender.send(7).unwrap();
        assert!(receiving.0.lock().unwrap().is_none());
    }
}
