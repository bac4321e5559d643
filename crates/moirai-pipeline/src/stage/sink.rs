//! The last stage: one task that restores the order, writes, and gives credit back to the source.

use super::{Numbered, Sink, failed, unfinished};
use crate::error::PipelineError;
use crate::order::Reorder;
use crate::stats::StageReport;
use moirai_runtime::Handle;
use moirai_sync::channel::{Receiver, Sender};
use std::time::Instant;

/// The sink with its channel ends.
pub(crate) struct SinkStage<K, T> {
    pub(crate) sink: K,
    pub(crate) input: Receiver<Numbered<T>>,
    pub(crate) credits: Sender<()>,
    pub(crate) window: usize,
}

/// What a sink leaves behind.
pub(crate) struct SinkEnd<K> {
    pub(crate) sink: K,
    pub(crate) report: StageReport,
    pub(crate) reorder_max: usize,
}

impl<K: Sink<T>, T: Send + 'static> SinkStage<K, T> {
    /// Runs until every sender is gone or `put` fails; either way its channel ends go with it.
    pub(crate) async fn run(self, handle: Handle) -> Result<SinkEnd<K>, PipelineError<K::Error>> {
        let Self { mut sink, input, credits, window } = self;
        let mut report = StageReport::new(sink.name());
        let mut order = Reorder::new(window);
        loop {
            let asked = Instant::now();
            let Ok(Numbered { number, item }) = input.recv_async().await else { break };
            report.wait_receive += asked.elapsed();
            order.insert(number, item);
            while let Some((number, item)) = order.pop() {
                let job = handle.spawn_blocking(move || {
                    let begun = Instant::now();
                    let result = sink.put(item);
                    (sink, result, begun.elapsed())
                });
                let (back, result, busy) = job
                    .cancel_on_drop()
                    .await
                    .map_err(|error| unfinished(&report.name, number, error))?;
                sink = back;
                report.busy += busy;
                result.map_err(|error| failed(&report.name, number, error))?;
                report.items += 1;
                // There are `window` credits in all, so there is room; no source, no need for one.
                let _ = credits.try_send(());
            }
        }
        Ok(SinkEnd { sink, report, reorder_max: order.waiting_max() })
    }
}
