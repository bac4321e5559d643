//! One sender and four receivers, each with a queue of its own, beside a channel that all share.

use moirai_sync::channel::{self, WorkerReceiver};

use super::ends::BlockingRx;
use super::{case, on_threads, spread};
use crate::harness::Case;

const WORKERS: usize = 4;

impl BlockingRx for WorkerReceiver<u64> {
    fn recv(&mut self) -> Option<u64> {
        Self::recv(self).ok()
    }
}

pub(super) fn case_4() -> Case {
    let ours = || {
        let (sender, workers) = channel::work_stealing(WORKERS);
        (vec![sender], workers)
    };
    let entrants = vec![
        on_threads("moirai@threads", ours),
        on_threads("mpmc@threads", || spread(channel::unbounded(), 1, WORKERS)),
    ];
    case("ws4", "per message, 1:4, a queue for each receiver", entrants)
}
