//! Cases `wake_latency_p50` and `wake_latency_p99` of suite `exec`: from a wake by a thread outside
//! to the poll of the task, while every worker sleeps.

use std::future;
use std::mem;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{Task, nanoseconds, percentile_of};
use crate::harness::{Failure, Outcome, Sample};
use crate::machine;
use crate::peer::{Peer, Spawner};

/// Wakes of one sample.
const WAKES: usize = 200;

/// How long a task is parked at least before it is woken.
const PARKED: Duration = Duration::from_millis(1);

/// The most processor time that the process may use while [`PARKED`] passes: somebody who works or
/// spins uses more, the timer that ends it less.
const AWAKE_MAX: Duration = Duration::from_micros(150);

/// How often [`PARKED`] passes at most until the task is parked and the workers are asleep.
const TRIES_MAX: usize = 1_000;

/// A wake that takes longer is lost.
const LOST: Duration = Duration::from_secs(10);

/// The wake latency that `percent` of all wakes stay below.
#[derive(Clone, Copy)]
pub(super) struct WakeLatency {
    pub(super) percent: usize,
}

impl Task for WakeLatency {
    fn run<P: Peer>(self, peer: &P, _: u64) -> Outcome {
        let start = Instant::now();
        let shared = Arc::new(Mutex::new(State::Polled));
        let (found, latencies) = mpsc::channel();
        let outside = thread::spawn({
            let shared = Arc::clone(&shared);
            move || wake_again_and_again(&shared, &latencies)
        });
        let task = peer.spawner().spawn(async move {
            let mut woken = 0;
            while let Some(latency) = wait(&shared).await {
                woken += 1;
                // Nobody listens only after a wake that was thought lost.
                let _ = found.send(nanoseconds(latency));
            }
            woken
        });
        let woken = peer.block_on(P::Spawner::join(task));
        let latencies = outside.join().map_err(|_| "the waking thread panicked".to_owned());
        let mut latencies = latencies.flatten().map_err(Failure::Refused)?;
        if woken != WAKES as u64 {
            return Err(Failure::Wrong(format!("the task woke {woken} times, expected {WAKES}")));
        }
        let value = percentile_of(&mut latencies, self.percent);
        Ok(Sample { elapsed: start.elapsed(), value })
    }
}

/// Where the task stands, for both sides.
enum State {
    /// It has seen all there was.
    Polled,
    /// It waits.
    Parked(Waker),
    /// It has been woken at this time and has not noticed.
    Woken(Instant),
    /// It shall end.
    Over,
}

/// The task's side: how long the next wake takes; `None` once it is over.
fn wait(shared: &Mutex<State>) -> impl Future<Output = Option<Duration>> {
    future::poll_fn(|context| {
        let polled = Instant::now();
        let mut state = lock(shared);
        match mem::replace(&mut *state, State::Polled) {
            State::Woken(woken) => Poll::Ready(Some(polled.saturating_duration_since(woken))),
            State::Over => Poll::Ready(None),
            State::Polled | State::Parked(_) => {
                *state = State::Parked(context.waker().clone());
                Poll::Pending
            }
        }
    })
}

/// The outside thread's side: wakes the task and gives back what it has seen, in nanoseconds.
fn wake_again_and_again(
    shared: &Mutex<State>,
    latencies: &Receiver<u64>,
) -> Result<Vec<u64>, String> {
    let once = |_| {
        wait_until_all_sleep(shared)?;
        wake(shared, || State::Woken(Instant::now()));
        latencies.recv_timeout(LOST).map_err(|_| "a wake was lost".to_owned())
    };
    let found = (0..WAKES).map(once).collect();
    wake(shared, || State::Over);
    found
}

/// Waits until the task has been parked for [`PARKED`] and nobody works or spins.
fn wait_until_all_sleep(shared: &Mutex<State>) -> Result<(), String> {
    for _ in 0..TRIES_MAX {
        let parked = matches!(*lock(shared), State::Parked(_)) && machine::others_sleep();
        let used = machine::idle_cpu_time(PARKED);
        if parked && used <= AWAKE_MAX {
            return Ok(());
        }
    }
    Err(format!("its workers were still awake after {TRIES_MAX} ms"))
}

fn wake(shared: &Mutex<State>, next: impl FnOnce() -> State) {
    let mut state = lock(shared);
    let before = mem::replace(&mut *state, next());
    drop(state);
    if let State::Parked(waker) = before {
        waker.wake();
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    #[test]
    fn only_a_wake_ends_the_wait() {
        let shared = Mutex::new(State::Polled);
        let mut context = Context::from_waker(Waker::noop());
        let mut waiting = pin!(wait(&shared));
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending, "nobody woke it");
        wake(&shared, || State::Woken(Instant::now()));
        assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Some(_))));
        wake(&shared, || State::Over);
        assert_eq!(pin!(wait(&shared)).poll(&mut context), Poll::Ready(None));
    }

    #[test]
    fn a_wake_that_the_task_never_notices_is_lost_and_ends_it() {
        let shared = Mutex::new(State::Parked(Waker::noop().clone()));
        let (found, latencies) = mpsc::channel();
        drop(found);
        let lost = wake_again_and_again(&shared, &latencies);
        // Busy neighbours in this process may keep it from trying at all.
        assert!(lost.is_err(), "{lost:?}");
        assert!(matches!(*lock(&shared), State::Over));
    }
}
