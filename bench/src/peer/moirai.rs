//! Ours.

use std::time::Duration;

use moirai_runtime::{Handle, Metering, Runtime, TaskHandle};
use moirai_sync::channel::{self, Receiver, Sender};

use super::{Blocking, Channels, Peer, Spawner, Timers, WORKERS};

#[derive(Debug)]
pub(crate) struct Moirai {
    runtime: Runtime,
}

impl Moirai {
    /// A runtime that notes so much about each task.
    ///
    /// # Errors
    ///
    /// Why it does not start.
    pub(crate) fn metered(metering: Metering) -> Result<Self, String> {
        let runtime = Runtime::builder()
            .worker_threads(WORKERS)
            .task_metering(metering)
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { runtime })
    }
}

impl Peer for Moirai {
    type Spawner = Handle;

    const NAME: &'static str = "moirai";

    fn start() -> Result<Self, String> {
        Self::metered(Metering::Off)
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
