//! Memory: how many items are ever anywhere between the source and the sink.

use super::{runtime, watched};
use moirai_pipeline::{Footprint, pipeline};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// Counts the tokens alive and the most there ever were.
#[derive(Default)]
struct Gauge {
    alive: AtomicUsize,
    most: AtomicUsize,
}

struct Token(Arc<Gauge>, u64);

impl Token {
    fn new(gauge: &Arc<Gauge>, number: u64) -> Self {
        let alive = gauge.alive.fetch_add(1, Ordering::SeqCst) + 1;
        gauge.most.fetch_max(alive, Ordering::SeqCst);
        Self(Arc::clone(gauge), number)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_slow_item_cannot_make_the_reorder_buffer_grow() {
    watched(|| {
        for window in [1, 2, 5, 12] {
            let gauge = Arc::new(Gauge::default());
            let (made, mut next) = (Arc::clone(&gauge), 0);
            let source = move || -> Result<_, String> {
                next += 1;
                Ok((next <= 200).then(|| Token::new(&made, next - 1)))
            };
            // Item 0 waits until the source has been held back: every other item of the window is behind it.
            let (go, went) = mpsc::channel::<()>();
            let (go, went) = (std::sync::Mutex::new(go), std::sync::Mutex::new(went));
            let work = move |token: Token| {
                if token.1 == window as u64 - 1 {
                    let _ = go.lock().unwrap().send(());
                }
                if token.1 == 0 && window > 1 {
                    let _ = went.lock().unwrap().recv_timeout(Duration::from_secs(10));
                }
                Ok(token)
            };
            let run = pipeline()
                .parallel_stage(work)
                .concurrency(3)
                .ordered()
                .channel_depth(2)
                .window(window)
                .run(source, |token: Token| {
                    drop(token);
                    Ok(())
                });
            let report = runtime(3).block_on(run).unwrap().report;
            assert!(report.reorder_max <= window, "{} > {window}", report.reorder_max);
            let most = gauge.most.load(Ordering::SeqCst);
            assert!(most <= window, "window {window}: {most} items at once");
            assert_eq!(report.items, 200);
            assert_eq!(gauge.alive.load(Ordering::SeqCst), 0);
        }
    });
}

#[test]
fn a_slow_sink_holds_the_source_back() {
    watched(|| {
        let gauge = Arc::new(Gauge::default());
        let (made, mut next) = (Arc::clone(&gauge), 0);
        let source = move || -> Result<_, String> {
            next += 1;
            Ok((next <= 60).then(|| Token::new(&made, next)))
        };
        let run = pipeline().parallel_stage(Ok).concurrency(2).ordered().channel_depth(4).run(
            source,
            |token: Token| {
                thread::sleep(Duration::from_millis(2));
                drop(token);
                Ok(())
            },
        );
        let report = runtime(2).block_on(run).unwrap().report;
        assert_eq!(report.window, 10);
        assert!(gauge.most.load(Ordering::SeqCst) <= 10);
        let (source, sink) = (&report.stages[0], &report.stages[2]);
        assert!(sink.busy >= Duration::from_millis(120));
        assert!(source.wait_receive + source.wait_send > sink.busy / 2, "{report:?}");
    });
}

#[test]
fn the_bound_in_bytes_counts_both_sides_only_of_items_in_work() {
    let footprint = Footprint { input_bytes: 4 << 20, output_bytes: 5 << 20, worker_bytes: 1000 };
    assert_eq!(footprint.bound_bytes(10, 2), 10 * (5 << 20) + 2 * (4 << 20) + 2000);
    let swapped = Footprint { input_bytes: 5 << 20, output_bytes: 4 << 20, worker_bytes: 1000 };
    assert_eq!(footprint.bound_bytes(10, 2), swapped.bound_bytes(10, 2));
    let endless = Footprint { input_bytes: u64::MAX, ..footprint };
    assert_eq!(endless.bound_bytes(10, 2), u64::MAX, "too much to count is not little");
}
