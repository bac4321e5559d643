//! The published predecessor, `moirai-runtime` 0.10.
//!
//! Its task handle is not a future: the only way to a result is `join`, which blocks the thread, also
//! on a worker. Its only awaitable receiver is not `Sync`, so that a future which borrows it cannot be
//! spawned: there is no ping-pong between two of its tasks.

use std::time::Duration;

use moirai_0_10::{Moirai, TaskHandle};

use super::{Peer, Spawner, Timers, WORKERS};

/// Why this peer has no [`Channels`](super::Channels).
pub(crate) const NO_CHANNELS: &str =
    "not supported: the future of its awaitable receiver is not Send, so no task can hold it";

pub(crate) struct Moirai010 {
    runtime: Moirai,
}

impl Peer for Moirai010 {
    type Spawner = Moirai;

    const NAME: &'static str = "moirai-0.10";

    fn start() -> Result<Self, String> {
        let runtime = Moirai::builder()
            .worker_threads(WORKERS)
            .build()
            .map_err(|error| format!("{error:?}"))?;
        Ok(Self { runtime })
    }

    fn spawner(&self) -> &Moirai {
        &self.runtime
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}

impl Spawner for Moirai {
    type Handle = TaskHandle<u64>;

    fn spawn<F>(&self, future: F) -> TaskHandle<u64>
    where
        F: Future<Output = u64> + Send + 'static,
    {
        self.spawn_async(future)
    }

    async fn join(handle: TaskHandle<u64>) -> u64 {
        let result = handle.join().expect("the handle is not detached");
        result.unwrap_or_else(|error| panic!("{error:?}"))
    }
}

impl Timers for Moirai010 {
    async fn sleep(duration: Duration) {
        moirai_0_10::sleep(duration).await;
    }
}
