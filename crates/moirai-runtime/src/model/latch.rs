//! A model of the latch of a half that somebody else runs: its frame is gone as soon as it is done.

#![allow(unsafe_code, reason = "sets a latch as the runner of a half does")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use loom::thread;
use moirai_sync::__prim::Parker;

use crate::sched::latch::Latch;

/// The owner has blocked, or has not yet, or puts its waker in once more; in each case whoever sets the
/// latch has done with the frame when the owner uses that for something else.
#[test]
fn who_sets_a_latch_touches_nothing_once_it_is_done() {
    loom::model(|| {
        let latch = Arc::new(Latch::new());
        let runner = thread::spawn({
            let latch = Arc::clone(&latch);
            // SAFETY: the arc keeps it; it is set once.
            move || unsafe { Latch::set(Arc::as_ptr(&latch)) }
        });
        let parker = Arc::new(Parker::new());
        let waker = Arc::clone(&parker).into();
        let mut cx = Context::from_waker(&waker);
        let mut done = pin!(poll_fn(|cx| latch.poll(cx)));
        while done.as_mut().poll(&mut cx).is_pending() {
            // Looks again at once, or blocks.
            if done.as_mut().poll(&mut cx) == Poll::Ready(()) {
                break;
            }
            let _ = parker.park(None);
        }
        assert!(latch.is_done());
        latch.overwrite();
        runner.join().unwrap();
    });
}
