//! Channels with a queue for each worker: whose messages are whose, who steals, and when.

use std::hash::{BuildHasher, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use moirai_sync::channel::{
    self, ChannelBuilder, RecvTimeoutError, SendToWorkerError, Sender, TryRecvError, WorkerReceiver,
};
use moirai_sync::{select, strand};

#[test]
fn what_is_not_stolen_comes_in_order_to_whom_it_was_sent() {
    let (sender, workers) = channel::work_stealing(4);
    for i in 0..100 {
        sender.send_to_worker(i % 4, i).unwrap();
    }
    for round in 0..25 {
        for worker in &workers {
            assert_eq!(worker.recv(), Ok(round * 4 + worker.id()));
        }
    }
    assert!(workers.iter().all(|worker| worker.try_recv() == Err(TryRecvError::Empty)));
}

#[test]
fn an_idle_worker_drains_a_stalled_ones_queue() {
    let (sender, mut workers) = channel::work_stealing(3);
    let stalled = workers.remove(1);
    for i in 0..100 {
        sender.send_to_worker(stalled.id(), i).unwrap();
    }
    sender.send_to_worker(2, 100).unwrap();
    // Its own first, then the other's, in their order.
    assert_eq!(workers[1].recv(), Ok(100));
    let idle = workers.remove(0);
    let thief = thread::spawn(move || idle.iter().collect::<Vec<_>>());
    sender.close();
    assert!(thief.join().unwrap().into_iter().eq(0..100));
    assert_eq!(stalled.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn a_sleeping_worker_is_woken_for_another_ones_message() {
    let (sender, mut workers) = channel::work_stealing(2);
    let waiting = workers.remove(0);
    let waiting = thread::spawn(move || waiting.recv());
    sender.send_to_worker(1, 7).unwrap();
    assert_eq!(waiting.join().unwrap(), Ok(7));
}

#[test]
fn a_worker_that_is_not_there_gives_the_message_back() {
    let (sender, workers) = channel::work_stealing(2);
    for worker in [2, 3, usize::MAX] {
        assert_eq!(sender.send_to_worker(worker, 7), Err(SendToWorkerError::NoWorker(7)));
    }
    drop(workers);
    assert_eq!(sender.send_to_worker(1, 7), Err(SendToWorkerError::Disconnected(7)));
    assert_eq!(sender.send_to_worker(2, 7).unwrap_err().into_inner(), 7);
    let (sender, _receiver) = channel::bounded(1);
    assert_eq!(sender.send_to_worker(0, 7), Err(SendToWorkerError::NoWorker(7)));
    let (sender, _receiver) = channel::priority::unbounded(4);
    assert_eq!(sender.send_to_worker(0, 7), Err(SendToWorkerError::NoWorker(7)));
}

#[test]
fn there_are_as_many_workers_as_were_asked_for_within_limits() {
    for count in [0, 1, 4, 1024, 1025] {
        let (sender, workers) = channel::work_stealing(count);
        assert!(workers.iter().map(WorkerReceiver::id).eq(0..count.clamp(1, 1024)));
        sender.send(7).unwrap();
        assert_eq!(workers.last().unwrap().recv(), Ok(7));
    }
}

#[test]
fn messages_for_anybody_come_in_order_to_whoever_asks() {
    let (sender, workers) = channel::work_stealing(3);
    (0..100).for_each(|i| sender.send(i).unwrap());
    assert_eq!(sender.len(), 100);
    for i in 0..100 {
        assert_eq!(workers[(i * 7) % 3].recv(), Ok(i));
    }
    assert!(sender.is_empty());
}

#[test]
fn a_worker_takes_its_own_then_what_is_for_anybody_then_anothers() {
    let (sender, workers) = channel::work_stealing(2);
    sender.send_to_worker(1, "another's").unwrap();
    sender.send("anybody's").unwrap();
    sender.send_to_worker(0, "its own").unwrap();
    let received: Vec<_> = (0..3).map(|_| workers[0].recv().unwrap()).collect();
    assert_eq!(received, ["its own", "anybody's", "another's"]);
}

#[test]
fn who_steals_looks_at_its_own_each_time() {
    let (sender, workers) = channel::work_stealing(3);
    (0..1000).for_each(|i| sender.send_to_worker(2, i).unwrap());
    assert_eq!(workers[0].recv(), Ok(0));
    sender.send_to_worker(0, 1000).unwrap();
    assert_eq!(workers[0].recv(), Ok(1000));
    assert_eq!(workers[0].recv(), Ok(1));
}

/// Neither by a worker that always has its own, nor by one that is no worker.
#[test]
fn nobodys_message_waits_for_ever() {
    let (sender, workers) = channel::work_stealing(2);
    sender.send(7).unwrap();
    let taken = (0..64).position(|_| {
        sender.send_to_worker(0, 0).unwrap();
        workers[0].recv() == Ok(7)
    });
    assert_eq!(taken, Some(63));
    while workers[0].try_recv().is_ok() {}
    sender.send_to_worker(1, 7).unwrap();
    let taken = (0..100_000).position(|_| {
        sender.send(0).unwrap();
        workers[0].as_receiver().recv() == Ok(7)
    });
    assert!(taken.is_some());
}

#[test]
fn the_other_ways_are_there_as_well() {
    let (sender, workers) = channel::work_stealing(2);
    let [first, second] = &workers[..] else { unreachable!() };
    let soon = Duration::from_millis(1);
    assert_eq!(first.recv_timeout(soon), Err(RecvTimeoutError::Timeout));
    assert_eq!(first.recv_deadline(Instant::now()), Err(RecvTimeoutError::Timeout));
    sender.send_to_worker(1, 1).unwrap();
    assert_eq!(strand::block_on(first.recv_async()), Ok(1));
    sender.send_batch(&mut vec![2, 3]).unwrap();
    sender.reserve().unwrap().send(4);
    strand::block_on(sender.send_async(5)).unwrap();
    let mut received = Vec::new();
    select! {
        recv(second.as_receiver()) -> message => received.extend(message),
        default => panic!("there are messages"),
    }
    first.as_receiver().recv_batch(&mut received, 64).unwrap();
    received.sort_unstable();
    assert_eq!(received, [2, 3, 4, 5]);
    assert_eq!((sender.len(), sender.capacity()), (0, None));
    drop(sender);
    assert!(first.recv().is_err() && strand::block_on(second.recv_async()).is_err());
    assert_eq!(second.recv_timeout(soon), Err(RecvTimeoutError::Disconnected));
}

/// Whatever is stolen: what one sender has sent to one worker comes in order to each who takes it.
#[test]
fn stress_nothing_is_lost_and_each_queue_is_in_order() {
    let seed = RandomState::new().hash_one(0);
    println!("seed {seed}");
    let (start, mut sent) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(200) {
        let (sender, workers) = channel::work_stealing(3);
        let senders: Vec<_> = (0..2)
            .map(|n| {
                let sender: Sender<_> = sender.clone();
                thread::spawn(move || {
                    for i in 0..300_u64 {
                        let worker = ((seed >> (i % 60)) % 3) as usize;
                        sender.send_to_worker(worker, (n, worker, i)).unwrap();
                    }
                })
            })
            .collect();
        drop(sender);
        let receivers: Vec<_> =
            workers.into_iter().map(|worker| thread::spawn(move || receive_all(&worker))).collect();
        senders.into_iter().for_each(|thread| thread.join().unwrap());
        let mut all = Vec::new();
        for receiver in receivers {
            let received = receiver.join().unwrap();
            for (n, worker) in (0..2).flat_map(|n| (0..3).map(move |worker| (n, worker))) {
                let mine = received.iter().filter(|message| (message.0, message.1) == (n, worker));
                assert!(mine.is_sorted_by_key(|message| message.2));
            }
            all.extend(received);
        }
        all.sort_unstable_by_key(|message| (message.0, message.2));
        let expected = (0..2).flat_map(|n| (0..300).map(move |i| (n, i)));
        assert!(all.iter().map(|message| (message.0, message.2)).eq(expected));
        sent += all.len();
    }
    println!("{sent} messages");
}

/// Half of the receives are futures, some of which are polled once and dropped.
fn receive_all(worker: &WorkerReceiver<(u64, usize, u64)>) -> Vec<(u64, usize, u64)> {
    let mut received = Vec::new();
    loop {
        let future = pin!(worker.recv_async());
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(message)) => received.push(message),
            Poll::Ready(Err(_)) => return received,
            Poll::Pending => received.extend(worker.recv()),
        }
    }
}

#[test]
fn what_a_thread_sends_it_receives_first() {
    let (queues, rounds) = if cfg!(miri) { (64, 20) } else { (1024, 100) };
    let builder = ChannelBuilder::new().bounded(8).worker_affinity(queues);
    let (sender, receiver) = builder.build().unwrap();
    let other = thread::spawn({
        let sender = sender.clone();
        move || sender.send_batch(&mut vec![1, 2])
    });
    other.join().unwrap().unwrap();
    sender.send_batch(&mut vec![3, 4]).unwrap();
    assert_eq!((sender.len(), sender.capacity()), (4, Some(8)));
    // Now and then a receive begins elsewhere, so that nobody's messages wait for ever.
    let mut own_first = 0;
    for _ in 0..rounds {
        let received: Vec<_> = receiver.try_iter().collect();
        own_first += u32::from(received == [3, 4, 1, 2]);
        let (mine, others): (Vec<_>, Vec<_>) = received.into_iter().partition(|i| *i > 2);
        assert_eq!((&mine[..], &others[..]), (&[3, 4][..], &[1, 2][..]));
        let other = thread::spawn({
            let sender = sender.clone();
            move || others.into_iter().try_for_each(|message| sender.send(message))
        });
        other.join().unwrap().unwrap();
        mine.into_iter().for_each(|message| sender.send(message).unwrap());
    }
    assert!(own_first > rounds / 2, "{own_first}");
}

#[test]
fn messages_that_nobody_takes_are_dropped_with_the_last_worker() {
    let value = Arc::new(());
    let (sender, workers) = channel::work_stealing(3);
    (0..10).for_each(|i| sender.send_to_worker(i % 3, Arc::clone(&value)).unwrap());
    drop(workers);
    assert!(sender.is_closed());
    assert_eq!(Arc::strong_count(&value), 1);
    let (sender, workers) = channel::work_stealing::<()>(2);
    (0..10).for_each(|_| sender.send(()).unwrap());
    drop(sender);
    assert_eq!(workers[0].iter().count(), 10);
}
