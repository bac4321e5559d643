//! What a user of the queues relies on: shares, spilling, and that every item comes out once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use super::*;
use StealStrategy::{Adaptive, Half, One, Quarter};

fn filled(items: impl IntoIterator<Item = usize>) -> (Worker<usize>, Injector<usize>) {
    let injector = Injector::new();
    let worker = Worker::new(&injector);
    items.into_iter().for_each(|item| worker.push(item));
    (worker, injector)
}

fn drained<T>(worker: &Worker<T>) -> Vec<T> {
    std::iter::from_fn(|| worker.pop()).collect()
}

#[test]
fn a_victim_of_a_hundred_loses_what_the_strategy_says() {
    for (strategy, others, lost) in [
        (Half, 0, 50),
        (Half, 2, 50),
        (One, 0, 1),
        (Quarter, 0, 25),
        (Adaptive, 0, 50),
        (Adaptive, 1, 34),
        (Adaptive, 2, 25),
    ] {
        let (victim, injector) = filled(0..100);
        let stealer = victim.stealer();
        let others: Vec<_> = (0..others).map(|_| stealer.thieves.enter(Adaptive)).collect();
        let thief = Worker::new(&injector);
        assert_eq!(stealer.steal(&thief, strategy), Steal::Success(0), "{strategy:?}");
        assert_eq!(victim.len(), 100 - lost, "{strategy:?} beside {} others", others.len());
        assert!(drained(&thief).into_iter().eq(1..lost), "{strategy:?}");
        assert!(drained(&victim).into_iter().eq(lost..100), "{strategy:?}");
    }
}

#[test]
fn a_thief_that_has_left_is_counted_no_more() {
    let (victim, injector) = filled(0..100);
    let (stealer, thief) = (victim.stealer(), Worker::new(&injector));
    for left in [50, 25, 12] {
        assert!(stealer.steal(&thief, Adaptive).success().is_some());
        assert_eq!(victim.len(), left);
    }
}

#[test]
fn an_injector_of_a_hundred_loses_what_the_strategy_says() {
    for (strategy, lost) in [(Half, 50), (One, 1), (Quarter, 25), (Adaptive, 50)] {
        let injector = Injector::new();
        (0..100).for_each(|item| injector.push(item));
        let worker = Worker::new(&injector);
        assert_eq!(injector.steal(&worker, strategy), Steal::Success(0));
        assert_eq!((injector.len(), worker.len()), (100 - lost, lost - 1), "{strategy:?}");
        assert_eq!(injector.steal_one(), Steal::Success(lost));
    }
}

#[test]
fn a_thief_takes_no_more_than_it_has_room_for() {
    let (victim, injector) = filled(0..100);
    let (thief, _) = filled(1000..1000 + CAPACITY - 3);
    assert_eq!(victim.stealer().steal(&thief, Half), Steal::Success(0));
    assert_eq!((victim.len(), thief.len(), injector.len()), (96, CAPACITY, 0));
    assert_eq!(victim.stealer().steal(&thief, Half), Steal::Success(4));
    (0..1000).for_each(|item| injector.push(item));
    assert_eq!(injector.steal(&thief, Half), Steal::Success(0));
    assert_eq!((victim.len(), thief.len(), injector.len()), (95, CAPACITY, 999));
    let expected = (1000..1000 + CAPACITY - 3).chain(1..4);
    assert!(drained(&thief).into_iter().eq(expected));
}

#[test]
fn a_full_worker_spills_and_every_item_comes_out_once() {
    const ITEMS: usize = if cfg!(miri) { 2 } else { 10 } * CAPACITY + 7;
    let (worker, injector) = filled(0..ITEMS);
    assert_eq!(worker.len() + injector.len(), ITEMS);
    let mut seen = BTreeSet::new();
    while let Some(item) = worker.pop().or_else(|| injector.steal(&worker, Half).success()) {
        assert!(seen.insert(item), "{item} came out twice");
    }
    assert!(seen.into_iter().eq(0..ITEMS));
    assert!(worker.is_empty() && injector.is_empty());
}

