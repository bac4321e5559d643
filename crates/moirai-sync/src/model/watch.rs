//! Models of the channel that keeps the latest value only.

use loom::thread;

use crate::channel::watch;

/// Whenever it comes, the last value is received, and then the end.
#[test]
fn the_last_value_is_received_and_then_the_end() {
    loom::model(|| {
        let (sender, receiver) = watch::channel(0);
        let thread = thread::spawn(move || {
            sender.send(1).unwrap();
            sender.send(2).unwrap();
        });
        let mut last = 0;
        while let Ok(value) = receiver.recv() {
            assert!(*value > last);
            last = *value;
        }
        assert_eq!(last, 2);
        thread.join().unwrap();
    });
}

#[test]
fn every_receiver_is_woken() {
    loom::model(|| {
        let (sender, receiver) = watch::channel(0);
        let other = receiver.clone();
        let thread = thread::spawn(move || other.recv().map(|value| *value));
        sender.send(1).unwrap();
        assert_eq!(receiver.recv().as_deref(), Ok(&1));
        assert_eq!(thread.join().unwrap(), Ok(1));
    });
}
