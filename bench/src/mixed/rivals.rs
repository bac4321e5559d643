//! Who runs tasks beside computations: each as its users would set it up, with as many threads for
//! either as there are cores.

use std::future::Future;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::load::Load;

/// A runtime for tasks, and what computes beside it.
pub(super) trait Mixed: Sized + Send + Sync + 'static {
    /// In tables and on the command line.
    const NAME: &'static str;

    fn start() -> Result<Self, String>;

    /// Runs a task to its end without waiting for it.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// The runtime's own timer.
    fn sleep(duration: Duration) -> impl Future<Output = ()> + Send;

    /// Computes on all cores until told to stop; the receiver hears of every thread that has.
    fn compute(&self, load: Load) -> Receiver<()>;
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// This project: the same workers for both.
pub(super) struct Moirai(moirai_runtime::Runtime);

impl Mixed for Moirai {
    const NAME: &'static str = "moirai";

    fn start() -> Result<Self, String> {
        moirai_runtime::Runtime::new().map(Self).map_err(|error| error.to_string())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task).detach();
    }

    async fn sleep(duration: Duration) {
        moirai_runtime::sleep(duration).await;
    }

    fn compute(&self, load: Load) -> Receiver<()> {
        let (done, ended) = mpsc::channel();
        self.0
            .spawn_parallel(move || {
                load.run(|unit| unit.with_moirai());
                // Nobody listens to a sample that was given up.
                let _ = done.send(());
            })
            .detach();
        ended
    }
}

/// As the project's own, with the option that no task may block under.
pub(super) struct MoiraiBetween(Moirai);

impl Mixed for MoiraiBetween {
    const NAME: &'static str = "moirai-between";

    fn start() -> Result<Self, String> {
        let runtime = moirai_runtime::Runtime::builder().poll_between_forks().build();
        runtime.map(|runtime| Self(Moirai(runtime))).map_err(|error| error.to_string())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(task);
    }

    async fn sleep(duration: Duration) {
        moirai_runtime::sleep(duration).await;
    }

    fn compute(&self, load: Load) -> Receiver<()> {
        self.0.compute(load)
    }
}

/// tokio for the tasks, rayon for the computations.
pub(super) struct TokioRayon {
    tokio: tokio::runtime::Runtime,
    rayon: rayon::ThreadPool,
}

impl Mixed for TokioRayon {
    const NAME: &'static str = "tokio+rayon";

    fn start() -> Result<Self, String> {
        let rayon = rayon::ThreadPoolBuilder::new().build().map_err(|error| error.to_string())?;
        Ok(Self { tokio: tokio()?, rayon })
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.tokio.spawn(task));
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn compute(&self, load: Load) -> Receiver<()> {
        let (done, ended) = mpsc::channel();
        self.rayon.spawn(move || {
            load.run(|unit| unit.with_rayon());
            let _ = done.send(());
        });
        ended
    }
}

/// tokio for the tasks, and its threads for blocking calls for the computations, one for each core.
pub(super) struct TokioBlocking(tokio::runtime::Runtime);

impl Mixed for TokioBlocking {
    const NAME: &'static str = "tokio+blocking";

    fn start() -> Result<Self, String> {
        tokio().map(Self)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.spawn(task));
    }

    async fn sleep(duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn compute(&self, load: Load) -> Receiver<()> {
        let (done, ended) = mpsc::channel();
        for _ in 0..cores() {
            let (load, done) = (load.clone(), done.clone());
            drop(self.0.spawn_blocking(move || {
                load.run(|unit| unit.alone());
                let _ = done.send(());
            }));
        }
        ended
    }
}

fn tokio() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())
}
