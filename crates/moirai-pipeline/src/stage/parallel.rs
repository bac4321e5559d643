//! A stage of CPU work: as many tasks as its concurrency, each with one item in hand.

use super::{Numbered, failed, unfinished};
use crate::error::PipelineError;
use crate::stats::StageReport;
use moirai_runtime::Handle;
use moirai_sync::channel::{Receiver, Sender};
use std::sync::Arc;
use std::time::Instant;

/// One task of a parallel stage with its channel ends.
pub(crate) struct Parallel<F, T, U> {
    pub(crate) name: Arc<str>,
    pub(crate) work: Arc<F>,
    pub(crate) input: Receiver<Numbered<T>>,
    pub(crate) output: Sender<Numbered<U>>,
}

impl<F, T, U, E> Parallel<F, T, U>
where
    F: Fn(T) -> Result<U, E> + Send + Sync + 'static,
    T: Send + 'static,
    U: Send + 'static,
    E: Send + 'static,
{
    /// Runs until upstream ends, downstream is gone, or the work fails; then both sides are closed.
    pub(crate) async fn run(self, handle: Handle) -> Result<StageReport, PipelineError<E>> {
        let result = self.pump(&handle).await;
        if result.is_err() {
            self.input.close();
            self.output.close();
        }
        result
    }

    async fn pump(&self, handle: &Handle) -> Result<StageReport, PipelineError<E>> {
        let mut report = StageReport::new(&self.name);
        loop {
            let asked = Instant::now();
            let Ok(Numbered { number, item }) = self.input.recv_async().await else { break };
            report.wait_receive += asked.elapsed();

            let work = Arc::clone(&self.work);
            let job = handle.spawn_parallel(move || {
                let begun = Instant::now();
                let result = work(item);
                (result, begun.elapsed())
            });
            let (result, busy) = job
                .cancel_on_drop()
                .await
                .map_err(|error| unfinished(&self.name, number, error))?;
            report.busy += busy;
            let item = result.map_err(|error| failed(&self.name, number, error))?;

            let offered = Instant::now();
            if self.output.send_async(Numbered { number, item }).await.is_err() {
                break;
            }
            report.wait_send += offered.elapsed();
            report.items += 1;
        }
        Ok(report)
    }
}
