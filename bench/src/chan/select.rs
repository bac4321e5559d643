//! Waiting for several channels at once, one message in one of them at a time.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use moirai_sync::{Select, SelectSet, channel};

use super::{case, checked};
use crate::harness::{Case, Entrant, Workload};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case("select4", "per message in one of 4 channels, select!", four()),
        case("select64", "per message in one of 64 channels, made once", sixty_four()),
    ]
}

/// Channels of the case with many.
const MANY: usize = 64;

/// Sends into one channel and selects over 64, on one thread. What selects is made before.
fn sixty_four() -> Vec<Entrant> {
    let select: Workload = Arc::new(|iterations| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..MANY).map(|_| channel::bounded::<u64>(1)).unzip();
        let mut select = Select::new();
        for receiver in &receivers {
            select.recv(receiver);
        }
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..iterations {
            senders[number as usize % MANY].send(number).expect("the receiver is alive");
            let selected = select.select();
            let index = selected.index();
            sum += black_box(selected.recv(&receivers[index])).expect("the sender is alive");
        }
        checked(start.elapsed(), iterations, Some(sum))
    });
    let set: Workload = Arc::new(|iterations| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..MANY).map(|_| channel::bounded::<u64>(1)).unzip();
        let mut set = SelectSet::new();
        for receiver in &receivers {
            set.recv(receiver);
        }
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..iterations {
            senders[number as usize % MANY].send(number).expect("the receiver is alive");
            // Ready also where the last message was; then the try fails.
            let received = loop {
                if let Ok(message) = receivers[set.ready()].try_recv() {
                    break message;
                }
            };
            sum += black_box(received);
        }
        checked(start.elapsed(), iterations, Some(sum))
    });
    let crossbeam: Workload = Arc::new(|iterations| {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..MANY).map(|_| crossbeam_channel::bounded::<u64>(1)).unzip();
        let mut select = crossbeam_channel::Select::new();
        for receiver in &receivers {
            select.recv(receiver);
        }
        let (start, mut sum) = (Instant::now(), 0);
        for number in 0..iterations {
            senders[number as usize % MANY].send(number).expect("the receiver is alive");
            let selected = select.select();
            let index = selected.index();
            sum += black_box(selected.recv(&receivers[index])).expect("the sender is alive");
        }
        checked(start.elapsed(), iterations, Some(sum))
    });
    vec![
        Entrant { peer: "moirai@select", workload: Ok(select) },
        Entrant { peer: "moirai@set", workload: Ok(set) },
        Entrant { peer: "crossbeam", workload: Ok(crossbeam) },
    ]
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
