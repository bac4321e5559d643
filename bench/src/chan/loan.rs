//! Messages of 64 KiB, made by the sender and added up by the receiver.

use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use moirai_sync::channel::spsc;

use super::{case, checked};
use crate::harness::{Case, Entrant, Workload};

const WORDS: usize = 64 * 1024 / 8;
const CAPACITY: usize = 8;

/// A message; its first word is its number.
type Message = [u64; WORDS];

fn word(number: u64, i: usize) -> u64 {
    if i == 0 { number } else { number ^ i as u64 }
}

fn read(message: &Message) -> u64 {
    // All of it, so that nothing is left out by the optimizer.
    black_box(message.iter().fold(0, |all: u64, word| all.wrapping_add(*word)));
    message[0]
}

pub(super) fn case_64k() -> Case {
    let entrants = vec![
        entrant(
            "moirai@threads",
            || spsc::bounded::<Message>(CAPACITY),
            |sender, number| {
                let loan = sender.loan().expect("the receiver is alive");
                loan.fill(|i| word(number, i)).expect("the receiver is alive");
            },
            |receiver| receiver.recv_ref().ok().map(|message| read(&message)),
        ),
        entrant(
            "by-value@threads",
            || spsc::bounded::<Message>(CAPACITY),
            |sender, number| {
                let message = std::array::from_fn(|i| word(number, i));
                sender.send(message).expect("the receiver is alive");
            },
            |receiver| receiver.recv().ok().map(|message| read(&message)),
        ),
        entrant(
            "crossbeam-box@threads",
            || crossbeam_channel::bounded::<Box<Message>>(CAPACITY),
            |sender, number| {
                let message: Box<[u64]> = (0..WORDS).map(|i| word(number, i)).collect();
                let message = message.try_into().expect("as long as it was made");
                sender.send(message).expect("the receiver is alive");
            },
            |receiver| receiver.recv().ok().map(|message| read(&message)),
        ),
        entrant(
            "kanal-box@threads",
            || kanal::bounded::<Box<Message>>(CAPACITY),
            |sender, number| {
                let message: Box<[u64]> = (0..WORDS).map(|i| word(number, i)).collect();
                let message = message.try_into().expect("as long as it was made");
                sender.send(message).expect("the receiver is alive");
            },
            |receiver| receiver.recv().ok().map(|message| read(&message)),
        ),
    ];
    case("loan64k", "per message of 64 KiB, 1:1", entrants)
}

fn entrant<S: Send + 'static, R: Send + 'static>(
    peer: &'static str,
    ends: fn() -> (S, R),
    send: impl Fn(&mut S, u64) + Copy + Send + Sync + 'static,
    recv: impl Fn(&mut R) -> Option<u64> + Send + Sync + 'static,
) -> Entrant {
    let workload: Workload = Arc::new(move |iterations| {
        let (mut sender, mut receiver) = ends();
        let start = Instant::now();
        let sum = thread::scope(|scope| {
            scope.spawn(move || (0..iterations).for_each(|number| send(&mut sender, number)));
            let mut sum = 0;
            while let Some(number) = recv(&mut receiver) {
                sum += number;
            }
            drop(receiver);
            sum
        });
        checked(start.elapsed(), iterations, Some(sum))
    });
    Entrant { peer, workload: Ok(workload) }
}
