//! Small allocations that a thread keeps for its next ones.
//!
//! What lives as short as a [result channel](crate::result_channel), or a channel for a few messages, costs
//! more to allocate and to free than to use. So a thread that has done with a small one keeps it for the
//! next one that it makes, which is then a few instructions; and the memory is still in its cache.
//!
//! ```text
//!   allocate ──► the list of its class is empty: from malloc      otherwise: the one that was kept last
//!   free     ──► the list is full, or the thread ends: to malloc  otherwise: kept, in front of the others
//! ```
//!
//! A thread keeps so many of each class, eight kilobytes in all, and gives them back when it ends. What is
//! made by one thread and freed by another wanders there, and on to malloc once that thread has enough. No
//! thread sees the list of another. Model checkers and Miri see every allocation come and go.

#![allow(
    unsafe_code,
    reason = "memory that changes its use, in one thread; tested here under Miri"
)]

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use crate::prim;

/// Whether a thread keeps anything.
const KEEPS: bool = !cfg!(any(moirai_loom, moirai_shuttle, miri));

/// What fits in one of them, and fills more than half of it, is kept as such; so is what is still smaller.
const CLASSES: [Layout; 3] = [class(32), class(64), class(512)];

/// So many of each class a thread keeps at most.
const KEPT_MAX: [usize; CLASSES.len()] = [64, 64, 4];

const fn class(bytes: usize) -> Layout {
    match Layout::from_size_align(bytes, 2 * size_of::<usize>()) {
        Ok(layout) => layout,
        Err(_) => panic!("a power of two, and small"),
    }
}

/// The number of the class of `T`, if it has one.
const fn class_of<T>() -> Option<usize> {
    let mut class = 0;
    while class < CLASSES.len() {
        let (size, layout) = (size_of::<T>(), CLASSES[class]);
        if size <= layout.size() {
            let fits = align_of::<T>() <= layout.align();
            return if fits && (class == 0 || size > layout.size() / 2) {
                Some(class)
            } else {
                None
            };
        }
        class += 1;
    }
    None
}

/// What is allocated for a `T`.
const fn layout_of<T>() -> Layout {
    match class_of::<T>() {
        Some(class) => CLASSES[class],
        None => Layout::new::<T>(),
    }
}

/// `value` in memory of its own, until [`free`].
#[inline]
pub(crate) fn allocate<T>(value: T) -> NonNull<T> {
    let place = place();
    // SAFETY: nobody else has this memory, which has the size and alignment of a `T`.
    unsafe { place.write(value) };
    place
}

/// Memory for a `T`, until [`free`]; nothing is in it.
#[inline]
pub(crate) fn place<T>() -> NonNull<T> {
    let kept = const { class_of::<T>() }.and_then(|class| with(class, List::take)?);
    kept.unwrap_or_else(|| from_malloc(const { layout_of::<T>() })).cast::<T>()
}

/// Frees what [`allocate`] or [`place`] has allocated.
///
/// # Safety
///
/// It came from there, as a `T`; the value is dropped or moved out, and used no more.
#[inline]
pub(crate) unsafe fn free<T>(value: NonNull<T>) {
    let place = value.cast::<Kept>();
    let kept = const { class_of::<T>() }
        // SAFETY: as the caller says it is of this class, and nobody's.
        .and_then(|class| with(class, |list| unsafe { list.put(place, KEPT_MAX[class]) }));
    if !matches!(kept, Some(Put::Kept)) {
        // SAFETY: allocated with this layout, and not kept.
        unsafe { to_malloc(place, const { layout_of::<T>() }) };
    }
}

#[cold]
#[inline(never)]
fn from_malloc(layout: Layout) -> NonNull<Kept> {
    assert!(layout.size() > 0, "what is allocated has a state at least");
    // SAFETY: the size is not 0.
    let place = unsafe { prim::alloc(layout) };
    NonNull::new(place.cast()).unwrap_or_else(|| handle_alloc_error(layout))
}

/// # Safety
///
/// `place` was allocated with `layout`, and is used no more.
#[cold]
#[inline(never)]
unsafe fn to_malloc(place: NonNull<Kept>, layout: Layout) {
    // SAFETY: as the caller says.
    unsafe { prim::dealloc(place.as_ptr().cast(), layout) };
}

/// Calls `f` with the thread's list for `class`, unless the thread has ended.
#[inline]
fn with<R>(class: usize, f: impl FnOnce(&List) -> R) -> Option<R> {
    if !KEEPS {
        return None;
    }
    LISTS.try_with(|lists| f(&lists.0[class])).ok()
}

/// The lists of a thread.
struct Lists([List; CLASSES.len()]);

/// Memory of one class.
struct List {
    first: Cell<Option<NonNull<Kept>>>,
    len: Cell<usize>,
}

