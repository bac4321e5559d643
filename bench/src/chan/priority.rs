//! Messages of four levels, from four senders to one receiver, which takes the most urgent first.
//!
//! The rival is what one builds of plain channels: one for each level, and a biased select.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use moirai_sync::channel::priority;

use super::{case, checked, shares};
use crate::harness::{Case, Entrant, Workload};

const LEVELS: usize = 4;
const SENDERS: usize = 4;

pub(super) fn cases() -> Vec<Case> {
    vec![case("priority", "per message, 4:1, 4 levels, unbounded", many_to_one())]
}

fn level(message: u64) -> usize {
    message as usize % LEVELS
}

fn many_to_one() -> Vec<Entrant> {
    let ours: Workload = Arc::new(|iterations| {
        let (sender, receiver) = priority::unbounded::<u64>(LEVELS);
        let start = Instant::now();
        let sum = thread::scope(|scope| {
            for share in shares(iterations, SENDERS) {
                let sender = &sender;
                scope.spawn(move || {
                    for message in share {
                        let sent = sender.send_priority(message, level(message) as u8);
                        sent.expect("the receiver is alive");
                    }
                });
            }
            (0..iterations).map(|_| receiver.recv().expect("the sender is alive")).sum()
        });
        checked(start.elapsed(), iterations, Some(sum))
    });
    let crossbeam: Workload = Arc::new(|iterations| {
        let ends: [_; LEVELS] = [(); LEVELS].map(|()| crossbeam_channel::unbounded::<u64>());
        let [low, normal, high, critical] = [0, 1, 2, 3].map(|level: usize| &ends[level].1);
        let start = Instant::now();
        let sum = thread::scope(|scope| {
            for share in shares(iterations, SENDERS) {
                let ends = &ends;
                scope.spawn(move || {
                    for message in share {
                        let sent = ends[level(message)].0.send(message);
                        sent.expect("the receiver is alive");
                    }
                });
            }
            let received = (0..iterations).map(|_| {
                crossbeam_channel::select_biased! {
                    recv(critical) -> message => message,
                    recv(high) -> message => message,
                    recv(normal) -> message => message,
                    recv(low) -> message => message,
                }
            });
            received.map(|message| message.expect("the sender is alive")).sum()
        });
        checked(start.elapsed(), iterations, Some(sum))
    });
    vec![
        Entrant { peer: "moirai", workload: Ok(ours) },
        Entrant { peer: "crossbeam", workload: Ok(crossbeam) },
    ]
}
