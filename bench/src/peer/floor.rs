//! What a task costs when nothing is shared: async-task and a `VecDeque` on one thread.
//!
//! No workers, no parking, no timers. It is not a rival but a limit, and is left out wherever the best
//! rival is looked for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_task::{Runnable, Task};

use super::{Channels, Peer, Spawner};

thread_local! {
    static READY: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

#[derive(Debug)]
pub(crate) struct Floor;

#[derive(Clone, Debug)]
pub(crate) struct ThisThread;

impl Peer for Floor {
    type Spawner = ThisThread;

    const NAME: &'static str = "floor";

    fn start() -> Result<Self, String> {
        Ok(Self)
    }

    fn spawner(&self) -> &ThisThread {
        &ThisThread
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return output;
            }
            let mut ran = 0_u64;
            while let Some(runnable) = READY.with_borrow_mut(VecDeque::pop_front) {
                runnable.run();
                ran += 1;
            }
            // One thread: if no task was ready, nothing can ever wake the future.
            assert!(ran > 0, "the future waits for something outside this thread");
        }
    }
}

impl Spawner for ThisThread {
    type Handle = Task<u64>;

    fn spawn<F>(&self, future: F) -> Task<u64>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        let (runnable, task) = async_task::spawn(future, |runnable| {
            READY.with_borrow_mut(|ready| ready.push_back(runnable));
        });
        runnable.schedule();
        task
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        self.spawn(future).detach(); // dropping the handle would cancel the task
    }

    fn join(handle: Task<u64>) -> impl Future<Output = u64> + Send {
        handle
    }
}

/// A slot for one message and the task that waits for it.
///
/// One sender and one receiver: whoever waits is the other one.
#[derive(Debug, Default)]
struct Slot {
    message: Option<u64>,
    waiting: Option<Waker>,
}

/// One end of a slot.
#[derive(Debug)]
pub(crate) struct End(Arc<Mutex<Slot>>);

impl End {
    fn lock(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `step` succeeds, then wakes the other end.
    fn wait<T>(
        &self,
        mut step: impl FnMut(&mut Option<u64>) -> Option<T>,
    ) -> impl Future<Output = T> {
        std::future::poll_fn(move |context| {
            let mut slot = self.lock();
            let Some(done) = step(&mut slot.message) else {
                slot.waiting = Some(context.waker().clone());
                return Poll::Pending;
            };
            let other = slot.waiting.take();
            drop(slot);
            if let Some(other) = other {
                other.wake();
            }
            Poll::Ready(done)
        })
    }
}

impl Channels for Floor {
    type Sender = End;
    type Receiver = End;

    fn one_slot() -> (End, End) {
        let slot = Arc::new(Mutex::new(Slot::default()));
        (End(Arc::clone(&slot)), End(slot))
    }

    fn send(sender: &mut End, message: u64) -> impl Future<Output = ()> + Send {
        sender.wait(move |slot| match slot {
            Some(_) => None,
            None => {
                *slot = Some(message);
                Some(())
            }
        })
    }

    fn recv(receiver: &mut End) -> impl Future<Output = u64> + Send {
        receiver.wait(Option::take)
    }
}
