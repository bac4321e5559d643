//! The sorts: against those of std, with comparisons that panic, and with orders that are none.

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering as Memory};

use moirai_runtime::Runtime;
use moirai_runtime::par::*;

use super::super::{Random, runtime};

/// Enough for several leaves and for merges that are divided.
const LEN: usize = 3 * DIVIDED - 20;

/// Under Miri each that is idle takes as much time as one that works.
const WORKERS: usize = if cfg!(miri) { 2 } else { 3 };

/// Shorter slices are not divided: two of the least leaves, see `LEAF_LEN_MIN`.
const DIVIDED: usize = if cfg!(miri) { 128 } else { 4096 };

/// An item whose value and place can be told, and that owns memory.
type Item = (u32, Box<usize>);

fn items(random: &mut Random, len: usize, values: u64) -> Vec<Item> {
    (0..len).map(|place| (random.below(values) as u32, Box::new(place))).collect()
}

/// On several workers, so that there is more than one leaf whatever the machine.
fn on(runtime: &Runtime, f: impl FnOnce() + Send) {
    runtime.block_on(async { f() });
}

#[test]
fn sorted_items_are_those_of_std() {
    let (mut random, runtime) = (Random::seeded(), runtime(WORKERS));
    let lens = [DIVIDED, LEN, 0, 1, 2, 100, DIVIDED - 1, DIVIDED + 1, LEN - 1];
    for &len in &lens[..if cfg!(miri) { 2 } else { lens.len() }] {
        let values = [50, 1 << 30, 1, 2];
        for &values in &values[..if cfg!(miri) { 1 } else { values.len() }] {
            let items = items(&mut random, len, values);
            let mut stable = items.clone();
            stable.sort_by_key(|item| item.0);
            let mut total = items.clone();
            total.sort();
            on(&runtime, || {
                let check = |sort: fn(&mut [Item]), expected: &[Item]| {
                    let mut items = items.clone();
                    sort(&mut items);
                    assert!(items == expected, "{len} items of {values} values");
                };
                check(|items| items.par_sort(), &total);
                check(|items| items.par_sort_by(|a, b| a.0.cmp(&b.0)), &stable);
                check(|items| items.par_sort_by_key(|item| item.0), &stable);
                check(|items| items.par_sort_by_cached_key(|item| item.0.to_string().len()), &{
                    let mut items = items.clone();
                    items.sort_by_key(|item| item.0.to_string().len());
                    items
                });
                check(|items| items.par_sort_unstable(), &total);
                check(|items| items.par_sort_unstable_by(|a, b| b.cmp(a)), &{
                    total.iter().rev().cloned().collect::<Vec<_>>()
                });
                check(|items| items.par_sort_unstable_by_key(|item| item.1.clone()), &items);
            });
        }
    }
}

#[test]
fn what_is_in_order_and_what_is_in_the_opposite_order_is_sorted() {
    let runtime = runtime(WORKERS);
    on(&runtime, || {
        let up: Vec<usize> = (0..LEN).collect();
        let rotated = |by: usize| [&up[by..], &up[..by]].concat();
        for mut items in
            [up.clone(), up.iter().rev().copied().collect(), rotated(7), rotated(LEN / 2)]
        {
            items.par_sort();
            assert_eq!(items, up);
        }
        for mut items in [up.iter().rev().copied().collect(), rotated(LEN / 3)] {
            items.par_sort_unstable();
            assert_eq!(items, up);
        }
    });
}

type Sort = fn(&mut [Item], &(dyn Fn(&Item, &Item) -> Ordering + Sync));

/// Sorts with a comparison that panics at its `k`th call: whatever is in the slice afterwards, it is
/// each item once.
#[test]
fn a_comparison_that_panics_loses_no_item_and_doubles_none() {
    let (mut random, runtime) = (Random::seeded(), runtime(WORKERS));
    let items = items(&mut random, LEN, 1000);
    let calls = AtomicUsize::new(0);
    let sorts: [Sort; 2] = [
        |items, compare| items.par_sort_by(compare),
        |items, compare| items.par_sort_unstable_by(compare),
    ];
    for sort in sorts {
        let total = {
            calls.store(0, Memory::Relaxed);
            let count = |a: &Item, b: &Item| {
                calls.fetch_add(1, Memory::Relaxed);
                a.cmp(b)
            };
            on(&runtime, || sort(&mut items.clone(), &count));
            calls.load(Memory::Relaxed)
        };
        let rounds = if cfg!(miri) { 1 } else { 30 };
        for round in 0..=rounds {
            // The last calls of the stable sort are those of its last merge.
            let k = match round {
                0..10 => total - 1 - round,
                _ => random.below(total as u64) as usize,
            };
            calls.store(0, Memory::Relaxed);
            let mut sorted = items.clone();
            let compare = |a: &Item, b: &Item| {
                assert_ne!(calls.fetch_add(1, Memory::Relaxed), k, "the one");
                a.cmp(b)
            };
            let result =
                catch_unwind(AssertUnwindSafe(|| on(&runtime, || sort(&mut sorted, &compare))));
            let result = result.map_err(|panic| panic.downcast_ref::<String>().cloned());
            assert!(result.is_err(), "{k} of {total}");
            same_items(sorted, &items);
        }
    }
}

