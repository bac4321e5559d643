//! The graph that both commands run, and how a signal cuts into it.
//!
//! ```text
//!   source (read) ──► work × threads ──► sink (write)
//! ```

use crate::error::Error;
use crate::plan::Limits;
use crate::signal::Interrupts;
use moirai_pipeline::{Finished, PipelineError, Sink, Source, pipeline};
use moirai_runtime::Runtime;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// What every run needs besides its files.
#[derive(Debug)]
pub struct Context<'a> {
    /// Runs the stages.
    pub runtime: &'a Runtime,
    /// May end the run early.
    pub interrupts: &'a Interrupts,
}

impl Context<'_> {
    /// Runs `source` through `work` into `sink`, with `name` for the stage in between.
    ///
    /// # Errors
    ///
    /// The first error of any stage, or [`Error::Interrupted`].
    pub fn run<S, K, U, F>(
        &self,
        limits: &Limits,
        name: &str,
        source: S,
        work: F,
        sink: K,
    ) -> Result<Finished<S, K>, Error>
    where
        S: Source<Error = Error>,
        K: Sink<U, Error = Error>,
        F: Fn(S::Item) -> Result<U, Error> + Send + Sync + 'static,
        U: Send + 'static,
    {
        let run = pipeline()
            .parallel_stage(work)
            .name(name)
            .concurrency(limits.threads)
            .ordered()
            .channel_depth(limits.channel_depth)
            .window(limits.window)
            .run(source, sink);
        self.until_interrupted(async { run.await.map_err(Error::from) })
    }

    /// Calls `work`, which may block for ever (opening a FIFO, reading a header from a pipe), on the
    /// blocking pool.
    ///
    /// # Errors
    ///
    /// What `work` returns, or [`Error::Interrupted`] while it is still going on.
    pub fn blocking<T, F>(&self, stage: &str, work: F) -> Result<T, Error>
    where
        F: FnOnce() -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        let job = self.runtime.handle().spawn_blocking(work);
        self.until_interrupted(async {
            let stage = || stage.to_owned();
            job.await.unwrap_or_else(|source| Err(Error::Stage { stage: stage(), item: 0, source }))
        })
    }

    fn until_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.runtime.block_on(async {
            let mut work = pin!(work);
            let mut interrupted = pin!(self.interrupts.first());
            poll_fn(|cx| {
                if let Poll::Ready(done) = work.as_mut().poll(cx) {
                    return Poll::Ready(done);
                }
                interrupted.as_mut().poll(cx).map(Err)
            })
            .await
        })
    }
}

impl From<PipelineError<Self>> for Error {
    fn from(error: PipelineError<Self>) -> Self {
        match error {
            PipelineError::Failed { source, .. } => source,
            PipelineError::Task { stage, item, source } => Self::Stage { stage, item, source },
            other => Self::Pipeline(other.to_string()),
        }
    }
}
