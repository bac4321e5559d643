//! Cases `bytes_per_task` and `allocs_per_spawn` of suite `exec`: what a task takes from the machine.
//!
//! Memory belongs to a process, so each peer is measured in a [`child`] process. The allocator counts
//! there and nowhere else, so that no figure of another case pays for it.

use std::future;
use std::hint::black_box;
use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use super::{Task, WAVE, checked, join_all, spawn_value, sum_below, yield_now};
use crate::child;
use crate::harness::{Case, Effort, Failure, Outcome, Sample};
use crate::peer::floor::Floor;
use crate::peer::moirai::Moirai;
use crate::peer::moirai_0_10::Moirai010;
use crate::peer::smol::Smol;
use crate::peer::tokio_ct::TokioCt;
use crate::peer::tokio_mt::TokioMt;
use crate::peer::{Peer, Spawner};
use crate::{allocations as allocator, machine};

/// The names of the cases.
pub(super) const BYTES_CASE: &str = "bytes_per_task";
pub(super) const ALLOCATIONS_CASE: &str = "allocs_per_spawn";

/// Tasks that are pending while memory is looked at.
pub(crate) const PENDING: u64 = 100_000;

/// Words of a small future, besides a pointer: 24 bytes in all.
pub(crate) const SMALL_WORDS: usize = 2;

/// Tasks that start a runtime's threads and queues: so few that the memory they leave does not count.
const WARM_UP: u64 = 100;

/// Waves of tasks before the allocator is looked at, and while it is.
const WAVES_BEFORE: u64 = 20;
const WAVES: u64 = 100;

/// Resident memory of a pending task of 24 bytes, one of 100,000; its handle is left out.
pub(super) fn bytes_case() -> Case {
    case(BYTES_CASE, "bytes", "resident, per pending task of 24 bytes")
}

/// Allocations of a task that is spawned and joined inside, once the runtime has warmed up.
pub(super) fn allocations_case() -> Case {
    case(ALLOCATIONS_CASE, "allocations", "per task spawned and joined")
}

fn case(name: &'static str, unit: &'static str, what: &'static str) -> Case {
    let peers =
        [Moirai::NAME, TokioMt::NAME, TokioCt::NAME, Smol::NAME, Moirai010::NAME, Floor::NAME];
    let entrants = peers.map(|peer| child::entrant(name, peer)).into();
    Case { name, unit, what, effort: Effort::Once, entrants }
}

/// The child's side of [`bytes_case`].
pub(super) fn bytes(peer: &str) -> Outcome {
    on(peer, BytesPerTask { tasks: PENDING })
}

/// The child's side of [`allocations_case`].
pub(super) fn allocations(peer: &str) -> Outcome {
    allocator::count();
    on(peer, AllocsPerSpawn { waves: WAVES })
}

fn on(peer: &str, task: impl Task) -> Outcome {
    match peer {
        Moirai::NAME => alone::<Moirai>(task),
        TokioMt::NAME => alone::<TokioMt>(task),
        TokioCt::NAME => alone::<TokioCt>(task),
        Smol::NAME => alone::<Smol>(task),
        Moirai010::NAME => alone::<Moirai010>(task),
        Floor::NAME => alone::<Floor>(task),
        _ => Err(Failure::Refused(format!("no peer is called `{peer}`"))),
    }
}

fn alone<P: Peer>(task: impl Task) -> Outcome {
    task.run(&P::start().map_err(Failure::Refused)?, 1)
}

#[derive(Clone, Copy)]
struct BytesPerTask {
    tasks: u64,
}

impl Task for BytesPerTask {
    fn run<P: Peer>(self, peer: &P, _: u64) -> Outcome {
        let resident = || machine::resident_bytes().map_err(Failure::Refused);
        let start = Instant::now();
        let mut pending = Pending::new(peer, self.tasks);
        let before = resident()?;
        pending.spawn::<SMALL_WORDS>();
        let grown = resident()?.saturating_sub(before);
        pending.check().map_err(Failure::Wrong)?;
        Ok(Sample { elapsed: start.elapsed(), value: grown as f64 / self.tasks as f64 })
    }
}

/// Tasks that stay pending for as long as this lives.
pub(crate) struct Pending<'peer, P: Peer> {
    peer: &'peer P,
    handles: Vec<Option<<P::Spawner as Spawner>::Handle>>,
    /// What the tasks add up, each at each poll.
    polled: Arc<AtomicU64>,
}

