//! The thread on which samples are taken.
//!
//! A sample that panics becomes an error of that peer, and so does one that never ends: the driver
//! thread is then given up, with everything it holds, and the next sample gets a fresh one. It knows
//! no peer and no statistics.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::{Outcome, Workload};

/// A sample that takes longer has hung.
const SAMPLE_TIME_MAX: Duration = Duration::from_secs(30);

/// What the first panic of the current sample said, of whichever thread: a runtime may replace the
/// payload by an error of its own.
static FIRST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// Whether a sample is being taken.
static SAMPLING: AtomicBool = AtomicBool::new(false);

type Job = (Workload, u64);

/// Why a sample brought no value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Failure {
    /// The peer could not do it; the run goes on.
    Refused(String),
    /// The peer did it wrongly: no figure of this run can be trusted.
    Wrong(String),
}

/// Takes samples, one at a time.
#[derive(Debug)]
pub(crate) struct Driver {
    thread: Option<(Sender<Job>, Receiver<thread::Result<Outcome>>)>,
    time_max: Duration,
}

impl Driver {
    /// A driver whose thread starts with the first sample.
    pub(crate) fn new() -> Self {
        Self { thread: None, time_max: SAMPLE_TIME_MAX }
    }

    /// Runs `workload` for `iterations` on the driver thread.
    pub(crate) fn run(&mut self, workload: &Workload, iterations: u64) -> Outcome {
        first_panic().take();
        SAMPLING.store(true, Ordering::Relaxed);
        let outcome = self.outcome(workload, iterations);
        SAMPLING.store(false, Ordering::Relaxed);
        outcome
    }

    fn outcome(&mut self, workload: &Workload, iterations: u64) -> Outcome {
        let (jobs, outcomes) = self.thread.get_or_insert_with(start);
        let sent = jobs.send((Arc::clone(workload), iterations));
        let received = match sent {
            Ok(()) => outcomes.recv_timeout(self.time_max),
            Err(_) => Err(RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(payload)) => {
                let said = first_panic().take().or_else(|| text_of(&*payload));
                Err(Failure::Refused(said.unwrap_or_else(|| "panicked".to_owned())))
            }
            Err(_) => {
                self.thread = None;
                Err(Failure::Refused(format!("hung for {} s", self.time_max.as_secs_f64())))
            }
        }
    }
}

/// Keeps panics of samples off standard error: they become the error of a row.
pub(crate) fn catch_panic_messages() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |info| match text_of(info.payload()) {
        Some(text) if SAMPLING.load(Ordering::Relaxed) => {
            first_panic().get_or_insert(text);
        }
        _ => print(info),
    }));
}

fn first_panic() -> MutexGuard<'static, Option<String>> {
    FIRST_PANIC.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text_of(payload: &(dyn Any + Send)) -> Option<String> {
    let text = payload.downcast_ref::<&str>().map(|&text| text.to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
}

fn start() -> (Sender<Job>, Receiver<thread::Result<Outcome>>) {
    let (jobs, todo) = mpsc::channel::<Job>();
    let (done, outcomes) = mpsc::channel();
    thread::spawn(move || {
        for (workload, iterations) in todo {
            let outcome = panic::catch_unwind(AssertUnwindSafe(|| workload(iterations)));
            if done.send(outcome).is_err() {
                return; // given up: this sample came too late
            }
        }
    });
    (jobs, outcomes)
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;

    fn good(iterations: u64) -> Outcome {
        Ok(Sample { elapsed: Duration::from_nanos(iterations), value: 1.0 })
    }

    #[test]
    fn a_panic_is_an_error_of_its_sample_only() {
        let mut driver = Driver::new();
        let bad: Workload = Arc::new(|_| panic!("the queue is full"));
        let Err(Failure::Refused(said)) = driver.run(&bad, 1) else { panic!("not refused") };
        assert!(said.contains("the queue is full"), "{said}");
        assert_eq!(driver.run(&(Arc::new(good) as Workload), 3), good(3));
    }

    #[test]
    fn a_hung_sample_is_given_up_and_the_next_one_runs() {
        let mut driver = Driver::new();
        driver.time_max = Duration::from_millis(20);
        let stuck: Workload = Arc::new(|_| {
            loop {
                thread::park();
            }
        });
        let Err(Failure::Refused(said)) = driver.run(&stuck, 1) else { panic!("not refused") };
        assert!(said.starts_with("hung"), "{said}");
        driver.time_max = SAMPLE_TIME_MAX;
        assert_eq!(driver.run(&(Arc::new(good) as Workload), 3), good(3));
    }
}
