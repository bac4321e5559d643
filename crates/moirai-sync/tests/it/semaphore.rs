//! Semaphores: order, the end, futures that are dropped at any time, and a model that is obviously
//! right.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use moirai_sync::lock::{
    AcquireTimeoutError, Closed, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError,
};
use moirai_sync::strand;

use crate::woken::Woken;
use proptest::prelude::*;

/// Rounds of races between threads.
const ROUNDS: usize = if cfg!(miri) { 20 } else { 2_000 };

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn who_wants_many_is_not_passed_by_those_who_want_few() {
    let semaphore = Semaphore::new(3);
    let held = semaphore.acquire().unwrap();
    let mut many = pin!(semaphore.acquire_many_async(3));
    let mut few = pin!(semaphore.acquire_async());
    assert!(poll(many.as_mut()).is_pending());
    assert!(poll(few.as_mut()).is_pending());
    assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::NoPermits));
    drop(held);
    assert!(poll(few.as_mut()).is_pending());
    let Poll::Ready(Ok(all)) = poll(many.as_mut()) else { panic!("not served") };
    assert_eq!(all.num_permits(), 3);
    drop(all);
    assert!(poll(few.as_mut()).is_ready());
}

#[test]
fn who_leaves_lets_those_behind_who_want_fewer_have_theirs() {
    let semaphore = Semaphore::new(1);
    let woken = Arc::<Woken>::default();
    let mut few = pin!(semaphore.acquire_async());
    {
        let mut many = pin!(semaphore.acquire_many_async(2));
        assert!(poll(many.as_mut()).is_pending());
        let waker = Waker::from(Arc::clone(&woken));
        assert!(few.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    }
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    assert!(poll(few.as_mut()).is_ready());
}

#[test]
fn a_granted_wait_that_is_dropped_gives_its_permits_to_the_next() {
    let semaphore = Semaphore::new(0);
    let mut second = pin!(semaphore.acquire_async());
    {
        let mut first = pin!(semaphore.acquire_async());
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        semaphore.add_permits(1);
        assert!(poll(second.as_mut()).is_pending());
    }
    assert!(poll(second.as_mut()).is_ready());
}

/// tokio's issue 8021: permits were forgotten after the close, and the semaphore was open again.
#[test]
fn a_closed_semaphore_stays_closed_whatever_is_done_to_it() {
    let semaphore = Semaphore::new(2);
    let held = semaphore.acquire().unwrap();
    semaphore.close();
    for permits in [1, 2, usize::MAX] {
        semaphore.forget_permits(permits);
        assert_eq!(semaphore.try_acquire().err(), Some(TryAcquireError::Closed));
        semaphore.add_permits(permits);
        assert_eq!(semaphore.try_acquire_many(0).err(), Some(TryAcquireError::Closed));
    }
    drop(held);
    semaphore.close();
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.acquire().err(), Some(Closed));
    assert_eq!(strand::block_on(semaphore.acquire_async()).err(), Some(Closed));
    let timeout = Duration::MAX;
    assert_eq!(semaphore.acquire_timeout(timeout).err(), Some(AcquireTimeoutError::Closed));
}

#[test]
fn the_close_reaches_all_who_wait_and_takes_no_granted_permit_back() {
    let semaphore = Semaphore::new(0);
    let (mut granted, mut waiting) =
        (pin!(semaphore.acquire_async()), pin!(semaphore.acquire_async()));
    assert!(poll(granted.as_mut()).is_pending());
    assert!(poll(waiting.as_mut()).is_pending());
    semaphore.add_permits(1);
    semaphore.close();
    let Poll::Ready(granted) = poll(granted.as_mut()) else { panic!("not served") };
    assert_eq!(granted.map(|permit| permit.num_permits()), Ok(1));
    assert!(matches!(poll(waiting.as_mut()), Poll::Ready(Err(Closed))));
}

#[test]
fn permits_are_limited_and_never_overflow() {
    let semaphore = Semaphore::new(usize::MAX);
    assert_eq!(semaphore.available_permits(), Semaphore::PERMITS_MAX);
    semaphore.add_permits(1);
    assert_eq!(semaphore.available_permits(), Semaphore::PERMITS_MAX);
    assert_eq!(semaphore.forget_permits(usize::MAX), Semaphore::PERMITS_MAX);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn a_wait_for_permits_ends_in_time() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.acquire().unwrap();
    let short = Duration::from_millis(1);
    assert_eq!(semaphore.acquire_timeout(short).err(), Some(AcquireTimeoutError::Timeout));
    let many = semaphore.acquire_many_timeout(2, short);
    assert_eq!(many.err(), Some(AcquireTimeoutError::Timeout));
    drop(held);
    assert!(semaphore.acquire_timeout(short).is_ok());
}