#[test]
fn an_order_that_contradicts_itself_loses_no_item_and_doubles_none() {
    let (mut random, runtime) = (Random::seeded(), runtime(WORKERS));
    let items = items(&mut random, LEN, 1000);
    let draws = AtomicUsize::new(random.below(1 << 40) as usize);
    let by_chance = |_: &Item, _: &Item| {
        let draw =
            draws.fetch_add(0x9e37_79b9, Memory::Relaxed).wrapping_mul(0xd1b5_4a32_d192_ed03);
        [Ordering::Less, Ordering::Equal, Ordering::Greater][draw >> 32 & 3 & 1 | (draw >> 40 & 1)]
    };
    for round in 0..if cfg!(miri) { 1 } else { 10 } {
        let compare = |a: &Item, b: &Item| match round {
            0 => Ordering::Less,
            1 => Ordering::Equal,
            2 => Ordering::Greater,
            // A circle: rock, paper, scissors.
            3..6 => (a.0 % 3 + 1).cmp(&((b.0 + a.0) % 3 + 1)),
            _ => by_chance(a, b),
        };
        for stable in [true, false] {
            let mut sorted = items.clone();
            // std may notice, and panic.
            let _ = catch_unwind(AssertUnwindSafe(|| {
                on(&runtime, || match stable {
                    true => sorted.par_sort_by(compare),
                    false => sorted.par_sort_unstable_by(compare),
                });
            }));
            same_items(sorted, &items);
        }
    }
}

/// After McIlroy: decides what a comparison says as late as it can, so that each pivot is nearly the least.
struct Adversary {
    /// Of each item; `usize::MAX` until it is decided.
    values: Vec<usize>,
    decided: usize,
    /// Compared last without being decided: probably the pivot.
    candidate: usize,
    comparisons: usize,
}

impl Adversary {
    fn compare(&mut self, a: usize, b: usize) -> Ordering {
        self.comparisons += 1;
        let open = |values: &[usize], item: usize| values[item] == usize::MAX;
        if open(&self.values, a) && open(&self.values, b) {
            let item = if a == self.candidate { a } else { b };
            self.values[item] = self.decided;
            self.decided += 1;
        }
        if open(&self.values, a) {
            self.candidate = a;
        } else if open(&self.values, b) {
            self.candidate = b;
        }
        self.values[a].cmp(&self.values[b])
    }
}

#[test]
fn the_worst_order_there_is_costs_no_more_than_n_log_n() {
    let runtime = runtime(WORKERS);
    let mut items: Vec<usize> = (0..LEN).collect();
    let mut values = vec![usize::MAX; LEN];
    // Neither up nor down.
    (values[0], values[1], values[2]) = (0, 2, 1);
    let adversary = Adversary { values, decided: 3, candidate: 0, comparisons: 0 };
    let adversary = Mutex::new(adversary);
    let compare = |a: &usize, b: &usize| adversary.lock().unwrap().compare(*a, *b);
    on(&runtime, || items.par_sort_unstable_by(compare));
    let adversary = adversary.into_inner().unwrap();
    assert!(items.is_sorted_by_key(|&item| adversary.values[item]));
    let most = 6 * LEN * LEN.ilog2() as usize;
    assert!(adversary.comparisons < most, "{} comparisons", adversary.comparisons);
    println!("{} of {most} comparisons", adversary.comparisons);
}

#[test]
fn items_without_size_and_with_a_large_alignment_are_sorted() {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    #[repr(align(128))]
    struct Aligned(u64);

    let (mut random, runtime) = (Random::seeded(), runtime(WORKERS));
    let items: Vec<Aligned> = (0..LEN).map(|_| Aligned(random.below(1 << 40))).collect();
    on(&runtime, || {
        [(); LEN].par_sort();
        [(); LEN].par_sort_unstable_by(|(), ()| Ordering::Less);
        let (mut ours, mut theirs) = (items.clone(), items);
        ours.par_sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    });
}

#[track_caller]
fn same_items(mut found: Vec<Item>, expected: &[Item]) {
    found.sort_by_key(|item| *item.1);
    assert!(found == expected);
}
