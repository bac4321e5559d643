//! Messages arrive once, and in order.

use moirai_sync::channel;

#[test]
fn messages_of_one_sender_arrive_in_order() {
    let (sender, receiver) = channel::bounded(3);
    let thread = std::thread::spawn(move || (0..MESSAGES).try_for_each(|i| sender.send(i)));
    assert!(receiver.iter().eq(0..MESSAGES));
    thread.join().unwrap().unwrap();
}

#[test]
fn every_message_arrives_once_among_many_senders_and_receivers() {
    for capacity in [1, 2, 128] {
        let (sender, receiver) = channel::bounded(capacity);
        let senders: Vec<_> = (0..4_u64)
            .map(|n| {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    (0..MESSAGES).for_each(|i| sender.send(n * MESSAGES + i).unwrap());
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> = (0..4)
            .map(|n| {
                let receiver = receiver.clone();
                std::thread::spawn(move || -> Vec<u64> {
                    if n % 2 == 0 {
                        receiver.iter().collect()
                    } else {
                        moirai_sync::strand::block_on(async {
                            let mut all = Vec::new();
                            while let Ok(message) = receiver.recv_async().await {
                                all.push(message);
                            }
                            all
                        })
                    }
                })
            })
            .collect();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        let mut all: Vec<_> =
            receivers.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..4 * MESSAGES));
    }
}

/// Of each sender; under Miri each costs milliseconds.
const MESSAGES: u64 = if cfg!(miri) { 20 } else { 5_000 };
