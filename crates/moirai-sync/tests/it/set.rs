//! Sets among others: what a set was woken for and does not go for, somebody else gets.

use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::channel::{self, Receiver};
use moirai_sync::{SelectSet, strand};

use crate::woken::Woken;

/// Two channels, whose messages are their names.
fn two() -> [(channel::Sender<char>, Receiver<char>); 2] {
    [channel::bounded(4), channel::bounded(4)]
}

fn set_of<'a>(receivers: &[&'a Receiver<char>]) -> SelectSet<'a> {
    let mut set = SelectSet::new();
    receivers.iter().for_each(|receiver| _ = set.recv(receiver));
    set
}

/// Polls `set`, for `woken`.
fn poll_set(woken: &Arc<Woken>, set: &mut SelectSet<'_>) -> Poll<usize> {
    set.poll_ready(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

/// Longer than any test takes.
const WATCHDOG: Duration = Duration::from_secs(30);

#[test]
fn a_set_that_is_held_unpolled_holds_back_one_notification_in_all() {
    let [(to_a, a), (to_b, b)] = two();
    let woken = Arc::<Woken>::default();
    let others = [(); 2].map(|()| Arc::<Woken>::default());
    // One channel twice.
    let mut set = set_of(&[&a, &a, &b]);
    assert!(poll_set(&woken, &mut set).is_pending());
    let (mut other_a, mut other_b) = (pin!(a.recv_async()), pin!(b.recv_async()));
    assert!(others[0].poll(other_a.as_mut()).is_pending());
    assert!(others[1].poll(other_b.as_mut()).is_pending());
    to_a.send('a').unwrap();
    assert_eq!((woken.times(), others[0].times()), (1, 0));
    to_b.send('b').unwrap();
    assert_eq!((woken.times(), others[1].times()), (1, 1));
    to_a.send('A').unwrap();
    assert_eq!((woken.times(), others[0].times()), (1, 1));
    assert_eq!(others[0].poll(other_a), Poll::Ready(Ok('a')));
    assert_eq!(others[1].poll(other_b), Poll::Ready(Ok('b')));
    // It finds what is left all the same, and nothing else.
    assert_eq!(poll_set(&woken, &mut set), Poll::Ready(0));
    assert_eq!(a.try_recv(), Ok('A'));
    assert!(poll_set(&woken, &mut set).is_pending());
}

#[test]
fn a_set_that_is_dropped_passes_its_turn_on() {
    let [(to_a, a), (_to_b, b)] = two();
    let [woken, other] = [(); 2].map(|()| Arc::<Woken>::default());
    let mut set = set_of(&[&a, &b]);
    assert!(poll_set(&woken, &mut set).is_pending());
    let mut next = pin!(a.recv_async());
    assert!(other.poll(next.as_mut()).is_pending());
    to_a.send('a').unwrap();
    assert_eq!((woken.times(), other.times()), (1, 0));
    drop(set);
    assert_eq!(other.times(), 1);
    assert_eq!(other.poll(next), Poll::Ready(Ok('a')));
}

#[test]
fn a_wait_for_a_set_that_is_dropped_passes_its_turn_on() {
    let [(to_a, a), (_to_b, b)] = two();
    let [woken, other] = [(); 2].map(|()| Arc::<Woken>::default());
    let mut set = set_of(&[&a, &b]);
    let mut next = pin!(a.recv_async());
    {
        let mut wait = pin!(set.ready_async());
        assert!(woken.poll(wait.as_mut()).is_pending());
        assert!(other.poll(next.as_mut()).is_pending());
        to_a.send('a').unwrap();
        assert_eq!((woken.times(), other.times()), (1, 0));
    }
    assert_eq!(other.times(), 1);
    // The set is there, and asks nothing: whatever comes is for others.
    assert_eq!(other.poll(next), Poll::Ready(Ok('a')));
    let mut next = pin!(a.recv_async());
    assert!(other.poll(next.as_mut()).is_pending());
    to_a.send('A').unwrap();
    assert_eq!((woken.times(), other.times()), (1, 2));
    assert_eq!(other.poll(next), Poll::Ready(Ok('A')));
}

#[test]
fn a_set_that_goes_for_another_end_passes_its_turn_on() {
    let [(to_a, a), (to_b, b)] = two();
    let [woken, other] = [(); 2].map(|()| Arc::<Woken>::default());
    let mut set = set_of(&[&a, &b]);
    // So that the next one it looks at is `b`.
    to_a.send('0').unwrap();
    assert_eq!(set.ready(), 0);
    assert_eq!(a.recv(), Ok('0'));
    assert!(poll_set(&woken, &mut set).is_pending());
    let mut next = pin!(a.recv_async());
    assert!(other.poll(next.as_mut()).is_pending());
    to_a.send('a').unwrap();
    to_b.send('b').unwrap();
    assert_eq!((woken.times(), other.times()), (1, 0));
    assert_eq!(poll_set(&woken, &mut set), Poll::Ready(1));
    assert_eq!(other.times(), 1);
    assert_eq!(other.poll(next), Poll::Ready(Ok('a')));
}

/// What it was told of, it is asked for: nobody else is woken for that as well.
#[test]
fn a_set_that_goes_for_what_it_was_woken_for_wakes_nobody() {
    let [(to_a, a), (_to_b, b)] = two();
    let [woken, other] = [(); 2].map(|()| Arc::<Woken>::default());
    let mut set = set_of(&[&a, &b]);
    assert!(poll_set(&woken, &mut set).is_pending());
    let mut next = pin!(a.recv_async());
    assert!(other.poll(next.as_mut()).is_pending());
    to_a.send('a').unwrap();
    assert_eq!(poll_set(&woken, &mut set), Poll::Ready(0));
    assert_eq!(a.try_recv(), Ok('a'));
    assert!(poll_set(&woken, &mut set).is_pending());
    assert_eq!((woken.times(), other.times()), (1, 0));
}

#[test]
fn two_sets_on_the_same_channels_hold_nothing_back_from_each_other() {
    let [(to_a, a), (to_b, b)] = two();
    let woken = [(); 2].map(|()| Arc::<Woken>::default());
    let mut sets = [(); 2].map(|()| set_of(&[&a, &b]));
    for (set, woken) in sets.iter_mut().zip(&woken) {
        assert!(poll_set(woken, set).is_pending());
    }
    let times = || woken.each_ref().map(|woken| woken.times());
    to_a.send('a').unwrap();
    assert_eq!(times(), [1, 0]);
    // The first one is awake, and not polled.
    to_b.send('b').unwrap();
    assert_eq!(times(), [1, 1]);
    assert_eq!(poll_set(&woken[1], &mut sets[1]), Poll::Ready(1));
    assert_eq!(b.try_recv(), Ok('b'));
    assert!(poll_set(&woken[1], &mut sets[1]).is_pending());
    drop(sets);
    assert_eq!(times(), [1, 2]);
    assert_eq!(a.try_recv(), Ok('a'));
}

/// A thread has been told by its set of one channel, and is busy with that.
#[test]
fn a_thread_that_is_busy_holds_back_no_message_of_its_set() {
    let [(to_a, a), (to_b, b)] = two();
    let (told, was_told) = mpsc::channel();
    let (done, may_end) = mpsc::channel::<()>();
    let (sleeps, is_asleep) = mpsc::channel();
    let others = b.clone();
    let thread = thread::spawn(move || {
        let mut set = set_of(&[&a, &b]);
        // The ends join their lists, `b` before whoever comes later.
        assert!(set.try_ready().is_err());
        sleeps.send(()).unwrap();
        assert_eq!(set.ready_timeout(WATCHDOG), Ok(0));
        assert_eq!(a.try_recv(), Ok('a'));
        told.send(()).unwrap();
        may_end.recv_timeout(WATCHDOG).expect("in time");
    });
    is_asleep.recv_timeout(WATCHDOG).expect("in time");
    let (wake, woken) = mpsc::channel();
    let mut receive = Box::pin(async move { others.recv_async().await });
    let waker = Waker::from(Arc::new(Tell(wake)));
    assert!(receive.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    to_a.send('a').unwrap();
    was_told.recv_timeout(WATCHDOG).expect("in time");
    to_b.send('b').unwrap();
    woken.recv_timeout(WATCHDOG).expect("woken");
    assert_eq!(strand::block_on(receive), Ok('b'));
    done.send(()).unwrap();
    thread.join().unwrap();
}

/// Hands on that it was woken.
struct Tell(mpsc::Sender<()>);

impl Wake for Tell {
    fn wake(self: Arc<Self>) {
        self.0.send(()).expect("the test is not over");
    }
}

/// Sets over the same channels, some of them held after a poll, and threads: whatever is sent is received.
#[test]
fn stress_sets_that_are_held_stop_nobody() {
    let rounds = if cfg!(miri) { 3 } else { 300 };
    for round in 0..rounds {
        let [(to_a, a), (to_b, b)] = two();
        let mut held: Vec<_> = (0..round % 4).map(|_| set_of(&[&a, &b, &a])).collect();
        for set in &mut held {
            let polled = set.poll_ready(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_pending());
        }
        let (all, count) = mpsc::channel();
        for _ in 0..2 {
            let (a, b, all) = (a.clone(), b.clone(), all.clone());
            thread::spawn(move || {
                let mut set = set_of(&[&a, &b]);
                let mut got = 0;
                while !set.is_empty() {
                    let index = set.ready();
                    match [&a, &b][index].try_recv() {
                        Ok(_) => got += 1,
                        Err(channel::TryRecvError::Empty) => {}
                        Err(channel::TryRecvError::Disconnected) => set.remove(index),
                    }
                }
                all.send(got).expect("the test is not over");
            });
        }
        let sending = [to_a, to_b].map(|to| {
            thread::spawn(move || (0..20).for_each(|_| to.send_timeout('m', WATCHDOG).unwrap()))
        });
        sending.into_iter().for_each(|thread| thread.join().unwrap());
        let got: [usize; 2] = [(); 2].map(|()| count.recv_timeout(WATCHDOG).expect("in time"));
        assert_eq!(got.iter().sum::<usize>(), 40);
        drop(held);
    }
}
