//! Case `chained_spawn` of suite `exec`: tasks that spawn one another, each the next.

use std::hint::black_box;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use async_channel::Sender;

use super::{Task, checked, sum_below};
use crate::harness::Outcome;
use crate::peer::{Peer, Spawner};

/// Tasks of a chain.
const LINKS: u64 = 1_000;

/// Spawns chains of a thousand tasks from inside, each when the one before has ended.
#[derive(Clone, Copy)]
pub(super) struct ChainedSpawn;

impl Task for ChainedSpawn {
    fn run<P: Peer>(self, peer: &P, iterations: u64) -> Outcome {
        // Leaked, a few bytes a sample, so that every link holds it and no peer pays for counting.
        let spawner: &'static P::Spawner = Box::leak(Box::new(peer.spawner().clone()));
        let start = Instant::now();
        let root = spawner.spawn(async move {
            let mut total = 0;
            for _ in 0..iterations {
                let (end, sums) = async_channel::bounded(1);
                spawner.spawn_detached(Link { spawner, left: LINKS - 1, sum: 0, end: Some(end) });
                total += sums.recv().await.expect("the last link sends");
            }
            total
        });
        let total = peer.block_on(P::Spawner::join(root));
        checked(start.elapsed(), iterations * LINKS, total, iterations * sum_below(LINKS))
    }
}

/// One task of a chain. A type of its own because the future of an `async fn` cannot hold itself.
struct Link<S: 'static> {
    spawner: &'static S,
    /// Links after this one.
    left: u64,
    /// What the links before this one add up to.
    sum: u64,
    /// Where the last link sends the sum; handed from link to link.
    end: Option<Sender<u64>>,
}

impl<S: Spawner> Future for Link<S> {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<u64> {
        let (spawner, left, sum) = (self.spawner, self.left, black_box(self.sum + self.left));
        let end = self.end.take();
        match left.checked_sub(1) {
            Some(left) => spawner.spawn_detached(Self { spawner, left, sum, end }),
            // The receiver is gone only if the sample has been given up.
            None => drop(end.map(|end| end.try_send(sum))),
        }
        Poll::Ready(sum)
    }
}
