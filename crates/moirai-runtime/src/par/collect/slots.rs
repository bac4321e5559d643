//! Items of which it is known how many there are: each is written where it belongs.
//!
//! The room behind a vector is divided as the items are. A [`Room`] belongs to one piece and cannot
//! be cloned; what has been written belongs to a [`Run`], until the runs of neighbours have become
//! one of the whole length. So nothing is written twice or dropped twice, whatever a source says of
//! its length, and a panic drops what has been written.

#![allow(
    unsafe_code,
    reason = "workers write to parts of the memory behind a vector; the joins order them"
)]

use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};

use crate::par::ParallelIterator;
use crate::par::plumbing::Consumer;

/// Adds `len` items to `target`.
///
/// # Panics
///
/// If there are not as many; then `target` stays as it was.
pub(super) fn append<T: Send>(
    target: &mut Vec<T>,
    items: impl ParallelIterator<Item = T>,
    len: usize,
) {
    let room = Room::behind(target, len);
    let start = room.start;
    let run = items.drive(&Slots(PhantomData), room);
    let written = if run.start == start { run.len } else { 0 };
    assert_eq!(written, len, "a parallel iterator of {len} items yielded {written}");
    let _run = ManuallyDrop::new(run);
    // SAFETY: the capacity was reserved, and a run of `len` items begins where those of the vector
    // end. Nobody drops them any more.
    unsafe { target.set_len(target.len() + len) };
}

/// Memory for `len` items that is one piece's alone.
struct Room<'v, T> {
    /// Where the room of the whole starts: runs of different ones never become one.
    whole: NonNull<T>,
    start: NonNull<T>,
    len: usize,
    memory: PhantomData<&'v mut T>,
}

// SAFETY: an exclusive borrow of memory that values of `T` are moved to.
unsafe impl<T: Send> Send for Room<'_, T> {}

impl<'v, T> Room<'v, T> {
    fn behind(target: &'v mut Vec<T>, len: usize) -> Self {
        target.reserve(len);
        let spare = NonNull::from(target.spare_capacity_mut());
        Self { whole: spare.cast(), start: spare.cast(), len, memory: PhantomData }
    }

    fn split(self, at: usize) -> (Self, Self) {
        assert!(at <= self.len, "a room of {} is divided at {at}", self.len);
        // SAFETY: `at` is within the room.
        let middle = unsafe { self.start.add(at) };
        let right = Self { start: middle, len: self.len - at, ..self };
        (Self { len: at, ..self }, right)
    }
}

/// `len` items that were written from `start` on; drops them.
struct Run<'v, T> {
    whole: NonNull<T>,
    start: NonNull<T>,
    len: usize,
    memory: PhantomData<&'v mut T>,
}

// SAFETY: it owns the items, as a vector does.
unsafe impl<T: Send> Send for Run<'_, T> {}

impl<T> Drop for Run<'_, T> {
    fn drop(&mut self) {
        let items = NonNull::slice_from_raw_parts(self.start, self.len);
        // SAFETY: the run owns `len` items from `start` on, and the pointer is that of the whole
        // room, moved: it is good for all of them.
        unsafe { ptr::drop_in_place(items.as_ptr()) };
    }
}

/// A consumer that writes. It stands for the borrow of one vector.
struct Slots<'v, T>(PhantomData<fn(&'v mut T)>);

impl<'v, T: Send> Consumer<T> for Slots<'v, T> {
    type Part = Room<'v, T>;
    /// What has been written, and the room right behind it.
    type State = (Run<'v, T>, Room<'v, T>);
    type Result = Run<'v, T>;

    fn split(&self, room: Room<'v, T>, at: usize, of: usize) -> (Room<'v, T>, Room<'v, T>) {
        assert_eq!(room.len, of, "the room is divided otherwise than the items");
        room.split(at)
    }

    fn begin(&self, room: Room<'v, T>) -> Self::State {
        (Run { whole: room.whole, start: room.start, len: 0, memory: PhantomData }, room)
    }

    #[inline]
    fn feed<I: Iterator<Item = T>>(&self, state: Self::State, items: I) -> Self::State {
        let (mut run, room) = state;
        let slots = NonNull::slice_from_raw_parts(room.start.cast(), room.len);
        // SAFETY: the room is ours alone, and memory that need not be initialised.
        let slots: &mut [MaybeUninit<T>] = unsafe { &mut *slots.as_ptr() };
        let before = run.len;
        // The slots come first: what has no room is not taken from the source.
        slots.iter_mut().zip(items).for_each(|(slot, item)| {
            slot.write(item);
            run.len += 1;
        });
        let written = run.len - before;
        (run, room.split(written).1)
    }

    fn finish(&self, state: Self::State) -> (Run<'v, T>, Room<'v, T>) {
        state
    }

    fn reduce(&self, mut left: Run<'v, T>, right: Run<'v, T>) -> Run<'v, T> {
        // SAFETY: the end of what `left` owns.
        let end = unsafe { left.start.add(left.len) };
        if left.whole == right.whole && end == right.start {
            left.len += right.len;
            let _right = ManuallyDrop::new(right);
        }
        // Else one has come short, by a panic elsewhere, and the right one is dropped.
        left
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use super::*;

    /// Says that it has `claimed` items, yields `left` of its own in the first half of them, and the
    /// others in the second.
    struct Liar {
        items: Vec<Arc<()>>,
        claimed: usize,
        left: usize,
    }

    impl ParallelIterator for Liar {
        type Item = Arc<()>;

        fn drive<C: Consumer<Arc<()>>>(self, consumer: &C, part: C::Part) -> C::Result {
            let mut items = self.items.into_iter();
            let (left, right) = consumer.split(part, self.claimed / 2, self.claimed);
            let mut feed = |part, count| {
                let state = consumer.feed(consumer.begin(part), items.by_ref().take(count));
                consumer.finish(state).0
            };
            let (left, right) = (feed(left, self.left), feed(right, usize::MAX));
            consumer.reduce(left, right)
        }

        fn opt_len(&self) -> Option<usize> {
            Some(self.claimed)
        }
    }

    #[test]
    fn an_iterator_that_lies_about_its_length_panics_and_every_item_is_dropped_once() {
        for (claimed, len, left) in (0..8)
            .flat_map(|claimed| (0..8).map(move |len| (claimed, len)))
            .flat_map(|(claimed, len)| (0..=len).map(move |left| (claimed, len, left)))
        {
            let item = Arc::new(());
            let liar = Liar { items: vec![Arc::clone(&item); len], claimed, left };
            let collected = catch_unwind(AssertUnwindSafe(|| liar.collect::<Vec<_>>()));
            // What has no room in one half is left for the other.
            let in_left = left.min(claimed / 2);
            let is_full = in_left == claimed / 2 && len - in_left >= claimed - claimed / 2;
            assert_eq!(collected.is_ok(), is_full, "{claimed} {len} {left}");
            assert_eq!(Arc::strong_count(&item), 1 + collected.map_or(0, |kept| kept.len()));
        }
    }
}
