//! Parking under random schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use shuttle::thread;

use super::{draw, explore};
use crate::parker::Parker;

/// What two threads tell a third is seen by it, whether it parks with a deadline, without one, or
/// not at all, and however many notifications fall together.
#[test]
fn no_notification_is_lost_between_parks_of_both_kinds() {
    explore(SCHEDULES, || {
        let parker = Arc::new(Parker::new());
        let told = Arc::new(AtomicU32::new(0));
        let tellers = [(); 2].map(|()| {
            let (parker, told) = (Arc::clone(&parker), Arc::clone(&told));
            thread::spawn(move || {
                for _ in 0..3 {
                    told.fetch_add(1, Ordering::Relaxed);
                    parker.unpark();
                }
            })
        });
        while told.load(Ordering::Relaxed) < 6 {
            let soon = Instant::now() + Duration::from_secs(1);
            let _ = parker.park((draw(2) == 0).then_some(soon));
        }
        tellers.into_iter().for_each(|teller| teller.join().unwrap());
    });
}

const SCHEDULES: usize = 10_000;
