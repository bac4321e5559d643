//! The place of the one worker of a pool that has no threads of its own.
//!
//! Whoever blocks on a future sits down there and runs the tasks until the future is ready; who comes
//! meanwhile waits for its own future and for the seat. Between two such calls the worker's queue
//! rests in the seat, and with it the tasks.
//!
//! ```text
//!            try_sit, sit                    stand_up
//!   EMPTY ──────────────► DRIVEN by a thread ─────────► EMPTY
//!     └── close: the seat is gone, and what rested in it is shut down
//! ```
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | `called` set in `call` | SeqCst | `take_call` (Acquire): what the waker's caller wrote is seen by the poll |
//! | fence in `call` | SeqCst | the worker's between `asleep` and its last look: it sees the call, or we see it asleep |
//!
//! This file knows neither pool nor worker.

use std::fmt;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};

use moirai_sync::__prim::Mutex;
use moirai_sync::__prim::atomic::{AtomicBool, Ordering, fence};
use moirai_sync::__prim::thread::{self, ThreadId};
use moirai_sync::channel::{self, Receiver, Sender};

use super::driver::Driver;
use super::local::LocalQueue;

pub(crate) struct Lone {
    /// Holds the queue while nobody drives; a channel, for one may wait for it in many ways.
    seat: Receiver<LocalQueue>,
    back: Sender<LocalQueue>,
    driven_by: Mutex<Option<ThreadId>>,
    call: Arc<Call>,
}

/// Wakes the future that the driving thread blocks on.
struct Call {
    called: AtomicBool,
    /// The worker waits in the driver, or is about to.
    asleep: AtomicBool,
    driver: Weak<dyn Driver>,
}

/// Whether the future is to be polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Called {
    Yes,
    No,
}

impl Lone {
    /// A seat that nobody sits in, with nothing in it until somebody [stands up](Self::stand_up).
    pub(crate) fn new(driver: &Arc<dyn Driver>) -> Self {
        let (back, seat) = channel::bounded(1);
        let driver = Arc::downgrade(driver);
        let call = Call { called: AtomicBool::new(false), asleep: AtomicBool::new(false), driver };
        Self { seat, back, driven_by: Mutex::new(None), call: Arc::new(call) }
    }

    /// Takes the seat, if it is empty.
    pub(crate) fn try_sit(&self) -> Option<LocalQueue> {
        let local = self.seat.try_recv().ok()?;
        Some(self.sat_down(local))
    }

    /// Takes the seat once it is empty; pending for ever once the pool has ended.
    pub(crate) async fn sit(&self) -> LocalQueue {
        match self.seat.recv_async().await {
            Ok(local) => self.sat_down(local),
            Err(_) => std::future::pending().await,
        }
    }

    fn sat_down(&self, local: LocalQueue) -> LocalQueue {
        *self.driven_by.lock() = Some(thread::current().id());
        local
    }

    /// Gives the seat to the next.
    pub(crate) fn stand_up(&self, local: LocalQueue) {
        *self.driven_by.lock() = None;
        // There is one queue and one place for it.
        let _: Result<(), _> = self.back.try_send(local);
    }

    /// The pool has ended: takes the queue out for good, once whoever drives has seen it. `None` on
    /// behalf of the driving thread itself, which sees it later.
    pub(crate) fn close(&self, me: Option<ThreadId>) -> Option<LocalQueue> {
        if me.is_some() && *self.driven_by.lock() == me {
            return None;
        }
        self.seat.recv().ok()
    }

    /// Calls the driving thread to its future.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.call))
    }

    /// The future is to be polled, by the thread that says so.
    pub(crate) fn begin(&self) {
        self.call.called.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_called(&self) -> Called {
        if self.call.called.load(Ordering::Relaxed) { Called::Yes } else { Called::No }
    }

    pub(crate) fn take_call(&self) -> Called {
        // Acquire: pairs with the swap in `call`.
        if self.call.called.swap(false, Ordering::Acquire) { Called::Yes } else { Called::No }
    }

    /// The worker is about to wait in the driver; it fences, and looks whether it is called.
    pub(crate) fn lie_down(&self) {
        self.call.asleep.store(true, Ordering::Relaxed);
    }

    pub(crate) fn get_up(&self) {
        self.call.asleep.store(false, Ordering::Relaxed);
    }
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // SeqCst: as Release, pairs with `take_call`. Who finds it set leaves the rest to who set it.
        if self.called.swap(true, Ordering::SeqCst) {
            return;
        }
        // SeqCst fence: pairs with the one in `Worker::wait_in_driver`.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed)
            && let Some(driver) = self.driver.upgrade()
        {
            driver.unpark();
        }
    }
}

impl fmt::Debug for Lone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lone")
            .field("driven", &self.driven_by.lock().is_some())
            .finish_non_exhaustive()
    }
}
