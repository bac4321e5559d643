//! Sorting in place, where equal items may change places: a quicksort with std's sort at the leaves.
//!
//! ```text
//!   [ .............. part .............. ]
//!              partition by a pivot
//!   [ ... less ... | p | ... not less ... ]
//!      a part               a part
//! ```
//! Where nothing is less than the pivot, all that equal it are put beside it, and are done: so many equal
//! items cost two passes.
//!
//! A partition has one worker: two would have to look at one pivot, and items need not be `Sync`.
//!
//! **The worst case** is that of std's sort, n log n: a part that was divided badly too often is left to
//! it. Nothing but swaps moves an item, so the slice holds each once whatever a comparison does.

use super::{LEAF_LEN_MAX, LEAF_LEN_MIN, LEAVES_PER_WORKER};
use crate::join::{Demand, checkpoint, current_num_workers, join};

/// Sorts `v` by `is_less`, with `leaf` for what is short.
pub(in crate::par) fn sort_unstable<T, F, L>(v: &mut [T], is_less: &F, leaf: &L)
where
    T: Send,
    F: Fn(&T, &T) -> bool + Sync,
    L: Fn(&mut [T]) + Sync,
{
    let (len, workers) = (v.len(), current_num_workers());
    if workers == 1 || len < 2 * LEAF_LEN_MIN || size_of::<T>() == 0 {
        return leaf(v);
    }
    match order(v, is_less) {
        Found::Ascending => return,
        Found::Descending => return v.reverse(),
        Found::Neither => {}
    }
    let leaf_len = (len / (workers * LEAVES_PER_WORKER * 2)).clamp(LEAF_LEN_MIN, LEAF_LEN_MAX);
    let quick = Quick { is_less, leaf, leaf_len };
    quick.part(v, len.ilog2());
}

/// How all items follow each other already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Ascending,
    /// Strictly.
    Descending,
    Neither,
}

fn order<T>(v: &[T], is_less: &impl Fn(&T, &T) -> bool) -> Found {
    let descends = |pair: &[T]| is_less(&pair[1], &pair[0]);
    if !v.windows(2).any(descends) {
        Found::Ascending
    } else if v.windows(2).all(descends) {
        Found::Descending
    } else {
        Found::Neither
    }
}

struct Quick<'a, F, L> {
    is_less: &'a F,
    leaf: &'a L,
    leaf_len: usize,
}

impl<F, L> Quick<'_, F, L> {
    /// Sorts `v`, up to so many bad pivots deep.
    fn part<T>(&self, mut v: &mut [T], mut bad_max: u32)
    where
        T: Send,
        F: Fn(&T, &T) -> bool + Sync,
        L: Fn(&mut [T]) + Sync,
    {
        while v.len() > self.leaf_len && bad_max > 0 {
            let len = v.len();
            self.bring_pivot_first(v);
            let Some((pivot, rest)) = v.split_first_mut() else { return };
            let less = partition(rest, |item| (self.is_less)(item, pivot));
            let equal = match less {
                0 => partition(rest, |item| !(self.is_less)(pivot, item)),
                _ => 0,
            };
            v.swap(0, less);
            let (left, right) = v.split_at_mut(less + equal + 1);
            if left.len().min(right.len()) < len / BAD_SHARE {
                bad_max -= 1;
            }
            if less == 0 {
                v = right;
                continue;
            }
            let left = &mut left[..less];
            let _: ((), ()) = join(|| self.part(left, bad_max), || self.part(right, bad_max));
            return;
        }
        (self.leaf)(v);
    }

    /// Puts the median of a few items of `v` to its beginning.
    fn bring_pivot_first<T>(&self, v: &mut [T])
    where
        L: Fn(&mut [T]),
    {
        let stride = v.len() / SAMPLE_LEN;
        (0..SAMPLE_LEN).for_each(|i| v.swap(i, i * stride));
        (self.leaf)(&mut v[..SAMPLE_LEN]);
        v.swap(0, SAMPLE_LEN / 2);
    }
}

/// Puts the items that belong to the left before all others, and says how many there are.
fn partition<T>(v: &mut [T], belongs_left: impl Fn(&T) -> bool) -> usize {
    if size_of::<T>() > SWAPPED_BYTES_MAX {
        return partition_large(v, belongs_left);
    }
    let (mut left, mut at) = (0, 0);
    while at < v.len() {
        let end = v.len().min(at + BLOCK_LEN);
        // No branch depends on the items (after Lomuto): all are swapped, most with themselves or one
        // of the right.
        for i in at..end {
            let less = belongs_left(&v[i]);
            v.swap(left, i);
            left += usize::from(less);
        }
        at = end;
        // Nobody is waited for here, and what is wanted of a loop does not help.
        let _: Demand = checkpoint();
    }
    left
}

/// The same with as few swaps as can be (after Hoare).
#[inline(never)]
fn partition_large<T>(v: &mut [T], belongs_left: impl Fn(&T) -> bool) -> usize {
    let (mut left, mut right, mut swaps) = (0, v.len(), 0_usize);
    loop {
        while left < right && belongs_left(&v[left]) {
            left += 1;
        }
        while left < right && !belongs_left(&v[right - 1]) {
            right -= 1;
        }
        if left == right {
            return left;
        }
        v.swap(left, right - 1);
        swaps += 1;
        if swaps.is_multiple_of(BLOCK_LEN) {
            let _: Demand = checkpoint();
        }
    }
}

/// Items among which the pivot is the middle one: one half of a part is rarely three times the other.
const SAMPLE_LEN: usize = 63;
/// A pivot is bad if less than one of so many items is on one side of it.
const BAD_SHARE: usize = 8;
/// Larger items cost more to swap than a mispredicted branch.
const SWAPPED_BYTES_MAX: usize = 16;
/// Items between two looks at what others want, some 10 µs. Under Miri, see `LEAF_LEN_MIN`.
const BLOCK_LEN: usize = if cfg!(miri) { 64 } else { 8192 };

const _: () = assert!(SAMPLE_LEN < LEAF_LEN_MIN);
