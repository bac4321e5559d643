//! How a channel ends.

use std::sync::Arc;

use moirai_sync::channel::{self, TryRecvError, TrySendError};

#[test]
fn close_wakes_every_waiting_sender() {
    let (sender, receiver) = channel::bounded(1);
    sender.send(0).unwrap();
    let threads: Vec<_> = (1..5)
        .map(|i| {
            let sender = sender.clone();
            std::thread::spawn(move || sender.send(i).unwrap_err().into_inner())
        })
        .collect();
    assert!(receiver.close());
    assert!(!sender.close());
    let mut returned: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    returned.sort_unstable();
    assert_eq!(returned, [1, 2, 3, 4]);
    assert_eq!(receiver.recv(), Ok(0));
    assert_eq!(receiver.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn close_wakes_every_waiting_receiver() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let receiver = receiver.clone();
            std::thread::spawn(move || receiver.recv())
        })
        .collect();
    drop(sender);
    assert!(threads.into_iter().all(|thread| thread.join().unwrap().is_err()));
}

#[test]
fn the_last_receiver_takes_what_is_queued_with_it() {
    let (sender, receiver) = channel::bounded(4);
    let message = Arc::new(());
    sender.send(Arc::clone(&message)).unwrap();
    drop(receiver.clone());
    assert_eq!(Arc::strong_count(&message), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&message), 1);
    assert!(matches!(sender.try_send(message), Err(TrySendError::Disconnected(_))));
}