#[test]
fn whoever_steals_from_itself_pops() {
    let (worker, _) = filled(0..10);
    assert_eq!(worker.stealer().steal(&worker, Half), Steal::Success(0));
    assert!(drained(&worker).into_iter().eq(1..10));
    assert_eq!(worker.stealer().steal(&worker, Half), Steal::Empty);
}

/// Counts its drops.
struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_is_left_is_dropped_once_with_the_last_end() {
    let drops = Arc::new(AtomicUsize::new(0));
    let count = || drops.load(Ordering::Relaxed);
    let injector = Injector::new();
    let worker = Worker::new(&injector);
    let stealer = worker.stealer();
    (0..CAPACITY + 10).for_each(|_| worker.push(Dropped(Arc::clone(&drops))));
    let popped = worker.pop();
    drop(worker);
    assert_eq!((count(), stealer.len()), (0, CAPACITY / 2 + 8));
    assert!(stealer.steal_one().success().is_some());
    assert_eq!(count(), 1, "the stolen one");
    drop(stealer);
    assert_eq!(count(), CAPACITY / 2 + 8, "and the rest of the ring");
    drop(injector);
    assert_eq!(count(), CAPACITY + 9, "and what was spilled");
    drop(popped);
    assert_eq!(count(), CAPACITY + 10);
}

#[test]
fn three_stealers_an_owner_and_an_injector_see_every_item_once() {
    const ITEMS: usize = if cfg!(miri) { 100 } else { 200_000 };
    for strategy in [Half, One, Quarter, Adaptive] {
        let injector = Injector::new();
        let worker = Worker::new(&injector);
        let all_pushed = AtomicBool::new(false);
        let seen = thread::scope(|scope| {
            let thieves: Vec<_> = (0..3)
                .map(|_| {
                    let (stealer, injector, all_pushed) =
                        (worker.stealer(), &injector, &all_pushed);
                    scope.spawn(move || {
                        let (mine, mut seen) = (Worker::new(injector), Vec::new());
                        loop {
                            // Acquire: pairs with the Release below: what was pushed is seen.
                            let last = all_pushed.load(Ordering::Acquire);
                            let found = stealer
                                .steal(&mine, strategy)
                                .or_else(|| injector.steal(&mine, strategy));
                            if last && found.is_empty() {
                                break;
                            }
                            match found.success() {
                                Some(item) => seen.push(item),
                                // After each item it would cost a turn of whatever else runs.
                                None => thread::yield_now(),
                            }
                            seen.extend(drained(&mine));
                        }
                        seen
                    })
                })
                .collect();
            let mut seen = Vec::new();
            for item in 0..ITEMS {
                worker.push(Box::new(item));
                // Pops one of three: the thieves and the injector have the rest.
                seen.extend((item % 3 == 0).then(|| worker.pop()).flatten());
            }
            // Release: pairs with the Acquire above.
            all_pushed.store(true, Ordering::Release);
            thieves.into_iter().for_each(|thief| seen.extend(thief.join().unwrap()));
            seen
        });
        assert_eq!(seen.len(), ITEMS);
        let ids: BTreeSet<usize> = seen.into_iter().map(|item| *item).collect();
        assert!(ids.into_iter().eq(0..ITEMS), "{strategy:?}");
    }
}

#[test]
fn attempts_end_with_the_first_success_or_the_best_reason() {
    let found = |attempts: &[Steal<u8>]| attempts.iter().copied().collect::<Steal<u8>>();
    assert_eq!(found(&[]), Steal::Empty);
    assert_eq!(found(&[Steal::Empty, Steal::Retry, Steal::Empty]), Steal::Retry);
    assert_eq!(found(&[Steal::Retry, Steal::Success(1), Steal::Success(2)]), Steal::Success(1));
    let mut asked = 0;
    let attempts = std::iter::repeat_with(|| {
        asked += 1;
        Steal::Success(asked)
    });
    assert_eq!((attempts.collect::<Steal<i32>>(), asked), (Steal::Success(1), 1));
}

#[test]
fn the_ends_go_to_other_threads() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<Worker<std::cell::Cell<u8>>>();
    shared::<Stealer<std::cell::Cell<u8>>>();
    shared::<Injector<std::cell::Cell<u8>>>();
}
