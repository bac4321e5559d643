//! One run: its tasks, its first error, its end.
//!
//! ```text
//!   start_source, start_stage.., start_sink ──► RUNNING ──finish: every task has ended well──► Finished
//!                                                  │
//!                                                  ├──finish: the first task that failed──► PipelineError
//!                                                  └──dropped──► every task cancelled
//! ```
//! Each task sends one verdict. The run owns a cancelling handle to every task and no channel end of
//! any stage, so it can end them but never keeps them from ending.

use crate::error::PipelineError;
use crate::stage::{Numbered, Parallel, Sink, SinkStage, Source, SourceStage};
use crate::stats::{Report, StageReport};
use moirai_runtime::{CancelOnDrop, Handle};
use moirai_sync::channel::{self, Receiver, Sender};
use std::fmt;
use std::future::Future;
use std::time::Instant;

/// A run that ended well.
pub struct Finished<S, K> {
    /// What it did.
    pub report: Report,
    /// The source, at its end.
    pub source: S,
    /// The sink, which has taken every item.
    pub sink: K,
}

impl<S, K> fmt::Debug for Finished<S, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished").field("report", &self.report).finish_non_exhaustive()
    }
}

/// The tasks of a run. Dropping it cancels them.
pub(crate) struct Wiring<E> {
    handle: Handle,
    begun: Instant,
    channel_depth: usize,
    window: usize,
    tasks: Vec<CancelOnDrop<()>>,
    verdicts: Receiver<Verdict<E>>,
    /// Cloned into every task and dropped by [`Wiring::finish`]: no verdict comes from tasks that are no more.
    verdict: Sender<Verdict<E>>,
}

/// How a task ended: well, at which place in the pipeline and with what, or with the run's error.
type Verdict<E> = Result<(usize, StageReport), PipelineError<E>>;

impl<E: Send + 'static> Wiring<E> {
    /// A run on the current runtime that will have `tasks` tasks.
    pub(crate) fn new(channel_depth: usize, window: usize, tasks: usize) -> Self {
        // Room for all, so that a task never waits to say how it ended.
        let (verdict, verdicts) = channel::bounded(tasks);
        Self {
            handle: Handle::current(),
            begun: Instant::now(),
            channel_depth,
            window,
            tasks: Vec::with_capacity(tasks),
            verdicts,
            verdict,
        }
    }

    pub(crate) const fn channel_depth(&self) -> usize {
        self.channel_depth
    }

    /// Starts the source. Returns its output, its credits, and where it will be at the end.
    pub(crate) fn start_source<S>(&mut self, source: S) -> SourceEnds<S>
    where
        S: Source<Error = E>,
    {
        let (credit, credits) = channel::bounded(self.window);
        for _ in 0..self.window {
            // As many as there is room for.
            let _ = credit.try_send(());
        }
        let (output, items) = channel::bounded(self.channel_depth);
        let (put_back, back) = channel::bounded(1);
        let stage = SourceStage { source, credits, output }.run(self.handle.clone());
        self.start(0, async move {
            let (source, report) = stage.await?;
            let _ = put_back.try_send(source);
            Ok(report)
        });
        SourceEnds { items, credit, back }
    }

    /// Starts one task of parallel stage `index`.
    pub(crate) fn start_stage<F, T, U>(&mut self, index: usize, stage: Parallel<F, T, U>)
    where
        F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
        T: Send + 'static,
        U: Send + 'static,
    {
        let handle = self.handle.clone();
        self.start(index + 1, stage.run(handle));
    }

    /// Starts the sink after `stages` parallel stages. Returns where it will be at the end, with the longest
    /// its reorder buffer ever was.
    pub(crate) fn start_sink<K, U>(
        &mut self,
        stages: usize,
        sink: K,
        input: Receiver<Numbered<U>>,
        credits: Sender<()>,
    ) -> Receiver<(K, usize)>
    where
        K: Sink<U, Error = E>,
        U: Send + 'static,
    {
        let (put_back, back) = channel::bounded(1);
        let stage =
            SinkStage { sink, input, credits, window: self.window }.run(self.handle.clone());
        self.start(stages + 1, async move {
            let end = stage.await?;
            let _ = put_back.try_send((end.sink, end.reorder_max));
            Ok(end.report)
        });
        back
    }

    fn start<F>(&mut self, place: usize, stage: F)
    where
        F: Future<Output = Result<StageReport, PipelineError<E>>> + Send + 'static,
    {
        let verdict = self.verdict.clone();
        let task = self.handle.spawn(async move {
            let ended = stage.await;
            let _ = verdict.try_send(ended.map(|report| (place, report)));
        });
        self.tasks.push(task.cancel_on_drop());
    }

    /// Waits for every task, or for the first that fails.
    pub(crate) async fn finish<S, K>(
        self,
        source: Receiver<S>,
        sink: Receiver<(K, usize)>,
    ) -> Result<Finished<S, K>, PipelineError<E>> {
        let Self { begun, window, tasks, verdicts, verdict, .. } = self;
        drop(verdict);
        let mut stages: Vec<StageReport> = Vec::new();
        for _ in 0..tasks.len() {
            // A task that was cancelled with its runtime sends nothing.
            let ended = verdicts.recv_async().await.map_err(|_| PipelineError::Cancelled)?;
            let (place, report) = ended?;
            if stages.len() <= place {
                stages.resize_with(place + 1, StageReport::default);
            }
            match &mut stages[place] {
                stage if stage.tasks == 0 => *stage = report,
                stage => stage.merge(&report),
            }
        }
        let (Ok(source), Ok((sink, reorder_max))) = (source.try_recv(), sink.try_recv()) else {
            return Err(PipelineError::Cancelled);
        };
        let items = stages.last().map_or(0, |stage| stage.items);
        debug_assert!(stages.iter().all(|stage| stage.items == items), "an item was lost");
        let report = Report { items, elapsed: begun.elapsed(), window, reorder_max, stages };
        Ok(Finished { report, source, sink })
    }
}

/// What the rest of the pipeline needs of a source that was started.
pub(crate) struct SourceEnds<S: Source> {
    pub(crate) items: Receiver<Numbered<S::Item>>,
    pub(crate) credit: Sender<()>,
    pub(crate) back: Receiver<S>,
}
