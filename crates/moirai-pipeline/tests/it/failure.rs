//! A stage fails: where, when, and how.

use super::{mix, runtime, watched};
use moirai_pipeline::{PipelineError, pipeline};
use moirai_sync::TaskError;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq)]
enum How {
    Error,
    Panic,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Source,
    First,
    Second,
    Sink,
}

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::First => "first",
            Self::Second => "second",
            Self::Sink => "sink",
        }
    }
}

const ITEMS: u64 = 50;

#[derive(Clone, Copy, Debug)]
struct Fault {
    place: Place,
    how: How,
    item: u64,
}

impl Fault {
    fn strike(self, place: Place, item: u64) -> Result<(), String> {
        // A little disorder, the same in every run.
        thread::sleep(Duration::from_micros(mix(item) % 50));
        match self.how {
            _ if place != self.place || item != self.item => Ok(()),
            How::Error => Err(format!("no disk at {item}")),
            How::Panic => panic!("no disk at {item}"),
        }
    }
}

fn run_with(fault: Fault, workers: usize) -> PipelineError<String> {
    // Counts who still holds a part of the run.
    let held = Arc::new(());
    let (in_source, in_first, in_second, in_sink) =
        (Arc::clone(&held), Arc::clone(&held), Arc::clone(&held), Arc::clone(&held));
    let mut next = 0;
    let source = move || {
        let _held = &in_source;
        fault.strike(Place::Source, next)?;
        next += 1;
        Ok((next <= ITEMS).then_some(next - 1))
    };
    let first = move |item: u64| {
        let _held = &in_first;
        fault.strike(Place::First, item).map(|()| item)
    };
    let second = move |item: u64| {
        let _held = &in_second;
        fault.strike(Place::Second, item).map(|()| item)
    };
    let mut expected = 0;
    let sink = move |item: u64| {
        let _held = &in_sink;
        assert_eq!(item, expected);
        expected += 1;
        fault.strike(Place::Sink, item)
    };
    let runtime = runtime(workers);
    let run = pipeline()
        .parallel_stage(first)
        .name("first")
        .concurrency(2)
        .parallel_stage(second)
        .name("second")
        .concurrency(2)
        .ordered()
        .channel_depth(2)
        .run(source, sink);
    let error = runtime.block_on(run).map(|done| done.report).unwrap_err();
    // The tasks were cancelled; calls that were going on end by themselves.
    while Arc::strong_count(&held) > 1 {
        thread::yield_now();
    }
    error
}

#[test]
fn a_failing_stage_ends_the_run_with_its_name_in_every_position() {
    watched(|| {
        for place in [Place::Source, Place::First, Place::Second, Place::Sink] {
            for item in [0, 1, ITEMS / 2, ITEMS - 1] {
                for (how, workers) in
                    [(How::Error, 1), (How::Error, 2), (How::Panic, 1), (How::Panic, 2)]
                {
                    let fault = Fault { place, how, item };
                    let error = run_with(fault, workers);
                    assert_eq!(error.stage(), Some(place.name()), "{fault:?}");
                    let message = format!("no disk at {item}");
                    match (how, &error) {
                        (How::Error, PipelineError::Failed { item: at, source, .. }) => {
                            assert_eq!((*at, source), (item, &message), "{fault:?}");
                        }
                        (
                            How::Panic,
                            PipelineError::Task {
                                item: at,
                                source: TaskError::Panicked(panic),
                                ..
                            },
                        ) => assert_eq!((*at, panic.message()), (item, &*message), "{fault:?}"),
                        _ => panic!("{fault:?}: {error:?}"),
                    }
                }
            }
        }
    });
}

#[test]
fn a_source_that_fails_instead_of_ending_is_not_taken_for_its_end() {
    watched(|| {
        let error = run_with(Fault { place: Place::Source, how: How::Error, item: ITEMS }, 1);
        assert!(matches!(error, PipelineError::Failed { item: ITEMS, .. }), "{error:?}");
    });
}

#[test]
fn the_message_names_the_stage_and_its_source_is_the_stages_error() {
    use std::error::Error;
    use std::io;
    watched(|| {
        let run = pipeline()
            .parallel_stage(|_: u64| Err::<u64, _>(io::Error::other("no table")))
            .name("crunch")
            .ordered()
            .run(|| Ok(Some(1)), |_| Ok(()));
        let error = runtime(1).block_on(run).map(|done| done.report).unwrap_err();
        assert_eq!(error.to_string(), "stage `crunch` failed at item 0");
        assert_eq!(error.source().unwrap().to_string(), "no table");
    });
}