impl<'peer, P: Peer> Pending<'peer, P> {
    /// Warms the runtime up and makes room for the handles of so many tasks, every page of it.
    pub(crate) fn new(peer: &'peer P, tasks: u64) -> Self {
        let warm_up = (0..WARM_UP).map(|value| spawn_value(peer.spawner(), value)).collect();
        peer.block_on(join_all::<P::Spawner>(warm_up));
        // What the compiler knows to be zero it would leave to the system, page by page, to make.
        let handles = iter::repeat_with(|| black_box(None)).take(tasks as usize).collect();
        Self { peer, handles, polled: Arc::new(AtomicU64::new(0)) }
    }

    /// Spawns all tasks, each with a future of a pointer and so many words.
    ///
    /// They are spawned in waves, each of which is polled before the next one: the memory is that of
    /// tasks that wait, not that of the queue in which they once stood.
    pub(crate) fn spawn<const WORDS: usize>(&mut self) {
        let mut expected = 0;
        for (wave, handles) in
            (0..).step_by(WAVE as usize).zip(self.handles.chunks_mut(WAVE as usize))
        {
            for (value, handle) in (wave..).zip(handles) {
                expected += value;
                let future = never::<WORDS>(Arc::clone(&self.polled), value);
                *handle = Some(self.peer.spawner().spawn(future));
            }
            self.peer.block_on(async {
                while self.polled.load(Ordering::Relaxed) < expected {
                    yield_now().await;
                }
            });
        }
    }

    /// Checks that every task has been polled, and none of them twice.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (found, expected) =
            (self.polled.load(Ordering::Relaxed), sum_below(self.handles.len() as u64));
        match found == expected {
            true => Ok(()),
            false => Err(format!("polls add up to {found}, expected {expected}")),
        }
    }
}

/// Adds `value` to `polled` whenever it is polled, and is never ready.
fn never<const WORDS: usize>(
    polled: Arc<AtomicU64>,
    value: u64,
) -> impl Future<Output = u64> + Send + 'static {
    let mut words = [0; WORDS];
    words[0] = value;
    future::poll_fn(move |_| {
        polled.fetch_add(black_box(&words)[0], Ordering::Relaxed);
        Poll::Pending
    })
}

#[derive(Clone, Copy)]
struct AllocsPerSpawn {
    waves: u64,
}

impl Task for AllocsPerSpawn {
    fn run<P: Peer>(self, peer: &P, _: u64) -> Outcome {
        let spawner = peer.spawner().clone();
        let (found, allocations) = std::sync::mpsc::channel();
        let start = Instant::now();
        let root = peer.spawner().spawn(async move {
            let (mut sum, mut before) = (0, 0);
            let mut handles = Vec::with_capacity(WAVE as usize);
            for wave in 0..WAVES_BEFORE + self.waves {
                if wave == WAVES_BEFORE {
                    before = allocator::allocations();
                }
                handles.extend((0..WAVE).map(|value| spawn_value(&spawner, value)));
                for handle in handles.drain(..) {
                    sum += P::Spawner::join(handle).await;
                }
            }
            // Nobody listens only if the sample has been given up.
            let _ = found.send(allocator::allocations() - before);
            sum
        });
        let sum = peer.block_on(P::Spawner::join(root));
        let expected = (WAVES_BEFORE + self.waves) * sum_below(WAVE);
        let sample = checked(start.elapsed(), self.waves * WAVE, sum, expected)?;
        let allocations = allocations.recv().unwrap_or_default();
        Ok(Sample { value: allocations as f64 / (self.waves * WAVE) as f64, ..sample })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_future_has_24_bytes() {
        let future = never::<SMALL_WORDS>(Arc::new(AtomicU64::new(0)), 7);
        assert_eq!(size_of_val(&future), 24);
    }

    #[test]
    fn every_pending_task_is_polled_once() {
        let tasks = 2 * WAVE + 1;
        for peer in [Moirai::NAME, TokioMt::NAME, TokioCt::NAME, Smol::NAME, Floor::NAME] {
            let outcome = on(peer, BytesPerTask { tasks });
            assert!(outcome.is_ok(), "{peer}: {outcome:?}");
        }
    }

    #[test]
    fn a_task_that_was_polled_twice_is_no_sample() {
        let peer = Floor::start().unwrap();
        let mut pending = Pending::new(&peer, 10);
        pending.spawn::<SMALL_WORDS>();
        assert_eq!(pending.check(), Ok(()));
        pending.polled.fetch_add(1, Ordering::Relaxed);
        assert_eq!(pending.check(), Err("polls add up to 46, expected 45".to_owned()));
    }

    #[test]
    fn allocations_are_counted_only_in_tasks_that_return_the_right_sum() {
        for peer in [Moirai::NAME, TokioMt::NAME, Smol::NAME, Floor::NAME] {
            let outcome = on(peer, AllocsPerSpawn { waves: 1 });
            assert!(outcome.is_ok(), "{peer}: {outcome:?}");
        }
    }
}