/// What lies in memory that is kept.
struct Kept {
    next: Option<NonNull<Self>>,
}

/// What has become of memory that was to be kept.
#[must_use]
enum Put {
    Kept,
    Full,
}

impl List {
    const fn new() -> Self {
        Self { first: Cell::new(None), len: Cell::new(0) }
    }

    #[inline]
    fn take(&self) -> Option<NonNull<Kept>> {
        let first = self.first.get()?;
        // SAFETY: it is in the list, so `put` has written it, and nobody has it.
        self.first.set(unsafe { first.read() }.next);
        self.len.set(self.len.get() - 1);
        Some(first)
    }

    /// Keeps `place`, unless there are `max` already.
    ///
    /// # Safety
    ///
    /// `place` has the class of this list, and is nobody's.
    #[inline]
    unsafe fn put(&self, place: NonNull<Kept>, max: usize) -> Put {
        let len = self.len.get();
        if len >= max {
            return Put::Full;
        }
        // SAFETY: nobody's, and each class has room for a pointer.
        unsafe { place.write(Kept { next: self.first.get() }) };
        self.first.set(Some(place));
        self.len.set(len + 1);
        Put::Kept
    }
}

impl Drop for Lists {
    fn drop(&mut self) {
        for (list, layout) in self.0.iter().zip(CLASSES) {
            while let Some(place) = list.take() {
                // SAFETY: what is in the list of a class was allocated with its layout, and is nobody's.
                unsafe { to_malloc(place, layout) };
            }
        }
    }
}

// loom's thread-locals take no `const`.
#[cfg(moirai_loom)]
prim::thread_local! {
    static LISTS: Lists = Lists([const { List::new() }; CLASSES.len()]);
}
#[cfg(not(moirai_loom))]
prim::thread_local! {
    static LISTS: Lists = const { Lists([const { List::new() }; CLASSES.len()]) };
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    /// The real lists keep nothing under Miri; these do.
    #[test]
    fn a_list_keeps_so_many_and_gives_each_back_once_the_last_one_first() {
        const MAX: usize = 3;
        let lists = Lists([const { List::new() }; CLASSES.len()]);
        let list = &lists.0[1];
        let places: Vec<_> = (0..=MAX).map(|_| from_malloc(CLASSES[1])).collect();
        for &place in &places[..MAX] {
            // SAFETY: of this class, and nobody's.
            assert!(matches!(unsafe { list.put(place, MAX) }, Put::Kept));
        }
        // SAFETY: as above.
        assert!(matches!(unsafe { list.put(places[MAX], MAX) }, Put::Full));
        let taken: Vec<_> = std::iter::from_fn(|| list.take()).collect();
        assert!(taken.iter().eq(places[..MAX].iter().rev()));
        for place in places {
            // SAFETY: as above. What is not kept is ours to free.
            if let Put::Full = unsafe { list.put(place, MAX) } {
                // SAFETY: allocated with this layout.
                unsafe { to_malloc(place, CLASSES[1]) };
            }
        }
        // Miri tells whether the rest is freed.
        drop(lists);
    }

    #[test]
    fn what_is_small_has_a_class_that_it_fits_in() {
        #[repr(align(32))]
        struct Aligned(#[expect(dead_code, reason = "only its layout counts")] u8);

        assert_eq!([class_of::<u8>(), class_of::<[u64; 4]>()], [Some(0), Some(0)]);
        assert_eq!([class_of::<[u8; 33]>(), class_of::<[u64; 8]>()], [Some(1), Some(1)]);
        assert_eq!([class_of::<[u8; 257]>(), class_of::<[u64; 64]>()], [Some(2), Some(2)]);
        assert_eq!([class_of::<[u8; 65]>(), class_of::<[u8; 256]>()], [None, None]);
        assert_eq!([class_of::<[u8; 513]>(), class_of::<Aligned>()], [None, None]);
        assert!(CLASSES.iter().all(|class| Layout::new::<Kept>().size() <= class.size()));
    }

    #[test]
    fn any_size_is_allocated_and_freed() {
        fn round<T: Copy + PartialEq + std::fmt::Debug>(value: T) {
            let n = 2 * KEPT_MAX.iter().max().unwrap() + 2;
            let places: Vec<_> = (0..n).map(|_| allocate(value)).collect();
            for place in places {
                // SAFETY: ours until it is freed, once.
                assert_eq!(unsafe { place.read() }, value);
                // SAFETY: allocated above as this type; of a copy, nothing is to be dropped.
                unsafe { free(place) };
            }
        }
        round(1_u8);
        round([2_u64; 4]);
        round([3_u64; 5]);
        round([4_u64; 60]);
        round([4_u64; 100]);
        std::thread::spawn(|| round(5_u8)).join().unwrap();
    }
}
