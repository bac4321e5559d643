//! The runtimes under test, behind one small interface.
//!
//! A peer knows how its runtime is started with its defaults and two workers, and which of its own
//! calls spawn, join, send, receive and sleep. It knows no workload and no clock: what is measured
//! is written once, in the suite, and is the same code for every peer.
//!
//! Every task returns a `u64`, so that a workload can check that all of them ran.

pub(crate) mod floor;
pub(crate) mod moirai;
pub(crate) mod moirai_0_10;
pub(crate) mod smol;
pub(crate) mod tokio_ct;
pub(crate) mod tokio_mt;

use std::time::Duration;

/// Workers of every runtime that lets itself be told.
pub(crate) const WORKERS: usize = 2;

/// One running runtime.
pub(crate) trait Peer: Sized + 'static {
    /// What tasks and other threads spawn through.
    type Spawner: Spawner;

    /// The name in tables, in JSON and on the command line.
    const NAME: &'static str;

    /// Starts the runtime with its defaults and [`WORKERS`] workers.
    fn start() -> Result<Self, String>;

    /// The runtime's handle.
    fn spawner(&self) -> &Self::Spawner;

    /// Runs `future` on the calling thread, by the runtime's own means.
    fn block_on<F: Future>(&self, future: F) -> F::Output;
}

/// A handle that spawns tasks, from inside and from outside.
pub(crate) trait Spawner: Clone + Send + Sync + 'static {
    /// A spawned task.
    type Handle: Send + 'static;

    /// Spawns `future` as a task.
    fn spawn<F>(&self, future: F) -> Self::Handle
    where
        F: Future<Output = u64> + Send + 'static;

    /// Spawns `future` as a task that nobody waits for.
    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        drop(self.spawn(future)); // most handles detach their task when they are dropped
    }

    /// Waits for a task's result; panics if the task failed.
    fn join(handle: Self::Handle) -> impl Future<Output = u64> + Send;
}

/// A peer with an asynchronous channel that its tasks can wait on.
pub(crate) trait Channels: Peer {
    /// The sending end.
    type Sender: Send + 'static;
    /// The receiving end.
    type Receiver: Send + 'static;

    /// A channel with room for one message.
    fn one_slot() -> (Self::Sender, Self::Receiver);

    /// Sends `message`, waiting for room.
    fn send(sender: &mut Self::Sender, message: u64) -> impl Future<Output = ()> + Send;

    /// Receives the next message; panics if the sender is gone.
    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = u64> + Send;
}

/// A peer with timers.
pub(crate) trait Timers: Peer {
    /// Completes after `duration`.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static;
}

/// A peer with threads for calls that block.
pub(crate) trait Blocking: Peer {
    /// Runs `job` on a thread where it may block, and waits for it; panics if it failed.
    fn unblock<F>(&self, job: F) -> impl Future<Output = u64> + Send + 'static
    where
        F: FnOnce() -> u64 + Send + 'static;
}
