//! tokio's multi-threaded runtime, I/O and time drivers enabled as `#[tokio::main]` does.

use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Blocking, Channels, Peer, Spawner, Timers, WORKERS};

#[derive(Debug)]
pub(crate) struct TokioMt {
    runtime: Runtime,
}

impl Peer for TokioMt {
    type Spawner = Handle;

    const NAME: &'static str = "tokio-mt";

    fn start() -> Result<Self, String> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(WORKERS)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { runtime })
    }

    fn spawner(&self) -> &Handle {
        self.runtime.handle()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

/// Both tokio runtimes spawn through the same handle.
impl Spawner for Handle {
    type Handle = JoinHandle<u64>;

    fn spawn<F>(&self, future: F) -> JoinHandle<u64>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        Self::spawn(self, future)
    }

    async fn join(handle: JoinHandle<u64>) -> u64 {
        handle.await.expect("the task returned a result")
    }
}

impl Channels for TokioMt {
    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn one_slot() -> (Self::Sender, Self::Receiver) {
        mpsc::channel(1)
    }

    async fn send(sender: &mut Self::Sender, message: u64) {
        sender.send(message).await.expect("the receiver is alive");
    }

    async fn recv(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("the sender is alive")
    }
}

impl Timers for TokioMt {
    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

impl Blocking for TokioMt {
    fn unblock<F>(&self, job: F) -> impl Future<Output = u64> + Send + 'static
    where
        F: FnOnce() -> u64 + Send + 'static,
    {
        let job = self.runtime.spawn_blocking(job);
        async { job.await.expect("the job returned a result") }
    }
}
