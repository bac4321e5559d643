//! tokio's current-thread runtime: its tasks run only while somebody is inside `block_on`.

use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::mpsc;

use super::tokio_mt::TokioMt;
use super::{Channels, Peer, Timers};

#[derive(Debug)]
pub(crate) struct TokioCt {
    runtime: Runtime,
}

impl Peer for TokioCt {
    type Spawner = Handle;

    const NAME: &'static str = "tokio-ct";

    fn start() -> Result<Self, String> {
        let runtime = Builder::new_current_thread()
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

impl Channels for TokioCt {
    type Sender = mpsc::Sender<u64>;
    type Receiver = mpsc::Receiver<u64>;

    fn one_slot() -> (Self::Sender, Self::Receiver) {
        TokioMt::one_slot()
    }

    fn send(sender: &mut Self::Sender, message: u64) -> impl Future<Output = ()> + Send {
        TokioMt::send(sender, message)
    }

    fn recv(receiver: &mut Self::Receiver) -> impl Future<Output = u64> + Send {
        TokioMt::recv(receiver)
    }
}

impl Timers for TokioCt {
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send + 'static {
        TokioMt::sleep(duration)
    }
}