/// Threads that block, and tasks that are polled once and dropped at any moment: no permit is lost,
/// none is given twice, and all end.
#[test]
fn permits_survive_waits_that_are_dropped_at_any_time() {
    let semaphore = Arc::new(Semaphore::new(2));
    let inside = Arc::new(AtomicUsize::new(0));
    let enter = |inside: &AtomicUsize, permits: usize| {
        assert!(inside.fetch_add(permits, Ordering::SeqCst) + permits <= 2);
        inside.fetch_sub(permits, Ordering::SeqCst);
    };
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            thread::spawn(move || {
                for round in 0..ROUNDS {
                    let permits = 1 + u32::try_from((n + round) % 2).unwrap();
                    if n == 0 {
                        let mut waiting = pin!(semaphore.acquire_many_async(permits));
                        if let Poll::Ready(permit) = poll(waiting.as_mut()) {
                            enter(&inside, permit.unwrap().num_permits());
                        }
                    } else if n == 1 {
                        let owned = Arc::clone(&semaphore).acquire_many_owned_async(permits);
                        enter(&inside, strand::block_on(owned).unwrap().num_permits());
                    } else {
                        let permit = semaphore.acquire_many(permits).unwrap();
                        enter(&inside, permit.num_permits());
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn permits_cross_threads_as_their_semaphore_does() {
    fn both<T: Send + Sync>() {}
    both::<Semaphore>();
    both::<SemaphorePermit<'_>>();
    both::<OwnedSemaphorePermit>();
}

/// What a semaphore is, without a lock.
#[derive(Default)]
struct Model {
    permits: usize,
    closed: bool,
    line: VecDeque<(usize, usize)>,
}

impl Model {
    /// Those who are served now.
    fn serve(&mut self) -> Vec<usize> {
        let mut served = Vec::new();
        while let Some(&(id, need)) = self.line.front() {
            if need > self.permits {
                break;
            }
            self.permits -= need;
            served.push(id);
            self.line.pop_front();
        }
        served
    }
}

#[derive(Clone, Debug)]
enum Step {
    Acquire(u32),
    TryAcquire(u32),
    Leave(prop::sample::Index),
    Release(prop::sample::Index),
    Add(usize),
    Forget(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0_u32..4).prop_map(Step::Acquire),
        3 => (0_u32..4).prop_map(Step::TryAcquire),
        4 => any::<prop::sample::Index>().prop_map(Step::Leave),
        6 => any::<prop::sample::Index>().prop_map(Step::Release),
        3 => (0_usize..4).prop_map(Step::Add),
        2 => (0_usize..4).prop_map(Step::Forget),
        1 => Just(Step::Close),
    ];
    prop::collection::vec(step, 0..60)
}

/// Somebody's wait, as its future.
type Wait<'a> = Pin<Box<dyn Future<Output = Result<SemaphorePermit<'a>, Closed>> + 'a>>;

proptest! {
    // Under Miri few cases, and no file of those that failed.
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { ProptestConfig::default().cases },
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_semaphore_does_what_its_model_does(first in 0_usize..4, steps in steps()) {
        let semaphore = Semaphore::new(first);
        let mut model = Model { permits: first, ..Model::default() };
        let mut held: Vec<SemaphorePermit<'_>> = Vec::new();
        let mut waiting: Vec<(usize, Wait<'_>)> = Vec::new();
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Acquire(need) => {
                    let mut wait: Wait<'_> = Box::pin(semaphore.acquire_many_async(need));
                    let polled = poll(wait.as_mut());
                    let need = need as usize;
                    if model.closed {
                        prop_assert!(matches!(polled, Poll::Ready(Err(Closed))));
                    } else if need == 0 || (model.line.is_empty() && model.permits >= need) {
                        model.permits -= need;
                        let Poll::Ready(Ok(permit)) = polled else { panic!("refused") };
                        held.push(permit);
                    } else {
                        prop_assert!(polled.is_pending());
                        model.line.push_back((id, need));
                        waiting.push((id, wait));
                    }
                }
                Step::TryAcquire(need) => {
                    let tried = semaphore.try_acquire_many(need);
                    let need = need as usize;
                    if model.closed {
                        prop_assert_eq!(tried.err(), Some(TryAcquireError::Closed));
                    } else if need == 0 || (model.line.is_empty() && model.permits >= need) {
                        model.permits -= need;
                        held.push(tried.unwrap());
                    } else {
                        prop_assert_eq!(tried.err(), Some(TryAcquireError::NoPermits));
                    }
                }
                Step::Leave(index) if !waiting.is_empty() => {
                    let (gone, wait) = waiting.remove(index.index(waiting.len()));
                    drop(wait);
                    model.line.retain(|(id, _)| *id != gone);
                }
                Step::Release(index) if !held.is_empty() => {
                    let permit = held.remove(index.index(held.len()));
                    model.permits += permit.num_permits();
                    drop(permit);
                }
                Step::Leave(_) | Step::Release(_) => {}
                Step::Add(permits) => {
                    semaphore.add_permits(permits);
                    model.permits += permits;
                }
                Step::Forget(permits) => {
                    let gone = permits.min(model.permits);
                    prop_assert_eq!(semaphore.forget_permits(permits), gone);
                    model.permits -= gone;
                }
                Step::Close => {
                    semaphore.close();
                    model.closed = true;
                    model.line.clear();
                    for (_, mut wait) in waiting.drain(..) {
                        prop_assert!(matches!(poll(wait.as_mut()), Poll::Ready(Err(Closed))));
                    }
                }
            }
            let served = model.serve();
            let mut still = Vec::new();
            for (id, mut wait) in waiting.drain(..) {
                match poll(wait.as_mut()) {
                    Poll::Ready(permit) => {
                        prop_assert!(served.contains(&id));
                        held.push(permit.unwrap());
                    }
                    Poll::Pending => {
                        prop_assert!(!served.contains(&id));
                        still.push((id, wait));
                    }
                }
            }
            waiting = still;
            prop_assert_eq!(semaphore.available_permits(), model.permits);
            prop_assert_eq!(semaphore.is_closed(), model.closed);
        }
    }
}
