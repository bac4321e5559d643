//! Cancel tokens: whoever is below hears of it, nobody else does, and nothing is left.

use std::future::{pending, poll_fn};
use std::hash::{BuildHasher, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use moirai_sync::{CancelReason, CancelToken, WaitGroup, strand};

const FAR: Duration = Duration::from_secs(3600);

/// Runs something when it is woken, and counts.
struct OnWake<F>(F, AtomicUsize);

impl<F: Fn() + Send + Sync + 'static> OnWake<F> {
    fn new(f: F) -> Arc<Self> {
        Arc::new(Self(f, AtomicUsize::new(0)))
    }
}

impl<F: Fn() + Send + Sync + 'static> Wake for OnWake<F> {
    fn wake(self: Arc<Self>) {
        self.1.fetch_add(1, Ordering::SeqCst);
        (self.0)();
    }
}

#[test]
fn tokens_go_anywhere() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe + 'static>() {}
    check::<CancelToken>();
    check::<moirai_sync::DropGuard>();
    check::<WaitGroup>();
    check::<moirai_sync::WaitMember>();
    let token = CancelToken::new();
    fn is_send<T: Send>(_: &T) {}
    is_send(&token.cancelled());
    is_send(&token.run_until_cancelled(async {}));
}

/// Fails (overflows the stack) if a walk is a call per level, down at the cancel or up at the drop.
#[test]
fn a_chain_of_a_hundred_thousand_is_cancelled_and_dropped_on_a_small_stack() {
    const LENGTH: usize = if cfg!(miri) { 200 } else { 100_000 };
    let run = || {
        for cancelled in [true, false] {
            let root = CancelToken::new();
            let last = (0..LENGTH).fold(root.clone(), |token, _| token.child());
            if cancelled {
                root.cancel();
            }
            assert_eq!(last.is_cancelled(), cancelled);
            drop(root);
            drop(last);
        }
        // And from the top, the last one last.
        let mut chain = vec![CancelToken::new()];
        (0..LENGTH).for_each(|n| chain.push(chain[n].child()));
        chain.into_iter().for_each(drop);
    };
    std::thread::Builder::new().stack_size(64 << 10).spawn(run).unwrap().join().unwrap();
}

/// Against parents in an array. Fails if a place in a list is given to two children, or a child is
/// taken out of another's.
#[test]
fn random_trees_are_cancelled_from_any_token_down_and_no_further() {
    let given = std::env::var("MOIRAI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
    println!("seed {seed}");
    let mut state = seed | 1;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % n
    };
    for _ in 0..if cfg!(miri) { 5 } else { 300 } {
        // A token, which may be dropped; its parent; whether it is to be cancelled.
        let mut tokens = vec![(Some(CancelToken::new()), 0, false)];
        for _ in 0..200 {
            let n = below(tokens.len());
            match below(8) {
                0 => {
                    if let Some(token) = &tokens[n].0 {
                        token.cancel();
                        tokens[n].2 = true;
                        // Parents come before their children.
                        for child in n + 1..tokens.len() {
                            tokens[child].2 |= tokens[tokens[child].1].2;
                        }
                    }
                }
                1 | 2 => tokens[n].0 = None,
                _ => {
                    if let (Some(token), _, cancelled) = &tokens[n] {
                        tokens.push((Some(token.child()), n, *cancelled));
                    }
                }
            }
            for (token, _, cancelled) in &tokens {
                assert!(token.as_ref().is_none_or(|token| token.is_cancelled() == *cancelled));
            }
            if tokens.iter().all(|(token, ..)| token.is_none()) {
                break;
            }
        }
    }
}

#[test]
fn a_deadline_is_inherited_as_the_earlier_one() {
    let now = Instant::now();
    let (near, far) = (now + FAR, now + 2 * FAR);
    let parent = CancelToken::with_deadline(near);
    assert_eq!(parent.child().deadline(), Some(near));
    assert_eq!(parent.child_with_deadline(far).deadline(), Some(near));
    assert_eq!(parent.child_with_deadline(now).deadline(), Some(now));
    assert_eq!(parent.child_with_timeout(Duration::MAX).deadline(), Some(near));
    assert_eq!(CancelToken::with_timeout(Duration::MAX).deadline(), None);
    assert!(!parent.is_cancelled());
}

