//! Stable sorting: std's sort at the leaves, and merges that are themselves divided.
//!
//! ```text
//!   home   [ leaf | leaf | leaf | leaf ]    each sorted by std
//!              │ merge │      │ merge │
//!   away   [      run     |      run   ]
//!                  │    merge    │
//!   home   [            run           ]
//! ```
//! Runs move from the slice (home) to a buffer (away) and back, so that nothing is copied only to be
//! moved. A [`Run`] knows where its items are, and brings them home when a comparison panics: the
//! slice then holds each item once, in some order.
//!
//! Where equal items may change places, `quick` needs no buffer.

#![allow(unsafe_code, reason = "moves items between a slice and a buffer, divided among workers")]

mod merge;
mod quick;

use std::cmp::Ordering;
use std::mem::ManuallyDrop;
use std::ptr;

use crate::join::{current_num_workers, join};

pub(super) use quick::sort_unstable;

/// Sorts `v` as `compare` says, with `leaf` for what is short, which does it stably.
pub(super) fn sort<T, F, L>(v: &mut [T], compare: &F, leaf: &L)
where
    T: Send,
    F: Fn(&T, &T) -> Ordering + Sync,
    L: Fn(&mut [T]) + Sync,
{
    let len = v.len();
    let depth = if size_of::<T>() == 0 { 0 } else { depth(len) };
    if depth == 0 {
        return leaf(v);
    }
    let mut buffer = Vec::<T>::with_capacity(len);
    let (home, away) = (v.as_mut_ptr(), buffer.as_mut_ptr());
    let order = Order { is_less: &|a: &T, b: &T| compare(a, b) == Ordering::Less, leaf };
    // SAFETY: both are memory for `len` items and exclusively ours, and the items are at home.
    let run = unsafe { order.sort(home, away, len, depth) };
    // Brings the items home.
    drop(run);
}

/// How often a slice of `len` items is halved: an even number of times, so that the last merge ends
/// at home.
fn depth(len: usize) -> u32 {
    let workers = current_num_workers();
    if workers == 1 || len < 2 * LEAF_LEN_MIN {
        return 0;
    }
    let for_all = (workers * LEAVES_PER_WORKER).next_power_of_two().ilog2();
    let for_leaves = (len / LEAF_LEN_MAX).max(1).next_power_of_two().ilog2();
    let most = (len / LEAF_LEN_MIN).ilog2();
    (for_all.max(for_leaves).next_multiple_of(2)).min(most)
}

/// What is less, and how a leaf is sorted.
struct Order<'a, F, L> {
    is_less: &'a F,
    leaf: &'a L,
}

/// Sorted items, at home or away. Brings them home when it is dropped.
struct Run<T> {
    home: *mut T,
    away: *mut T,
    len: usize,
    at: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Home,
    Away,
}

// SAFETY: it has both pieces of memory to itself, and the items in them.
unsafe impl<T: Send> Send for Run<T> {}

/// A pointer that goes to another worker with the memory behind it.
struct Lent<T>(*mut T);

// SAFETY: whoever lends it leaves the memory alone until the join.
unsafe impl<T: Send> Send for Lent<T> {}

impl<T> Lent<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

impl<F, L> Order<'_, F, L> {
    /// Sorts `len` items that are at `home`.
    ///
    /// # Safety
    ///
    /// `home` and `away` point to memory for `len` items that nobody else uses until the run is
    /// dropped; the items are at `home`.
    unsafe fn sort<T>(&self, home: *mut T, away: *mut T, len: usize, depth: u32) -> Run<T>
    where
        T: Send,
        F: Fn(&T, &T) -> bool + Sync,
        L: Fn(&mut [T]) + Sync,
    {
        if depth == 0 {
            // SAFETY: the items are there, and nobody else uses them.
            (self.leaf)(unsafe { &mut *ptr::slice_from_raw_parts_mut(home, len) });
            return Run { home, away, len, at: Place::Home };
        }
        let half = len / 2;
        // SAFETY: the middle of both pieces of memory.
        let (home_right, away_right) = unsafe { (Lent(home.add(half)), Lent(away.add(half))) };
        let (home_left, away_left) = (Lent(home), Lent(away));
        // A panic in one half drops the other's run, which brings its items home.
        let (left, right) = join(
            // SAFETY: the left halves of what this call may use.
            || unsafe { self.sort(home_left.get(), away_left.get(), half, depth - 1) },
            // SAFETY: the right halves.
            || unsafe { self.sort(home_right.get(), away_right.get(), len - half, depth - 1) },
        );
        self.merge(left, right)
    }

    /// Makes one run of neighbours.
    fn merge<T>(&self, mut left: Run<T>, mut right: Run<T>) -> Run<T>
    where
        T: Send,
        F: Fn(&T, &T) -> bool + Sync,
    {
        if left.at != right.at {
            left.bring_home();
            right.bring_home();
        }
        let (home, away, len, at) = (left.home, left.away, left.len + right.len, left.at);
        let [(l, _), (r, _)] = [left.places(), right.places()];
        // SAFETY: no run is empty, and the items are there.
        let in_order = unsafe { !(self.is_less)(&*r, &*l.add(left.len - 1)) };
        if !in_order {
            let to = left.places().1;
            // SAFETY: the runs are neighbours, so that there is memory for both at `to`, which is
            // the other place than that of the items.
            unsafe { merge::merge(self.is_less, (l, left.len), (r, right.len), to) };
        }
        // A panic has left the items where they were, and the runs have brought them home. Now they
        // are elsewhere.
        let (_left, _right) = (ManuallyDrop::new(left), ManuallyDrop::new(right));
        Run { home, away, len, at: if in_order { at } else { at.other() } }
    }
}

impl Place {
    fn other(self) -> Self {
        match self {
            Self::Home => Self::Away,
            Self::Away => Self::Home,
        }
    }
}

impl<T> Run<T> {
    /// Where the items are, and where they would go.
    fn places(&self) -> (*mut T, *mut T) {
        match self.at {
            Place::Home => (self.home, self.away),
            Place::Away => (self.away, self.home),
        }
    }

    fn bring_home(&mut self) {
        if self.at == Place::Away {
            // SAFETY: the items are away, there is room for them at home, and they are two pieces
            // of memory.
            unsafe { ptr::copy_nonoverlapping(self.away, self.home, self.len) };
            self.at = Place::Home;
        }
    }
}

impl<T> Drop for Run<T> {
    fn drop(&mut self) {
        self.bring_home();
    }
}

/// A leaf is halved no further: what a join and a merge cost is small beside sorting so many. Under Miri
/// few items are to go all ways there are.
const LEAF_LEN_MIN: usize = if cfg!(miri) { 64 } else { 2048 };
/// A leaf is halved however few workers there are: nobody waits for longer than that takes.
const LEAF_LEN_MAX: usize = 1 << 18;
/// So that workers that began late, or have other things to do, leave no core idle.
const LEAVES_PER_WORKER: usize = 2;
