//! A worker that waits in the driver, and what the driver wakes on its thread.
//!
//! There is no clock here, so the driver is one of our own, whose events the test fires.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use moirai_sync::channel;
use moirai_sync::strand::{Clock, TimerKey};
use shuttle::sync::{Condvar, Mutex};
use shuttle::thread::{self, JoinHandle};

use super::{Count, all_permits_are_there, dawdle, explore, meet, pool_of, pool_with, watch};
use crate::hooks::Hook;
use crate::join::broadcast;
use crate::sched::current::{self, Context};
use crate::sched::driver::Driver;
use crate::sched::pool::{Pool, Sharing, Watching};
use crate::task::{self, TaskHandle};

#[derive(Debug, Default)]
struct Events {
    fired: Mutex<Fired>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Fired {
    notified: bool,
    wakers: Vec<Waker>,
}

impl Events {
    /// Whoever waits in the driver calls `wakers`.
    fn fire(&self, wakers: impl IntoIterator<Item = Waker>) {
        self.fired.lock().unwrap().wakers.extend(wakers);
        self.unpark();
    }
}

impl Driver for Events {
    fn clock(&self, _: usize) -> Arc<dyn Clock> {
        Arc::new(Self::default()) // nobody sleeps
    }

    fn wait(&self, _: Option<Instant>) {
        let mut fired = self.fired.lock().unwrap();
        if !fired.notified {
            fired = self.changed.wait(fired).unwrap();
        }
        fired.notified = false;
        drop(fired);
        self.poll();
    }

    fn poll(&self) {
        let wakers = std::mem::take(&mut self.fired.lock().unwrap().wakers);
        wakers.into_iter().for_each(Waker::wake);
    }

    fn unpark(&self) {
        self.fired.lock().unwrap().notified = true;
        self.changed.notify_one();
    }

    fn timers(&self) -> usize {
        0
    }

    fn close(&self) {
        self.poll();
    }
}

impl Clock for Events {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn insert(&self, _: Instant, _: Waker) -> TimerKey {
        unreachable!("nobody sleeps")
    }

    fn remove(&self, _: TimerKey) {}
}

/// An event that one task waits for.
#[derive(Clone, Default)]
struct Event(Arc<Mutex<(Happened, Option<Waker>)>>);

#[derive(Clone, Copy, Default, PartialEq)]
enum Happened {
    #[default]
    No,
    Yes,
}

impl Event {
    /// It has happened; returns whom the driver is to wake.
    fn happen(&self) -> Option<Waker> {
        let mut event = self.0.lock().unwrap();
        event.0 = Happened::Yes;
        event.1.take()
    }

    /// A task that waits for the event and then runs `then`.
    fn task(&self, pool: &Arc<Pool>, then: impl FnOnce() + Send + 'static) -> TaskHandle<()> {
        let event = self.clone();
        task::spawn_future(pool, async move {
            poll_fn(|cx| {
                let mut event = event.0.lock().unwrap();
                if event.0 == Happened::Yes {
                    return Poll::Ready(());
                }
                event.1 = Some(cx.waker().clone());
                Poll::Pending
            })
            .await;
            then();
        })
    }
}

/// Two tasks are woken by one look of the driver, and each computes until both have started: the
/// worker that was in the driver wakes another for the second.
#[test]
fn two_tasks_that_one_event_wakes_run_at_once() {
    explore(SCHEDULES, || {
        let events = Arc::new(Events::default());
        let pool = pool_with(Arc::clone(&events) as Arc<dyn Driver>, 2);
        let started = Count::default();
        let waited = [Event::default(), Event::default()];
        let tasks = waited.each_ref().map(|event| event.task(&pool, meet(&started, 2)));
        dawdle(60);
        events.fire(waited.iter().filter_map(Event::happen).collect::<Vec<_>>());
        tasks.into_iter().for_each(|task| task.join().unwrap());
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// Events and tasks from outside come at once: the worker in the driver wakes by itself while it is
/// being given a permit.
#[test]
fn events_and_published_work_lose_neither_task_nor_permit() {
    explore(SCHEDULES, || {
        let events = Arc::new(Events::default());
        let pool = pool_with(Arc::clone(&events) as Arc<dyn Driver>, 2);
        let ran = Count::default();
        let waited = [Event::default(), Event::default()];
        let tasks = waited.each_ref().map(|event| {
            let ran = ran.clone();
            event.task(&pool, move || ran.up())
        });
        let publisher = thread::spawn({
            let (pool, ran) = (Arc::clone(&pool), ran.clone());
            move || {
                for _ in 0..2 {
                    let ran = ran.clone();
                    task::spawn_future(&pool, async move { ran.up() }).join().unwrap();
                }
            }
        });
        for event in &waited {
            dawdle(30);
            events.fire(event.happen());
        }
        tasks.into_iter().for_each(|task| task.join().unwrap());
        publisher.join().unwrap();
        assert_eq!(ran.get(), 4);
        all_permits_are_there(&pool);
        pool.close();
    });
}

/// A watcher that goes off at once, as one does after a while in which nobody has run.
fn stay_off(pool: &Arc<Pool>) -> io::Result<JoinHandle<()>> {
    watch(pool, |_, watcher| watcher.go_off())
}

/// A share of a broadcast, for which a worker needs no permit, blocks for an event: the worker has waited
/// in the driver, the watcher is off, and somebody must be in the driver when the event fires.
#[test]
fn a_worker_that_leaves_the_driver_for_a_letter_leaves_it_to_the_watcher() {
    explore(1_000, || {
        let events = Arc::new(Events::default());
        let on_stall = Hook::default();
        let watching = Watching { start: stay_off, stall_after: Duration::MAX, on_stall };
        let driver = Arc::clone(&events) as Arc<dyn Driver>;
        let pool = pool_of(driver, 1, Some(watching), Sharing::All);
        let (sender, receiver) = channel::bounded(1);
        let event = Event::default();
        let sending = event.task(&pool, move || sender.send(()).unwrap());
        dawdle(60);
        let broadcasting = thread::spawn({
            let pool = Arc::clone(&pool);
            move || current::enter(&Context::new(&pool, None), || broadcast(|_| receiver.recv()))
        });
        dawdle(60);
        events.fire(event.happen());
        assert_eq!(broadcasting.join().unwrap(), [Ok(())]);
        sending.join().unwrap();
        all_permits_are_there(&pool);
        pool.close();
    });
}

const SCHEDULES: usize = 10_000;