#[test]
fn a_deadline_cancels_all_below_it_and_none_above() {
    let root = CancelToken::new();
    let expired = root.child_with_timeout(Duration::ZERO);
    let below = expired.child();
    assert_eq!(below.reason(), Some(CancelReason::DeadlineExceeded));
    assert_eq!(expired.child().reason(), Some(CancelReason::DeadlineExceeded));
    assert_eq!(root.reason(), None);
    // The reason that was noticed first stays.
    root.cancel();
    assert_eq!(below.reason(), Some(CancelReason::DeadlineExceeded));
    assert_eq!(root.reason(), Some(CancelReason::Cancelled));
    assert_eq!(root.child().reason(), Some(CancelReason::Cancelled));
}

/// Fails if a wait has no timer for the deadline.
#[test]
fn every_wait_ends_at_the_deadline() {
    let soon = || CancelToken::with_timeout(Duration::from_millis(2)).child();
    let over = CancelReason::DeadlineExceeded;
    assert_eq!(soon().wait(), over);
    assert_eq!(soon().wait_timeout(FAR), Some(over));
    assert_eq!(strand::block_on(async { soon().cancelled().await }), over);
    let token = soon();
    assert_eq!(strand::block_on(token.run_until_cancelled(pending::<()>())), Err(over));
    let never = CancelToken::new();
    assert_eq!(never.wait_timeout(Duration::from_millis(2)), None);
    assert_eq!(never.wait_deadline(Instant::now()), None);
}

#[test]
fn a_cancel_ends_every_wait_before_its_deadline() {
    let token = CancelToken::with_timeout(FAR);
    let waits = WaitGroup::new();
    let threads: Vec<_> = (0..3)
        .map(|kind| {
            let (token, member) = (token.child(), waits.add());
            std::thread::spawn(move || {
                drop(member);
                match kind {
                    0 => token.wait(),
                    1 => strand::block_on(token.cancelled()),
                    _ => strand::block_on(token.run_until_cancelled(pending::<()>())).unwrap_err(),
                }
            })
        })
        .collect();
    waits.wait();
    token.cancel();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), CancelReason::Cancelled);
    }
}

