//! From a description of stages to wired channels.
//!
//! A pipeline is a chain of `connect` closures, one per stage. Nothing exists before [`Ordered::run`]
//! calls them: then each makes its output channel, starts its tasks, and hands the receiving end to the next.

use crate::error::PipelineError;
use crate::run::{Finished, SourceEnds, Wiring};
use crate::stage::{Numbered, Parallel, Sink, Source};
use moirai_sync::channel::{self, Receiver};
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Begins the description of a pipeline.
#[must_use]
pub const fn pipeline() -> Start {
    Start { _private: () }
}

/// A pipeline without any stage yet.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    _private: (),
}

impl Start {
    /// Adds the first stage: `work` runs on the workers, for several items at once.
    pub fn parallel_stage<T, U, E, F>(self, work: F) -> Pipeline<T, U, E>
    where
        F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
        T: Send + 'static,
        U: Send + 'static,
        E: Send + 'static,
    {
        Pipeline { connect: connect_parallel(0, work), stages: vec![Settings::new("stage 1")] }
    }
}

/// Stages from `T` to `U` that fail with `E`. The setters act on the stage added last.
pub struct Pipeline<T, U, E> {
    connect: Connect<T, U, E>,
    stages: Vec<Settings>,
}

impl<T: Send + 'static, U: Send + 'static, E: Send + 'static> Pipeline<T, U, E> {
    /// Adds a stage: `work` runs on the workers, for several items at once.
    pub fn parallel_stage<V, F>(mut self, work: F) -> Pipeline<T, V, E>
    where
        F: Fn(U) -> Result<V, E> + Send + Sync + 'static,
        V: Send + 'static,
    {
        let index = self.stages.len();
        self.stages.push(Settings::new(&format!("stage {}", index + 1)));
        let (before, after) = (self.connect, connect_parallel(index, work));
        let connect: Connect<T, V, E> = Box::new(move |wiring, stages, input| {
            let between = before(wiring, stages, input);
            after(wiring, stages, between)
        });
        Pipeline { connect, stages: self.stages }
    }

    /// Names the last stage, for reports and errors. The default is its number.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.last().name = name.into();
        self
    }

    /// How many items the last stage works on at once: `1..=`[`CONCURRENCY_MAX`]. The default is the number of
    /// CPUs available to the process.
    pub fn concurrency(mut self, tasks: usize) -> Self {
        self.last().concurrency = tasks;
        self
    }

    /// Results leave in the order in which the source yielded their items.
    pub fn ordered(self) -> Ordered<T, U, E> {
        Ordered { pipeline: self, channel_depth: CHANNEL_DEPTH_DEFAULT, window: None }
    }

    fn last(&mut self) -> &mut Settings {
        let last = self.stages.len() - 1;
        &mut self.stages[last]
    }
}

impl<T, U, E> fmt::Debug for Pipeline<T, U, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("stages", &self.stages).finish_non_exhaustive()
    }
}

/// A pipeline that keeps order, with the limits of a run.
#[derive(Debug)]
pub struct Ordered<T, U, E> {
    pipeline: Pipeline<T, U, E>,
    channel_depth: usize,
    window: Option<usize>,
}

impl<T: Send + 'static, U: Send + 'static, E: Send + 'static> Ordered<T, U, E> {
    /// How many items each channel between two stages holds: `1..=`[`CHANNEL_DEPTH_MAX`]. The default
    /// is [`CHANNEL_DEPTH_DEFAULT`].
    pub const fn channel_depth(mut self, items: usize) -> Self {
        self.channel_depth = items;
        self
    }

    /// How many items may be between the source and the sink at once: `1..=`[`WINDOW_MAX`]. The default
    /// keeps every task and every channel busy: [`Self::window_default`].
    pub const fn window(mut self, items: usize) -> Self {
        self.window = Some(items);
        self
    }

    /// The window in force unless [`window`](Self::window) says otherwise: one item per task of a parallel stage and
    /// one per place in a channel.
    #[must_use]
    pub fn window_default(&self) -> usize {
        let stages = &self.pipeline.stages;
        let tasks = stages.iter().map(|stage| stage.concurrency).fold(0, usize::saturating_add);
        tasks.saturating_add(self.channel_depth.saturating_mul(stages.len() + 1))
    }

    /// Runs the pipeline on the current runtime until the source ends and the sink has taken every item.
    ///
    /// # Errors
    ///
    /// The first [`PipelineError`]. It is returned without waiting for calls of the source, a
    /// stage or the sink that are going on; their results are discarded when they return.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cancels every stage. Calls that are going on are not interrupted, and no
    /// other is begun.
    pub async fn run<S, K>(self, source: S, sink: K) -> Result<Finished<S, K>, PipelineError<E>>
    where
        S: Source<Item = T, Error = E>,
        K: Sink<U, Error = E>,
    {
        let window = self.window.unwrap_or_else(|| self.window_default());
        let Self { pipeline: Pipeline { connect, stages }, channel_depth, .. } = self;
        check("channel_depth", channel_depth, CHANNEL_DEPTH_MAX)?;
        check("window", window, WINDOW_MAX)?;
        for stage in &stages {
            check("concurrency", stage.concurrency, CONCURRENCY_MAX)?;
        }
        let tasks = stages.iter().map(|stage| stage.concurrency).sum::<usize>() + 2;
        let mut wiring = Wiring::new(channel_depth, window, tasks);
        let SourceEnds { items, credit, back } = wiring.start_source(source);
        let results = connect(&mut wiring, &stages, items);
        let sink_back = wiring.start_sink(stages.len(), sink, results, credit);
        wiring.finish(back, sink_back).await
    }
}

/// Makes a stage's output channel and starts its tasks between `input` and it.
type Connect<T, U, E> = Box<
    dyn FnOnce(&mut Wiring<E>, &[Settings], Receiver<Numbered<T>>) -> Receiver<Numbered<U>> + Send,
>;

fn connect_parallel<T, U, E, F>(index: usize, work: F) -> Connect<T, U, E>
where
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
    T: Send + 'static,
    U: Send + 'static,
    E: Send + 'static,
{
    Box::new(move |wiring, stages, input| {
        let Settings { name, concurrency } = &stages[index];
        let (output, next) = channel::bounded(wiring.channel_depth());
        let (name, work): (Arc<str>, _) = (Arc::from(name.as_str()), Arc::new(work));
        for _ in 0..*concurrency {
            let (name, work) = (Arc::clone(&name), Arc::clone(&work));
            let stage = Parallel { name, work, input: input.clone(), output: output.clone() };
            wiring.start_stage(index, stage);
        }
        next
    })
}

/// What the setters set.
#[derive(Debug)]
pub(crate) struct Settings {
    name: String,
    concurrency: usize,
}

impl Settings {
    fn new(name: &str) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self { name: name.to_owned(), concurrency: cpus.min(CONCURRENCY_MAX) }
    }
}

const fn check<E>(option: &'static str, value: usize, max: usize) -> Result<(), PipelineError<E>> {
    if value == 0 || value > max {
        return Err(PipelineError::OutOfRange { option, value, max });
    }
    Ok(())
}

/// The most items that one stage works on at once.
pub const CONCURRENCY_MAX: usize = 1024;
/// The most items that one channel holds.
pub const CHANNEL_DEPTH_MAX: usize = 1024;
/// The depth of a channel that nobody set.
pub const CHANNEL_DEPTH_DEFAULT: usize = 4;
/// The most items between the source and the sink.
pub const WINDOW_MAX: usize = 1 << 16;
