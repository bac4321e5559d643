//! What a pipeline promises, by the way it could be broken.

#![allow(clippy::unwrap_used, reason = "what tests share, outside of a test function")]

mod bound;
mod cancel;
mod failure;
mod order;

use moirai_pipeline::{Finished, PipelineError, pipeline};
use moirai_runtime::Runtime;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Runs `test` and ends the process if it hangs.
fn watched(test: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let runner = thread::spawn(move || {
        test();
        let _ = done.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = ended.recv_timeout(WATCHDOG) {
        eprintln!("hangs: {:?}", thread::current().name());
        std::process::abort();
    }
    if let Err(panic) = runner.join() {
        std::panic::resume_unwind(panic);
    }
}

fn runtime(workers: usize) -> Runtime {
    Runtime::builder().worker_threads(workers).blocking_threads(4).build().unwrap()
}

/// A source of `0..count`.
fn numbers(count: u64) -> impl FnMut() -> Result<Option<u64>, String> + Send + 'static {
    let mut numbers = 0..count;
    move || Ok(numbers.next())
}

/// A sink that keeps what it gets, and where to look at it.
fn collect() -> (impl FnMut(u64) -> Result<(), String> + Send + 'static, mpsc::Receiver<u64>) {
    let (keep, kept) = mpsc::channel();
    (move |number| keep.send(number).map_err(|error| error.to_string()), kept)
}

/// Numbers that look random and are the same in every run.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ 0x9E37_79B9_7F4A_7C15).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed ^ mixed >> 31
}

const WATCHDOG: Duration = Duration::from_secs(30);

#[test]
fn a_run_reports_every_stage() {
    watched(|| {
        let (sink, kept) = collect();
        let run = pipeline()
            .parallel_stage(|number| Ok(number + 1))
            .name("add")
            .concurrency(2)
            .parallel_stage(|number| Ok(number * 10))
            .concurrency(3)
            .ordered()
            .channel_depth(2)
            .run(numbers(100), sink);
        let Finished { report, .. } = runtime(2).block_on(run).unwrap();
        assert_eq!(report.items, 100);
        assert_eq!(report.window, 2 + 3 + 3 * 2);
        let stages: Vec<_> =
            report.stages.iter().map(|s| (s.name.as_str(), s.tasks, s.items)).collect();
        assert_eq!(
            stages,
            [("source", 1, 100), ("add", 2, 100), ("stage 2", 3, 100), ("sink", 1, 100)]
        );
        assert_eq!(
            kept.try_iter().collect::<Vec<_>>(),
            (1..=100).map(|n| n * 10).collect::<Vec<_>>()
        );
    });
}

#[test]
fn the_source_and_the_sink_come_back() {
    struct Counter(u64);
    impl moirai_pipeline::Source for Counter {
        type Item = u64;
        type Error = String;
        fn next(&mut self) -> Result<Option<u64>, String> {
            self.0 += 1;
            Ok((self.0 <= 10).then_some(self.0))
        }
    }
    struct Sum(u64);
    impl moirai_pipeline::Sink<u64> for Sum {
        type Error = String;
        fn put(&mut self, number: u64) -> Result<(), String> {
            self.0 += number;
            Ok(())
        }
    }
    watched(|| {
        let run = pipeline().parallel_stage(Ok).ordered().run(Counter(0), Sum(0));
        let finished = runtime(1).block_on(run).unwrap();
        assert_eq!((finished.source.0, finished.sink.0), (11, 55));
    });
}

#[test]
fn an_empty_source_makes_an_empty_run() {
    watched(|| {
        let (sink, kept) = collect();
        let run = pipeline().parallel_stage(Ok).ordered().run(numbers(0), sink);
        assert_eq!(runtime(1).block_on(run).unwrap().report.items, 0);
        assert_eq!(kept.try_iter().count(), 0);
    });
}

#[test]
fn settings_out_of_range_start_nothing() {
    use moirai_pipeline::{CHANNEL_DEPTH_MAX, CONCURRENCY_MAX, WINDOW_MAX};
    let refused = |tasks: usize, depth: usize, window: usize| {
        let source = || -> Result<Option<u64>, String> { panic!("started") };
        let run = pipeline()
            .parallel_stage(Ok)
            .concurrency(tasks)
            .ordered()
            .channel_depth(depth)
            .window(window)
            .run(source, |_| Ok(()));
        match runtime(1).block_on(run) {
            Err(PipelineError::OutOfRange { option, .. }) => option,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(0, 1, 1), "concurrency");
    assert_eq!(refused(CONCURRENCY_MAX + 1, 1, 1), "concurrency");
    assert_eq!(refused(1, 0, 1), "channel_depth");
    assert_eq!(refused(1, CHANNEL_DEPTH_MAX + 1, 1), "channel_depth");
    assert_eq!(refused(1, 1, 0), "window");
    assert_eq!(refused(1, 1, WINDOW_MAX + 1), "window");
}

#[test]
fn settings_at_their_limits_run() {
    use moirai_pipeline::{CHANNEL_DEPTH_MAX, CONCURRENCY_MAX, WINDOW_MAX};
    watched(|| {
        for (tasks, depth, window) in [(1, 1, 1), (CONCURRENCY_MAX, CHANNEL_DEPTH_MAX, WINDOW_MAX)]
        {
            let (sink, kept) = collect();
            let run = pipeline()
                .parallel_stage(Ok)
                .concurrency(tasks)
                .ordered()
                .channel_depth(depth)
                .window(window)
                .run(numbers(100), sink);
            runtime(1).block_on(run).unwrap();
            assert_eq!(kept.try_iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        }
    });
}
