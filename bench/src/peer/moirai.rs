//! Ours.

use std::time::Duration;

use moirai_runtime::{Builder, Handle, Runtime, TaskHandle};
use moirai_sync::channel::{self, Receiver, Sender};

use super::{Blocking, Channels, Peer, Spawner, Timers, WORKERS};

#[derive(Debug)]
pub(crate) struct Moirai {
    runtime: Runtime,
}

impl Moirai {
    /// A runtime with options.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    pub(crate) fn with(options: impl FnOnce(Builder) -> Builder) -> Result<Self, String> {
        let builder = options(Runtime::builder().worker_threads(WORKERS));
        let runtime = builder.build().map_err(|error| error.to_string())?;
        Ok(Self { runtime })
    }
}

impl Peer for Moirai {
    type Spawner = Handle;

    const NAME: &'static str = "moirai";

    fn start() -> Result<Self, String> {
        Self::with(|builder| builder)
    }

    fn spawner(&self) -> &Handle {
        self.runtime.handle()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Spawner for Handle {
    type Handle = TaskHandle<u64>;

    fn spawn<F>(&self, future: F) -> TaskHandle<u64>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        Self::spawn(self, future)
    }

    async fn join(handle: TaskHandle<u64>) -> u64 {
        handle.await.expect("the task returned a result")
    }
}

impl Channels for Moirai {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn one_slot() -> (Self::Sender, Self::Receiver) {
        channel::bounded(1)
    }

    async fn send(sender: &mut Self::Sender, message: u64) {
        sender.send_async(message).await.expect("the receiver is alive");
    }

    async fn recv(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv_async().await.expect("the sender is alive")
    }
}

impl Timers for Moirai {
    async fn sleep(duration: Duration) {
        moirai_runtime::sleep(duration).await;
    }
}

impl Blocking for Moirai {
    fn unblock<F>(&self, job: F) -> impl Future<Output = u64> + Send + 'static
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        let job = self.runtime.spawn_blocking(job);
        async { job.await.expect("the job returned a result") }
    }
}