#[test]
fn whoever_is_woken_sees_the_whole_subtree_cancelled() {
    let root = CancelToken::new();
    let all: Arc<Vec<_>> = Arc::new((0..10).map(|_| root.child().child()).collect());
    // A panic of a waker would be contained.
    let seen = Arc::new(AtomicUsize::new(0));
    let waker = Waker::from(OnWake::new({
        let (all, seen) = (Arc::clone(&all), Arc::clone(&seen));
        move || {
            let cancelled = all.iter().filter(|token| token.is_cancelled()).count();
            seen.fetch_add(cancelled, Ordering::SeqCst);
        }
    }));
    let mut waits: Vec<_> = all.iter().map(|token| Box::pin(token.cancelled())).collect();
    for wait in &mut waits {
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    root.cancel();
    assert_eq!(seen.load(Ordering::SeqCst), 10 * 10);
}

/// Fails (deadlocks) if a waker is called, or dropped, under a lock.
#[test]
fn a_waker_may_do_anything_with_the_tokens_it_is_woken_by() {
    let root = CancelToken::new();
    let token = root.child();
    let held = Arc::new(Mutex::new(Some(root.child())));
    let reenter = OnWake::new({
        let (root, token, held) = (root.clone(), token.clone(), Arc::clone(&held));
        move || {
            root.cancel();
            token.cancel();
            if root.child().is_cancelled() {
                drop(held.lock().unwrap().take());
            }
            let _ = pin!(token.cancelled()).poll(&mut Context::from_waker(Waker::noop()));
        }
    });
    let waker = Waker::from(Arc::clone(&reenter));
    let mut waiting = pin!(token.cancelled());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(waker);
    root.cancel();
    assert_eq!(reenter.1.load(Ordering::SeqCst), 1);
    assert!(held.lock().unwrap().is_none());
    assert!(waiting.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[test]
fn a_wait_that_is_polled_once_and_held_keeps_nobody_waiting() {
    let token = CancelToken::new();
    let mut held = pin!(token.cancelled());
    assert!(held.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let thread = std::thread::spawn({
        let token = token.clone();
        move || token.wait()
    });
    token.cancel();
    assert_eq!(thread.join().unwrap(), CancelReason::Cancelled);
}

#[test]
fn a_wait_wakes_the_waker_of_its_last_poll() {
    let token = CancelToken::new();
    let wakers = [(); 2].map(|()| OnWake::new(|| ()));
    let mut waiting = pin!(token.cancelled());
    for waker in &wakers {
        let waker = Waker::from(Arc::clone(waker));
        for _ in 0..2 {
            assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
    }
    assert_eq!(Arc::strong_count(&wakers[0]), 1);
    token.cancel();
    assert_eq!(wakers.each_ref().map(|waker| waker.1.load(Ordering::SeqCst)), [0, 1]);
}

#[test]
fn a_dropped_wait_lets_go_of_its_waker() {
    let token = CancelToken::with_timeout(FAR);
    let woken = OnWake::new(|| ());
    {
        let waker = Waker::from(Arc::clone(&woken));
        let mut waiting = pin!(token.cancelled());
        assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        assert!(Arc::strong_count(&woken) > 2);
    }
    assert_eq!(Arc::strong_count(&woken), 1);
    token.cancel();
    assert_eq!(woken.1.load(Ordering::SeqCst), 0);
}

#[test]
fn a_cancelled_token_lets_no_future_begin() {
    let token = CancelToken::new();
    let polls = AtomicUsize::new(0);
    let count = || {
        poll_fn(|_| {
            polls.fetch_add(1, Ordering::SeqCst);
            Poll::Ready(7)
        })
    };
    assert_eq!(strand::block_on(token.run_until_cancelled(count())), Ok(7));
    token.cancel();
    let refused = strand::block_on(token.run_until_cancelled(count()));
    assert_eq!((refused, polls.into_inner()), (Err(CancelReason::Cancelled), 1));
}

#[test]
fn a_future_that_cancels_its_own_token_keeps_its_output() {
    let token = CancelToken::new();
    let run = token.run_until_cancelled(async {
        token.cancel();
        7
    });
    assert_eq!(strand::block_on(run), Ok(7));
    let pends = CancelToken::new();
    let run = pends.run_until_cancelled(async {
        pends.cancel();
        pending::<()>().await;
    });
    assert_eq!(strand::block_on(run), Err(CancelReason::Cancelled));
}

#[test]
fn a_guard_cancels_unless_it_is_disarmed() {
    let token = CancelToken::new();
    assert!(token.clone().drop_guard().disarm().same_token(&token));
    assert!(!token.is_cancelled());
    let guard = token.clone().drop_guard();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _guard = guard;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(panicked.is_err() && token.is_cancelled());
}

/// Random threads make, cancel and drop; at the end everything below is cancelled.
#[test]
fn stress_children_come_and_go_while_all_are_cancelled() {
    let (start, mut rounds, mut made) = (Instant::now(), 0, 0);
    while start.elapsed() < Duration::from_millis(if cfg!(miri) { 5_000 } else { 200 }) {
        let root = CancelToken::new();
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let root = root.clone();
                std::thread::spawn(move || {
                    let mut made = 0;
                    let mut token = root.child();
                    while !token.is_cancelled() {
                        let next = token.child();
                        made += 1;
                        token = if made % 7 == 0 { root.child() } else { next };
                    }
                    made
                })
            })
            .collect();
        root.cancel();
        made += threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>();
        rounds += 1;
    }
    println!("{rounds} trees, {made} children");
}

#[test]
fn a_group_is_waited_for_from_anywhere_until_its_last_member_is_gone() {
    let group = WaitGroup::new();
    group.wait();
    let members: Vec<_> = (0..3).map(|_| group.add()).collect();
    assert_eq!(group.len(), 3);
    let thread = std::thread::spawn({
        let group = group.clone();
        move || strand::block_on(group.wait_async())
    });
    let woken = OnWake::new(|| ());
    let waker = Waker::from(Arc::clone(&woken));
    let mut waiting = pin!(group.wait_async());
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    drop(members);
    thread.join().unwrap();
    assert_eq!(woken.1.load(Ordering::SeqCst), 1);
    // There has been a moment without members, and that is enough.
    let _late = group.add();
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    assert!(!group.wait_timeout(Duration::from_millis(1)));
}
