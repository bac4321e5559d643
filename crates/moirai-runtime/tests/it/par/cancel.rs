//! Loops that are told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use moirai_runtime::par::*;

use super::super::watch;

/// A loop of ten seconds: so many rests of a millisecond, on however few workers.
const RESTS: usize = 10_000;

#[test]
fn a_long_loop_ends_when_it_is_cancelled_from_outside() {
    watch(|| {
        let (token, begun) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let canceller = thread::spawn({
            let (token, begun) = (Arc::clone(&token), Arc::clone(&begun));
            move || {
                while begun.load(Ordering::Relaxed) < 5 {
                    thread::yield_now();
                }
                token.store(true, Ordering::Relaxed);
                begun.load(Ordering::Relaxed)
            }
        });
        (0..RESTS).into_par_iter().with_cancel(&token).for_each(|_| {
            begun.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        });
        let before = canceller.join().unwrap();
        // Each worker ends what it is in the middle of, and no more.
        let after = begun.load(Ordering::Relaxed) - before;
        let workers = moirai_runtime::current_num_workers();
        assert!(after <= workers, "{after} items began after the cancel, on {workers} workers");
    });
}

#[test]
fn a_cancelled_loop_does_not_begin_and_its_result_is_what_there_is() {
    let token = AtomicBool::new(true);
    assert_eq!((0..1000).into_par_iter().with_cancel(&token).count(), 0);
    let token = AtomicBool::new(false);
    let seen: Vec<u32> = (0..1000_u32)
        .into_par_iter()
        .with_cancel(&token)
        .inspect(|&n| _ = token.fetch_or(n == 10, Ordering::Relaxed))
        .collect();
    assert!(seen.is_sorted() && seen.contains(&10) && seen.len() < 1000);
}

#[test]
fn a_search_ends_soon_after_something_is_found() {
    for _ in 0..20 {
        let looked = AtomicUsize::new(0);
        let slowly = (0..RESTS).into_par_iter().inspect(|_| {
            looked.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_micros(200));
        });
        assert_eq!(slowly.find_any(|&n| n == 3), Some(3));
        assert!(looked.into_inner() < RESTS / 10);
    }
}
