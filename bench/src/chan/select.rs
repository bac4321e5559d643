//! Waiting for several channels at once, one message in one of them at a time.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use moirai_sync::channel;

use super::{case, checked};
use crate::harness::{Case, Entrant, Workload};

pub(super) fn cases() -> Vec<Case> {
    vec![case("select4", "per message in one of 4 channels, select!", four())]
}

/// Sends into one channel and selects over four, on one thread.
fn four() -> Vec<Entrant> {
    let ours: Workload = Arc::new(|iterations| {
        let ends: Vec<_> = (0..4).map(|_| channel::bounded::<u64>(1)).collect();
        let (a, b, c, d) = (&ends[0].1, &ends[1].1, &ends[2].1, &ends[3].1);
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..iterations {
            ends[number as usize % 4].0.send(number).expect("the receiver is alive");
            let received = moirai_sync::select! {
                recv(a) -> message => message,
                recv(b) -> message => message,
                recv(c) -> message => message,
                recv(d) -> message => message,
            };
            sum += black_box(received).expect("the sender is alive");
        }
        checked(start.elapsed(), iterations, Some(sum))
    });
    let crossbeam: Workload = Arc::new(|iterations| {
        let ends: Vec<_> = (0..4).map(|_| crossbeam_channel::bounded::<u64>(1)).collect();
        let (a, b, c, d) = (&ends[0].1, &ends[1].1, &ends[2].1, &ends[3].1);
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..iterations {
            ends[number as usize % 4].0.send(number).expect("the receiver is alive");
            let received = crossbeam_channel::select! {
                recv(a) -> message => message,
                recv(b) -> message => message,
                recv(c) -> message => message,
                recv(d) -> message => message,
            };
            sum += black_box(received).expect("the sender is alive");
        }
        checked(start.elapsed(), iterations, Some(sum))
    });
    vec![
        Entrant { peer: "moirai", workload: Ok(ours) },
        Entrant { peer: "crossbeam", workload: Ok(crossbeam) },
    ]
}
