//! What it costs to have a channel measured: the same channel with metrics, and without.

use moirai_sync::channel::ChannelBuilder;

use super::{Ends, case, on_threads, one_each};
use crate::harness::Case;

/// Prints what "on" costs beside "off", which is the rival here.
pub(super) fn case_on() -> Case {
    let on = || ends(ChannelBuilder::new().enable_metrics());
    let entrants = vec![
        on_threads("moirai@threads", on),
        on_threads("off@threads", || ends(ChannelBuilder::new())),
    ];
    case("metrics_on", "per message, 1:1, mpmc, with and without metrics", entrants)
}

fn ends(
    builder: ChannelBuilder<u64>,
) -> Ends<moirai_sync::channel::Sender<u64>, moirai_sync::channel::Receiver<u64>> {
    one_each(builder.bounded(1024).build().expect("it goes together"))
}
