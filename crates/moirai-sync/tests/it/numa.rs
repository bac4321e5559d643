//! Channels with a queue for each node, on a machine of two that the tests make up.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;

use moirai_sync::channel::{self, TrySendError};

thread_local! {
    static NODE: Cell<usize> = const { Cell::new(0) };
}

/// The node that this thread says it is on.
fn node() -> usize {
    NODE.get()
}

fn on<R>(node: usize, action: impl FnOnce() -> R) -> R {
    let before = NODE.replace(node);
    let result = action();
    NODE.set(before);
    result
}

#[test]
fn messages_stay_local_until_their_share_is_used_up() {
    let (sender, receiver) = channel::numa(2, 12, node); // 4 for each node, and 4 for all
    for i in 0..4 {
        on(0, || sender.send_local(i)).unwrap();
        on(1, || sender.send_local(10 + i)).unwrap();
    }
    assert_eq!(on(0, || sender.send_local(4)), Err(TrySendError::Full(4)));
    for i in 4..8 {
        on(0, || sender.send(i)).unwrap(); // into the common one
    }
    assert_eq!(on(1, || sender.try_send(14)), Err(TrySendError::Full(14)));
    assert_eq!((sender.len(), sender.capacity(), sender.is_full()), (12, Some(12), true));
    // Each node receives its own, then what is common, then the other's; but one receive of 64 begins
    // anywhere, so that this says what happens mostly.
    let mut as_expected = 0;
    for _ in 0..ROUNDS {
        let received: Vec<_> = on(1, || receiver.try_iter().collect());
        as_expected += u32::from(received.iter().copied().eq((10..14).chain(4..8).chain(0..4)));
        assert_eq!(received.len(), 12);
        for queue in [0..4, 4..8, 10..14] {
            let of_queue = received.iter().filter(|message| queue.contains(*message));
            assert!(of_queue.copied().eq(queue.clone()), "{received:?}");
        }
        (10..14).for_each(|i| on(1, || sender.send_local(i)).unwrap());
        (0..8).for_each(|i| on(0, || sender.send(i)).unwrap());
    }
    assert!(as_expected > ROUNDS / 2, "{as_expected}");
}

#[test]
fn nobodys_messages_are_left_behind() {
    let (sender, receiver) = channel::numa(2, 9, node);
    let sending = thread::spawn(move || {
        for i in 0..MESSAGES {
            on(i as usize % 2, || sender.send(i)).unwrap();
        }
    });
    let mut all: Vec<_> = on(0, || receiver.iter().collect()); // nobody receives on node 1
    sending.join().unwrap();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..MESSAGES));
}

#[test]
fn on_one_node_it_is_the_channel_that_all_share() {
    for nodes in [0, 1] {
        let (sender, receiver) = channel::numa(nodes, 2, || unreachable!("nobody asks"));
        sender.send_local(1).unwrap();
        sender.send(2).unwrap();
        assert_eq!(sender.send_local(3), Err(TrySendError::Full(3)));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        receiver.close();
        assert_eq!(sender.send_local(3), Err(TrySendError::Disconnected(3)));
    }
}

#[test]
fn a_closed_channel_of_nodes_gives_back_and_keeps() {
    let value = Arc::new(());
    let (sender, receiver) = channel::numa(2, 1, || usize::MAX); // any number names a node
    sender.send_local(Arc::clone(&value)).unwrap();
    assert_eq!(sender.capacity(), Some(1));
    assert!(sender.send_local(Arc::clone(&value)).unwrap_err().is_full());
    sender.close();
    assert!(sender.send_local(Arc::clone(&value)).unwrap_err().is_disconnected());
    assert!(receiver.recv().is_ok() && receiver.recv().is_err());
    assert_eq!(Arc::strong_count(&value), 1);
}

const ROUNDS: u32 = if cfg!(miri) { 40 } else { 200 };
const MESSAGES: u32 = if cfg!(miri) { 50 } else { 5_000 };
