//! A run is ended from outside, or while something in it never returns.

use super::{runtime, watched};
use moirai_pipeline::{PipelineError, pipeline};
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;

/// Waits until nobody else holds `held`.
fn wait_until_released(held: &Arc<()>) {
    while Arc::strong_count(held) > 1 {
        thread::yield_now();
    }
}

#[test]
fn an_error_is_returned_while_the_source_is_stuck_in_a_read() {
    watched(|| {
        let (unblock, blocked) = mpsc::channel::<()>();
        let mut next = 0;
        let source = move || {
            next += 1;
            if next > 1 {
                let _ = blocked.recv();
            }
            Ok(Some(next))
        };
        let runtime = runtime(1);
        let run = pipeline()
            .parallel_stage(|_: u64| Err::<u64, _>("refused".to_owned()))
            .name("refuse")
            .ordered()
            .run(source, |_| Ok(()));
        let error = runtime.block_on(run).map(|done| done.report).unwrap_err();
        assert_eq!(error.stage(), Some("refuse"));
        // The source has been stuck until here.
        drop(unblock);
    });
}

#[test]
fn dropping_the_run_stops_every_stage() {
    watched(|| {
        for polls in [1, 2] {
            let held = Arc::new(());
            let (in_source, in_work, in_sink) =
                (Arc::clone(&held), Arc::clone(&held), Arc::clone(&held));
            let (wrote, written) = mpsc::channel();
            let source = move || -> Result<_, String> {
                let _held = &in_source;
                Ok(Some(1_u64))
            };
            let work = move |item| {
                let _held = &in_work;
                Ok(item)
            };
            let sink = move |_| {
                let _held = &in_sink;
                let _ = wrote.send(());
                Ok(())
            };
            let runtime = runtime(2);
            runtime.block_on(async {
                let mut run = Box::pin(pipeline().parallel_stage(work).ordered().run(source, sink));
                for _ in 0..polls {
                    let poll = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    assert!(matches!(poll, Poll::Pending), "the source has no end");
                    written.recv().unwrap();
                }
                drop(run);
            });
            wait_until_released(&held);
        }
    });
}

#[test]
fn a_run_that_was_never_polled_starts_nothing() {
    watched(|| {
        let source = || -> Result<Option<u64>, String> { panic!("started") };
        drop(pipeline().parallel_stage(Ok).ordered().run(source, |_| Ok(())));
    });
}

#[test]
fn dropping_the_run_does_not_wait_for_a_stuck_source() {
    watched(|| {
        let (unblock, blocked) = mpsc::channel::<()>();
        let (entered, inside) = mpsc::channel();
        let source = move || -> Result<Option<u64>, String> {
            let _ = entered.send(());
            let _ = blocked.recv();
            Ok(None)
        };
        let runtime = runtime(1);
        runtime.block_on(async {
            let run = pipeline().parallel_stage(Ok).ordered().run(source, |_| Ok(()));
            let mut run = Box::pin(run);
            assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            inside.recv().unwrap();
        });
        drop(unblock);
    });
}

#[test]
fn a_runtime_that_is_shut_down_ends_the_run_as_cancelled() {
    watched(|| {
        let runtime = runtime(1);
        let (entered, inside) = mpsc::channel();
        let source = move || -> Result<Option<u64>, String> {
            let _ = entered.send(());
            Ok(Some(1))
        };
        let mut run = pin!(pipeline().parallel_stage(Ok).ordered().run(source, |_| Ok(())));
        let first = runtime.block_on(std::future::poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx))));
        assert!(first.is_pending());
        inside.recv().unwrap();
        drop(runtime);
        let error = loop {
            match run.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(ended) => break ended.map(|done| done.report).unwrap_err(),
                Poll::Pending => thread::yield_now(),
            }
        };
        assert!(
            matches!(error, PipelineError::Cancelled | PipelineError::Task { .. }),
            "{error:?}"
        );
    });
}
