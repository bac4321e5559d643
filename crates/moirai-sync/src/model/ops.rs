//! Models of operators, whose waiters own what their lists lie in.

use loom::thread;

use crate::channel::{ChannelExt, bounded};

/// A message of each of two channels comes, whoever waits for which, and then the end.
#[test]
fn two_channels_as_one_lose_nothing() {
    loom::model(|| {
        let ((one, first), (two, second)) = (bounded(1), bounded(1));
        let sending = thread::spawn(move || one.send(1).unwrap());
        let other = thread::spawn(move || two.send(2).unwrap());
        let mut both = first.merge(second);
        assert_eq!(both.recv().unwrap() + both.recv().unwrap(), 3);
        assert!(both.recv().is_err());
        sending.join().unwrap();
        other.join().unwrap();
    });
}

/// An operator that has what it wants leaves what it was told of to others.
#[test]
fn who_rests_passes_its_turn_on() {
    loom::model(|| {
        let ((one, first), (two, second)) = (bounded(1), bounded(1));
        let idle = second.clone();
        let waiting = thread::spawn(move || idle.recv());
        let sending = thread::spawn(move || {
            two.send(2).unwrap();
            one.send(1).unwrap();
            two
        });
        let mut both = first.merge(second);
        let got = both.recv().unwrap();
        let two = sending.join().unwrap();
        match got {
            // The other is there for whoever waits, who is not asleep.
            1 => assert_eq!(waiting.join().unwrap(), Ok(2)),
            _ => {
                assert_eq!(both.recv(), Ok(1));
                drop(two);
                assert!(waiting.join().unwrap().is_err());
            }
        }
    });
}
