//! The first stage: one task that pulls the source while the window has credit.

use super::{Numbered, Source, failed, unfinished};
use crate::error::PipelineError;
use crate::stats::StageReport;
use moirai_runtime::Handle;
use moirai_sync::channel::{Receiver, Sender};
use std::time::Instant;

/// The source with its channel ends.
pub(crate) struct SourceStage<S: Source> {
    pub(crate) source: S,
    /// One message per item that may begin; the sink sends one for each item it has written.
    pub(crate) credits: Receiver<()>,
    pub(crate) output: Sender<Numbered<S::Item>>,
}

impl<S: Source> SourceStage<S> {
    /// Runs until the source ends, the sink or every receiver is gone, or `next` fails.
    pub(crate) async fn run(
        self,
        handle: Handle,
    ) -> Result<(S, StageReport), PipelineError<S::Error>> {
        let Self { mut source, credits, output } = self;
        let mut report = StageReport::new(source.name());
        loop {
            let asked = Instant::now();
            if credits.recv_async().await.is_err() {
                break;
            }
            report.wait_receive += asked.elapsed();

            let job = handle.spawn_blocking(move || {
                let begun = Instant::now();
                let next = source.next();
                (source, next, begun.elapsed())
            });
            let (back, next, busy) = job
                .cancel_on_drop()
                .await
                .map_err(|error| unfinished(&report.name, report.items, error))?;
            source = back;
            report.busy += busy;
            let number = report.items;
            let item = match next {
                Ok(Some(item)) => item,
                Ok(None) => break,
                Err(error) => return Err(failed(&report.name, number, error)),
            };

            let offered = Instant::now();
            if output.send_async(Numbered { number, item }).await.is_err() {
                break;
            }
            report.wait_send += offered.elapsed();
            report.items += 1;
        }
        Ok((source, report))
    }
}
