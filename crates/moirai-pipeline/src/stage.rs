//! What a stage is: its two ends, and the loop of each kind.
//!
//! A stage's task owns its channel ends and nothing else holds them, so when it ends, in whatever way, its
//! neighbours learn it from the channel. An error closes both sides at once, before the other tasks of the
//! same stage have let go of their clones. Nothing here knows how many stages there are.

mod parallel;
mod sink;
mod source;

pub(crate) use parallel::Parallel;
pub(crate) use sink::SinkStage;
pub(crate) use source::SourceStage;

use crate::error::PipelineError;
use moirai_sync::TaskError;

/// Where items come from. Every closure `FnMut() -> Result<Option<T>, E>` is one.
///
/// `next` may block: it is called on the blocking pool, for one item at a time.
pub trait Source: Send + 'static {
    /// What it yields.
    type Item: Send + 'static;
    /// How it fails.
    type Error: Send + 'static;

    /// The next item, or `None` at the end. It is not called again after `None` or an error.
    ///
    /// # Errors
    ///
    /// Any error ends the run.
    fn next(&mut self) -> Result<Option<Self::Item>, Self::Error>;

    /// The name of this stage in reports and errors.
    fn name(&self) -> &str {
        "source"
    }
}

impl<F, T, E> Source for F
where
    F: FnMut() -> Result<Option<T>, E> + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Item = T;
    type Error = E;

    fn next(&mut self) -> Result<Option<T>, E> {
        self()
    }
}

/// Where items go, in the order in which the source yielded them. Every closure
/// `FnMut(T) -> Result<(), E>` is one.
///
/// `put` may block: it is called on the blocking pool, for one item at a time.
pub trait Sink<T>: Send + 'static {
    /// How it fails.
    type Error: Send + 'static;

    /// Takes the next item.
    ///
    /// # Errors
    ///
    /// Any error ends the run.
    fn put(&mut self, item: T) -> Result<(), Self::Error>;

    /// The name of this stage in reports and errors.
    fn name(&self) -> &str {
        "sink"
    }
}

impl<F, T, E> Sink<T> for F
where
    F: FnMut(T) -> Result<(), E> + Send + 'static,
    E: Send + 'static,
{
    type Error = E;

    fn put(&mut self, item: T) -> Result<(), E> {
        self(item)
    }
}

/// An item with its number.
#[derive(Debug)]
pub(crate) struct Numbered<T> {
    pub(crate) number: u64,
    pub(crate) item: T,
}

fn failed<E>(stage: &str, item: u64, source: E) -> PipelineError<E> {
    PipelineError::Failed { stage: stage.to_owned(), item, source }
}

fn unfinished<E>(stage: &str, item: u64, source: TaskError) -> PipelineError<E> {
    PipelineError::Task { stage: stage.to_owned(), item, source }
}
