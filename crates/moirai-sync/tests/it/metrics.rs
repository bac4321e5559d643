//! What a channel says of itself, and how others read it.

use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::{self, BackpressureStrategy, ChannelBuilder, ChannelMetrics};

/// One of everything that is counted.
#[test]
fn a_script_is_told_by_all_eight_fields() {
    let strategy = BackpressureStrategy::DropOldest;
    let builder = ChannelBuilder::new().bounded(3).backpressure(strategy);
    let (sender, receiver) = builder.enable_latency_tracking().build().unwrap();
    let mut expected = ChannelMetrics::default();
    assert_eq!(sender.metrics().as_ref(), Some(&expected));

    (0..5).for_each(|i| sender.send(i).unwrap());
    assert_eq!(receiver.recv(), Ok(2));
    expected.messages_sent = 5;
    expected.messages_received = 1;
    expected.messages_dropped = 2;
    expected.current_queue_size = 2;
    expected.max_queue_size = 3;
    assert_eq!(sender.metrics().as_ref(), Some(&expected));

    let permits = sender.reserve().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut blocked = Box::pin(sender.reserve_async());
    assert!(blocked.as_mut().poll(&mut cx).is_pending());
    expected.blocked_senders = 1;
    assert_eq!(receiver.metrics().as_ref(), Some(&expected));
    drop(blocked);
    drop(permits);

    assert_eq!(receiver.try_iter().count(), 2);
    let mut blocked = [Box::pin(receiver.recv_async()), Box::pin(receiver.recv_async())];
    blocked.iter_mut().for_each(|future| assert!(future.as_mut().poll(&mut cx).is_pending()));
    let metrics = receiver.metrics().unwrap();
    assert_eq!((metrics.blocked_senders, metrics.blocked_receivers), (0, 2));
    assert_eq!((metrics.messages_received, metrics.current_queue_size), (3, 0));

    let before = metrics.total_wait_time;
    assert!(receiver.recv_timeout(WAIT).is_err());
    drop(blocked);
    assert!(receiver.metrics().unwrap().total_wait_time > before);

    sender.send(7).unwrap();
    receiver.reset_metrics();
    let queued = ChannelMetrics { current_queue_size: 1, max_queue_size: 1, ..Default::default() };
    assert_eq!(sender.metrics(), Some(queued));
    drop(receiver);
    let metrics = sender.metrics().unwrap();
    assert_eq!((metrics.messages_sent, metrics.messages_received), (0, 0));
    assert_eq!((metrics.messages_dropped, metrics.current_queue_size), (1, 0));
}

#[test]
fn every_kind_of_channel_counts() {
    let builders = [
        ChannelBuilder::new().bounded(1000),
        ChannelBuilder::new().unbounded(),
        ChannelBuilder::new().bounded(1000).with_priorities(3),
        ChannelBuilder::new().with_priorities(64),
    ];
    for builder in builders {
        let (sender, receiver) = builder.enable_metrics().build().unwrap();
        for round in 1..=3 {
            sender.send_batch(&mut (0..5 * MANY).collect()).unwrap();
            (0..MANY).for_each(|i| sender.send_priority(0, i as u8 % 3).unwrap());
            sender.reserve().unwrap().send(1);
            assert_eq!(receiver.recv_batch(&mut Vec::new(), 2 * MANY), Ok(2 * MANY));
            assert_eq!(receiver.try_iter().count(), 4 * MANY + 1);
            let metrics = sender.metrics().unwrap();
            let all = 6 * MANY + 1;
            assert_eq!(metrics.messages_sent, all as u64 * round);
            assert_eq!(metrics.messages_received, all as u64 * round);
            assert_eq!((metrics.max_queue_size, metrics.current_queue_size), (all, 0));
            assert_eq!((metrics.messages_dropped, metrics.total_wait_time), (0, Duration::ZERO));
        }
    }
}

#[test]
fn a_rendezvous_counts_what_was_handed_over() {
    let builder = ChannelBuilder::new().bounded(0).enable_latency_tracking();
    let (sender, receiver) = builder.build().unwrap();
    let mut cx = Context::from_waker(Waker::noop());
    let mut blocked = Box::pin(sender.send_async(1));
    assert!(blocked.as_mut().poll(&mut cx).is_pending());
    assert_eq!(sender.metrics().unwrap().blocked_senders, 1);
    drop(blocked);
    let sending = thread::spawn({
        let sender = sender.clone();
        move || (0..10).for_each(|i| sender.send(i).unwrap())
    });
    for i in 0..10 {
        assert_eq!(receiver.recv(), Ok(i));
    }
    sending.join().unwrap();
    let metrics = sender.metrics().unwrap();
    assert_eq!((metrics.messages_sent, metrics.messages_received), (10, 10));
    assert_eq!((metrics.max_queue_size, metrics.blocked_senders), (0, 0));
    assert!(metrics.total_wait_time > Duration::ZERO);
}

#[test]
fn counts_are_right_when_many_send_and_receive() {
    for builder in [ChannelBuilder::new().bounded(16), ChannelBuilder::new()] {
        let (sender, receiver) = builder.enable_metrics().build().unwrap();
        let senders: Vec<_> = (0..3)
            .map(|_| {
                let sender = sender.clone();
                thread::spawn(move || (0..MESSAGES).for_each(|i| sender.send(i).unwrap()))
            })
            .collect();
        let receivers: Vec<_> = (0..2)
            .map(|_| {
                let receiver = receiver.clone();
                thread::spawn(move || receiver.iter().count() as u64)
            })
            .collect();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        sender.close();
        let received: u64 = receivers.into_iter().map(|thread| thread.join().unwrap()).sum();
        let metrics = sender.metrics().unwrap();
        assert_eq!((received, metrics.messages_sent), (3 * MESSAGES, 3 * MESSAGES));
        assert_eq!(metrics.messages_received, 3 * MESSAGES);
        assert!(metrics.max_queue_size <= sender.capacity().unwrap_or(usize::MAX));
    }
}

#[test]
fn a_channel_without_metrics_has_none() {
    let (sender, receiver) = channel::bounded::<u8>(1);
    sender.reset_metrics();
    assert_eq!((sender.metrics(), receiver.metrics()), (None, None));
    let (sender, _receiver) = ChannelBuilder::<u8>::new().name("jobs").build().unwrap();
    assert_eq!(sender.metrics(), None);
    assert!(format!("{sender:?}").contains("name: \"jobs\""));
}

const WAIT: Duration = Duration::from_millis(2);
const MESSAGES: u64 = if cfg!(miri) { 20 } else { 3_000 };
const MANY: usize = if cfg!(miri) { 10 } else { 100 };
