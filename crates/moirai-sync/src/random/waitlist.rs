//! The wait list under random schedules, over the smallest thing one can wait for: permits.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use shuttle::sync::atomic::{AtomicU32, Ordering};
use shuttle::thread;

use super::{draw, explore};
use crate::strand;
use crate::waitlist::{Finished, WaitList, Waiter};

struct Permits {
    count: AtomicU32,
    list: WaitList,
}

impl Permits {
    fn release(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.list.notify_one();
    }

    fn try_acquire(&self) -> bool {
        self.count
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1))
            .is_ok()
    }

    fn poll_acquire(&self, waiter: Pin<&Waiter<'_>>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.try_acquire() {
            waiter.register(cx.waker());
            if !self.try_acquire() {
                return Poll::Pending;
            }
        }
        if waiter.finish() == Finished::Waited && self.count.load(Ordering::SeqCst) > 0 {
            self.list.notify_one();
        }
        Poll::Ready(())
    }

    fn acquire(&self) {
        let waiter = pin!(Waiter::blocked(&self.list));
        strand::wait(None, |cx| self.poll_acquire(waiter.as_ref(), cx));
    }

    /// Waits, looks up to twice, and goes away; says whether it got a permit.
    fn look_and_leave(&self) -> bool {
        let waiter = pin!(Waiter::new(&self.list));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..=draw(2) {
            if self.poll_acquire(waiter.as_ref(), &mut cx).is_ready() {
                return true;
            }
            thread::yield_now();
        }
        false
    }
}

/// Two threads wait until they have a permit, two go away at a random moment and give back what
/// they got meanwhile: those that wait are woken for as many permits as there are.
#[test]
fn waiters_that_leave_take_no_wake_up_with_them() {
    explore(SCHEDULES, || {
        let permits = Arc::new(Permits { count: AtomicU32::new(0), list: WaitList::new() });
        let spawn = |body: fn(&Permits)| {
            let permits = Arc::clone(&permits);
            thread::spawn(move || body(&permits))
        };
        let threads = [
            spawn(Permits::acquire),
            spawn(|permits| {
                if permits.look_and_leave() {
                    permits.release();
                }
            }),
            spawn(Permits::acquire),
            spawn(|permits| {
                if permits.look_and_leave() {
                    permits.release();
                }
            }),
        ];
        permits.release();
        permits.release();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((permits.list.len(), permits.try_acquire()), (0, false));
    });
}

const SCHEDULES: usize = 20_000;
