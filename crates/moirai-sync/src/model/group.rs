//! Models of a select on two wait lists, over the smallest thing one can wait for: permits.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::thread;

use crate::strand;
use crate::waitlist::{Finished, Group, WaitList, Waiter};

type Places<'a> = Group<'a, [Option<Waiter<'a>>; 2]>;

struct Permits {
    // Relaxed on purpose: the fences of the wait list alone must make the wake-up safe.
    count: AtomicU32,
    list: WaitList,
}

impl Permits {
    fn new() -> Self {
        Self { count: AtomicU32::new(0), list: WaitList::new() }
    }

    fn release(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.list.notify_one();
    }

    fn try_acquire(&self) -> bool {
        self.count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1))
            .is_ok()
    }

    fn acquire(&self) {
        let waiter = pin!(Waiter::new(&self.list));
        strand::wait(None, |cx| {
            if !self.try_acquire() {
                waiter.as_ref().register(cx.waker());
                if !self.try_acquire() {
                    return Poll::Pending;
                }
            }
            let finished = waiter.as_ref().finish();
            self.pass_on(finished);
            Poll::Ready(())
        });
    }

    fn pass_on(&self, finished: Finished) {
        if finished == Finished::Waited && self.count.load(Ordering::Relaxed) > 0 {
            self.list.notify_one();
        }
    }
}

/// Two kinds of permits.
struct Both([Permits; 2]);

impl Both {
    fn new() -> Arc<Self> {
        Arc::new(Self([Permits::new(), Permits::new()]))
    }

    fn group(&self) -> Places<'_> {
        Group::new([0, 1].map(|case| Some(Waiter::new(&self.0[case].list))))
    }

    fn try_either(&self) -> Option<usize> {
        (0..2).find(|&case| self.0[case].try_acquire())
    }

    /// What every select does.
    fn poll_either(&self, group: Pin<&Places<'_>>, cx: &mut Context<'_>) -> Poll<usize> {
        let _woken_for = group.close();
        let case = match self.try_either() {
            Some(case) => case,
            None => {
                group.open(cx.waker());
                match self.try_either() {
                    Some(case) => case,
                    None => return Poll::Pending,
                }
            }
        };
        let finished = group.finish(case);
        self.0[case].pass_on(finished);
        Poll::Ready(case)
    }

    fn acquire_either(&self) -> usize {
        let group = pin!(self.group());
        strand::wait(None, |cx| self.poll_either(group.as_ref(), cx)).unwrap()
    }
}

fn spawn<T: 'static>(
    both: &Arc<Both>,
    body: impl FnOnce(&Both) -> T + 'static,
) -> thread::JoinHandle<T> {
    let both = Arc::clone(both);
    thread::spawn(move || body(&both))
}

#[test]
fn no_wake_up_of_a_select_is_lost() {
    loom::model(|| {
        let both = Both::new();
        let thread = spawn(&both, Both::acquire_either);
        both.0[1].release();
        assert_eq!(thread.join().unwrap(), 1);
    });
}

/// Each notifies once; one of them wins, and the other's permit is still there.
#[test]
fn two_notifiers_and_one_select() {
    loom::model(|| {
        let both = Both::new();
        let first = spawn(&both, |both| both.0[0].release());
        let second = spawn(&both, |both| both.0[1].release());
        let case = both.acquire_either();
        both.0[1 - case].acquire();
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!(both.try_either(), None);
    });
}

/// A select that was told of one case and takes the other passes the word on.
#[test]
fn a_select_that_takes_another_case_passes_the_baton_on() {
    loom::model(|| {
        let both = Both::new();
        let select = spawn(&both, |both| {
            if both.acquire_either() == 1 {
                both.0[1].release();
            }
        });
        let plain = spawn(&both, |both| both.0[1].acquire());
        both.0[1].release();
        both.0[0].release();
        select.join().unwrap();
        plain.join().unwrap();
    });
}

/// A select that looks again, and is told of one case while it joins the lists, has not used that up.
#[test]
fn a_select_that_joins_again_and_takes_another_case_passes_the_baton_on() {
    loom::model(|| {
        let both = Both::new();
        let group = pin!(both.group());
        let group = group.as_ref();
        group.open(Waker::noop());
        let release = spawn(&both, |both| both.0[1].release());
        let plain = spawn(&both, |both| both.0[1].acquire());
        let _woken_for = group.close();
        if both.0[1].try_acquire() {
            let _ = group.finish(1);
            both.0[1].release();
        } else {
            group.open(Waker::noop());
            both.0[0].release();
            assert!(both.0[0].try_acquire());
            let _ = group.finish(0);
        }
        release.join().unwrap();
        plain.join().unwrap();
    });
}

/// A notifier that finds the select won goes on to the next waiter: one notification is enough for
/// one that came after a select that is never polled again.
#[test]
fn a_lost_claim_passes_the_notification_on() {
    loom::model(|| {
        let both = Both::new();
        let group = pin!(both.group());
        group.as_ref().open(Waker::noop());
        both.0[0].release(); // wins the select
        let plain = spawn(&both, |both| both.0[1].acquire());
        both.0[1].release();
        plain.join().unwrap();
    });
}

/// A select that goes away, told or not, takes nobody's wake-up with it.
#[test]
fn a_cancelled_select_passes_its_baton_on() {
    loom::model(|| {
        let both = Both::new();
        let plain = spawn(&both, |both| both.0[0].acquire());
        let release = spawn(&both, |both| both.0[0].release());
        {
            let group = pin!(both.group());
            group.as_ref().open(Waker::noop());
        }
        plain.join().unwrap();
        release.join().unwrap();
        assert_eq!((both.0[0].list.len(), both.0[1].list.len()), (0, 0));
    });
}

/// It is polled again while it is told of either case, with another waker: the places are in use
/// until the notifier has done.
#[test]
fn a_select_polled_again_races_both_notifiers() {
    loom::model(|| {
        let both = Both::new();
        let first = spawn(&both, |both| both.0[0].list.notify_one());
        let second = spawn(&both, |both| both.0[1].list.notify_all());
        {
            let group = pin!(both.group());
            let mut cx = Context::from_waker(Waker::noop());
            assert!(both.poll_either(group.as_ref(), &mut cx).is_pending());
            assert!(both.poll_either(group.as_ref(), &mut cx).is_pending());
        }
        first.join().unwrap();
        second.join().unwrap();
        assert_eq!((both.0[0].list.len(), both.0[1].list.len()), (0, 0));
    });
}

/// Everybody is told that it is over, by whichever list.
#[test]
fn a_close_of_one_list_wakes_the_select() {
    loom::model(|| {
        let both = Both::new();
        let closed = Arc::new(AtomicU32::new(0));
        let select = {
            let (both, closed) = (Arc::clone(&both), Arc::clone(&closed));
            thread::spawn(move || {
                let group = pin!(both.group());
                strand::wait(None, |cx| {
                    let _woken_for = group.as_ref().close();
                    if closed.load(Ordering::Relaxed) == 0 {
                        group.as_ref().open(cx.waker());
                        if closed.load(Ordering::Relaxed) == 0 {
                            return Poll::Pending;
                        }
                    }
                    let _ = group.as_ref().finish(1);
                    Poll::Ready(())
                });
            })
        };
        let noise = spawn(&both, |both| both.0[0].list.notify_one());
        closed.store(1, Ordering::Relaxed);
        both.0[1].list.notify_all();
        select.join().unwrap();
        noise.join().unwrap();
    });
}
