//! smol's global executor on two threads, with async-channel, async-io's timers and the threads of
//! `blocking`.
//!
//! The program starts itself anew with [`THREADS`] set.

use std::time::Duration;

use super::{Blocking, Channels, Peer, Spawner, Timers};

#[derive(Debug)]
pub(crate) struct Smol;

#[derive(Clone, Debug)]
pub(crate) struct Global;

/// The environment variable that sets the size of smol's global executor, read at its first spawn.
pub(crate) const THREADS: &str = "SMOL_THREADS";

impl Peer for Smol {
    type Spawner = Global;

    const NAME: &'static str = "smol";

    fn start() -> Result<Self, String> {
        Ok(Self)
    }

    fn spawner(&self) -> &Global {
        &Global
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        smol::block_on(future)
    }
}

impl Spawner for Global {
    type Handle = smol::Task<u64>;

    fn spawn<F>(&self, future: F) -> smol::Task<u64>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        smol::spawn(future)
    }

    fn spawn_detached<F>(&self, future: F)
    where
        F: Future<Output = u64> + Send + 'static,
    {
        self.spawn(future).detach(); // dropping the handle would cancel the task
    }

    fn join(handle: smol::Task<u64>) -> impl Future<Output = u64> + Send {
        handle
    }
}

impl Channels for Smol {
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn one_slot() -> (Self::Sender, Self::Receiver) {
        async_channel::bounded(1)
    }

    async fn send(sender: &mut Self::Sender, message: u64) {
        sender.send(message).await.expect("the receiver is alive");
    }

    async fn recv(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("the sender is alive")
    }
}

impl Timers for Smol {
    async fn sleep(duration: Duration) {
        smol::Timer::after(duration).await;
    }
}

impl Blocking for Smol {
    fn unblock<F>(&self, job: F) -> impl Future<Output = u64> + Send + 'static
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        smol::unblock(job)
    }
}
