//! A channel with a queue for each node, on a machine of one, beside a channel that all share.

use moirai_sync::channel;

use super::{case, on_threads, spread};
use crate::harness::Case;

const SENDERS: usize = 4;
const CAPACITY: usize = 128;

pub(super) fn case_1() -> Case {
    let ours = || spread(channel::numa(1, CAPACITY, || 0), SENDERS, 1);
    let entrants = vec![
        on_threads("moirai@threads", ours),
        on_threads("mpmc@threads", || spread(channel::bounded(CAPACITY), SENDERS, 1)),
    ];
    case("numa1", "per message, 4:1, one node", entrants)
}
