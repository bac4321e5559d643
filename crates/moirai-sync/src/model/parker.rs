//! Models of the parker.

use std::sync::Arc;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::parker::Parker;

/// What was written before a notification is seen after it, also when a second one overtakes.
#[test]
fn no_notification_is_lost_or_seen_early() {
    loom::model(|| {
        let parker = Arc::new(Parker::new());
        let done = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let threads = [0, 1].map(|i| {
            let (parker, done) = (Arc::clone(&parker), Arc::clone(&done));
            thread::spawn(move || {
                done[i].store(1, Ordering::Relaxed);
                parker.unpark();
            })
        });
        while done.iter().any(|done| done.load(Ordering::Relaxed) == 0) {
            let _ = parker.park(None);
        }
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}
