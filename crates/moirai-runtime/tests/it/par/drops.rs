//! Every item is dropped once, whatever panics and wherever.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use moirai_runtime::par::*;

use super::slow;

/// How many items there are.
const LEN: usize = if cfg!(miri) { 6 } else { 40 };

/// Runs `f` on the items of which, by turns, none and each one is the `k`th to be looked at; each
/// time all items must be gone in the end, and a panic must be what came of it if one was due.
#[track_caller]
fn panic_at_every_item<R>(f: impl Fn(Vec<Arc<()>>, &(dyn Fn() + Sync)) -> R) {
    for k in 0..=LEN {
        let (item, looked) = (Arc::new(()), AtomicUsize::new(0));
        let items = vec![Arc::clone(&item); LEN];
        let look = || assert_ne!(looked.fetch_add(1, Ordering::Relaxed), k, "the one");
        let result = catch_unwind(AssertUnwindSafe(|| f(items, &look)));
        assert_eq!(result.is_err(), k < looked.load(Ordering::Relaxed), "{k}");
        drop(result);
        assert_eq!(Arc::strong_count(&item), 1, "{k}");
    }
}

#[test]
fn a_panic_in_a_closure_drops_each_item_once() {
    panic_at_every_item(|items, look| items.into_par_iter().with_max_len(3).for_each(|_| look()));
    panic_at_every_item(|items, look| slow(items.into_par_iter()).for_each(|_| look()));
    panic_at_every_item(|items, look| {
        items.into_par_iter().with_max_len(3).panic_fuse().for_each(|_| look());
    });
    panic_at_every_item(|items, look| items.into_par_iter().rev().for_each(|_| look()));
}

#[test]
fn a_panic_while_collecting_drops_each_item_once() {
    let pass = |look: &(dyn Fn() + Sync), item| {
        look();
        item
    };
    panic_at_every_item(|items, look| {
        let items = items.into_par_iter().with_max_len(3);
        items.map(|item| pass(look, item)).collect::<Vec<_>>()
    });
    panic_at_every_item(|items, look| {
        let items = items.into_par_iter().with_max_len(3).filter(|_| true);
        items.map(|item| pass(look, item)).collect::<Vec<_>>()
    });
    panic_at_every_item(|items, look| {
        let items = items.into_par_iter().with_max_len(3);
        let pair = |item: Arc<()>| (Arc::clone(&item), pass(look, item));
        items.map(pair).unzip::<_, _, Vec<_>, Vec<_>>()
    });
    panic_at_every_item(|items, look| {
        let items = items.into_par_iter().with_max_len(3).enumerate();
        let side = |(n, item): (usize, Arc<()>)| match pass(look, item) {
            item if n.is_multiple_of(2) => Either::Left(item),
            item => Either::Right(item),
        };
        items.partition_map::<Vec<_>, Vec<_>, _, _, _>(side)
    });
    panic_at_every_item(|items, look| {
        let mut target = vec![Arc::clone(&items[0])];
        target.par_extend(items.into_par_iter().with_max_len(3).map(|item| pass(look, item)));
    });
}

#[test]
fn a_panic_in_the_drop_of_an_item_drops_the_others() {
    struct Bomb<'a> {
        _item: Arc<()>,
        look: &'a (dyn Fn() + Sync),
    }
    impl Drop for Bomb<'_> {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                (self.look)();
            }
        }
    }
    panic_at_every_item(|items, look| {
        let bombs: Vec<_> = items.into_iter().map(|_item| Bomb { _item, look }).collect();
        bombs.into_par_iter().with_max_len(3).count()
    });
    panic_at_every_item(|items, look| {
        let mut bombs: Vec<_> = items.into_iter().map(|_item| Bomb { _item, look }).collect();
        drop(bombs.par_drain(3..5));
        assert_eq!(bombs.len(), LEN - 2);
    });
}

#[test]
fn what_is_not_taken_is_dropped_once() {
    let item = Arc::new(());
    let items = || vec![Arc::clone(&item); LEN].into_par_iter().with_max_len(3);
    drop(items());
    assert!(items().find_any(|_| true).is_some());
    assert!(items().find_first(|_| true).is_some());
    assert_eq!(items().skip(3).take(2).count(), 2);
    assert_eq!(items().zip(0..2).count(), 2);
    assert_eq!(items().take_any(2).count(), 2);
    assert_eq!(items().step_by(3).count(), LEN.div_ceil(3));
    assert_eq!(items().chunks(3).find_any(|_| true).map(|chunk| !chunk.is_empty()), Some(true));
    assert_eq!(items().map(|_| None::<()>).while_some().count(), 0);
    assert!(items().map(Err::<(), _>).collect::<Result<Vec<_>, _>>().is_err());
    assert_eq!(items().interleave_shortest(vec![]).count(), 1);
    let mut vec = vec![Arc::clone(&item); LEN];
    drop(vec.par_drain(1..3));
    assert_eq!(vec.par_drain(1..3).find_any(|_| true).iter().count(), 1);
    assert_eq!(vec.len(), LEN - 4);
    drop(vec);
    assert_eq!(Arc::strong_count(&item), 1);
}

#[test]
fn a_panic_of_a_bridged_iterator_ends_it_and_is_passed_on() {
    let asked = AtomicUsize::new(0);
    let items = std::iter::from_fn(|| {
        assert_ne!(asked.fetch_add(1, Ordering::Relaxed), 5, "asked too often");
        Some(1)
    });
    let sum = catch_unwind(AssertUnwindSafe(|| slow(items.par_bridge()).sum::<usize>()));
    assert!(sum.is_err());
    // And nobody asks it again.
    assert_eq!(asked.into_inner(), 6);
}
