//! Threads that block on futures, and run the tasks meanwhile.

use moirai_sync::channel;
use shuttle::thread;

use super::{dawdle, explore, lone_pool};
use crate::runtime::Handle;
use crate::task;

/// The future and a task of a thread are woken from outside at any moment, also while it lies down.
#[test]
fn a_lone_worker_misses_neither_a_call_nor_a_task() {
    explore(SCHEDULES, || {
        let pool = lone_pool();
        let (call, called) = channel::bounded(1);
        let (send, sent) = channel::bounded(1);
        let task = task::spawn_future(&pool, async move { sent.recv_async().await });
        let handle = Handle::of(pool.clone());
        // One after the other: what comes later would make up for a call that is lost.
        let caller = thread::spawn(move || {
            dawdle(20);
            call.send(1).unwrap();
        });
        assert_eq!(handle.block_on(called.recv_async()), Ok(1));
        caller.join().unwrap();
        let sender = thread::spawn(move || {
            dawdle(20);
            send.send(2).unwrap();
        });
        assert_eq!(handle.block_on(task).unwrap(), Ok(2));
        sender.join().unwrap();
        pool.close();
    });
}

/// Two threads drive by turns: whoever leaves wakes the other, and its end is seen by both.
#[test]
fn who_leaves_the_seat_leaves_it_to_the_next() {
    explore(SCHEDULES, || {
        let pool = lone_pool();
        let spawn = |n: u32| {
            let (send, sent) = channel::bounded(1);
            let sending = task::spawn_future(&pool, async move { send.send_async(n).await });
            sending.detach();
            task::spawn_future(&pool, async move { sent.recv_async().await })
        };
        let (first, second) = (spawn(1), spawn(2));
        let other = thread::spawn({
            let handle = Handle::of(pool.clone());
            move || handle.block_on(first).unwrap()
        });
        assert_eq!(Handle::of(pool.clone()).block_on(second).unwrap(), Ok(2));
        assert_eq!(other.join().unwrap(), Ok(1));
        pool.close();
    });
}

/// The pool closes while a thread drives it: its task ends, and so does its wait for it.
#[test]
fn a_lone_worker_ends_with_its_pool() {
    explore(SCHEDULES, || {
        let pool = lone_pool();
        let task = task::spawn_future(&pool, std::future::pending::<()>());
        let other = thread::spawn({
            let handle = Handle::of(pool.clone());
            move || assert!(handle.block_on(task).is_err())
        });
        dawdle(40);
        pool.close();
        other.join().unwrap();
    });
}

const SCHEDULES: usize = 10_000;
