//! Memory for some values, behind a head that says what the queue needs to know of them.
//!
//! Knows neither which of its places hold a value nor who may use which: that is the queue's.

#![allow(
    unsafe_code,
    reason = "an allocation whose length depends on the type; model: src/model/list.rs"
)]

use std::alloc::{self, Layout};
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::prim::{UnsafeCell, prefetch_read, prefetch_write};

/// The most bytes of values in a block, if one value is not larger.
const BYTES_MAX: usize = 4096;

/// So much of a block is fetched at once.
const FETCHED_BYTES_MAX: usize = 512;

/// How many values there are in a block, at most `most`.
pub(super) const fn values_in_block<T>(most: usize) -> usize {
    let fitting = BYTES_MAX / if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    if fitting == 0 {
        1
    } else if fitting > most {
        most
    } else {
        fitting
    }
}

/// The beginning of a block; the places of its values follow.
#[repr(C)]
pub(super) struct Block<H, T> {
    head: H,
    _values: PhantomData<T>,
}

impl<H, T> Block<H, T> {
    /// The layout of a block of `n` places, and where in it they begin.
    #[inline]
    fn layout(n: usize) -> (Layout, usize) {
        let values = Layout::array::<UnsafeCell<MaybeUninit<T>>>(n);
        match values.and_then(|values| Layout::new::<Self>().extend(values)) {
            Ok((layout, offset)) => (layout.pad_to_align(), offset),
            Err(_) => panic!("the message is too large for a block"),
        }
    }

    /// A block with `n` places.
    #[cold]
    pub(super) fn new(head: H, n: usize) -> NonNull<Self> {
        let layout = Self::layout(n).0;
        assert!(layout.size() > 0, "a block has a head");
        // SAFETY: the size is not 0.
        let Some(block) = NonNull::new(unsafe { alloc::alloc(layout) }.cast::<Self>()) else {
            alloc::handle_alloc_error(layout)
        };
        // SAFETY: freshly allocated for this layout, of which `Self` is the beginning.
        unsafe { block.write(Self { head, _values: PhantomData }) };
        for offset in 0..n {
            // SAFETY: `place` gives room in the allocation, aligned by its layout.
            unsafe { Self::place(block, offset).write(UnsafeCell::new(MaybeUninit::uninit())) };
        }
        block
    }

    /// # Safety
    ///
    /// `block` came from `new`, for more than `offset` places.
    #[inline]
    unsafe fn place(block: NonNull<Self>, offset: usize) -> NonNull<UnsafeCell<MaybeUninit<T>>> {
        // SAFETY: the layout has room for the places from there on.
        unsafe { block.byte_add(Self::layout(0).1).cast::<UnsafeCell<_>>().add(offset) }
    }

    /// # Safety
    ///
    /// `block` came from `new`, for more than `offset` places, and is not freed while the reference is
    /// used.
    #[inline]
    pub(super) unsafe fn value<'a>(
        block: NonNull<Self>,
        offset: usize,
    ) -> &'a UnsafeCell<MaybeUninit<T>> {
        // SAFETY: initialised by `new`.
        unsafe { Self::place(block, offset).as_ref() }
    }

    /// Fetches the lines that will be written first, all at once: one by one, as they are come to, each
    /// would be waited for. The block need not be alive.
    #[inline]
    pub(super) fn fetch_to_fill(block: *const Self, n: usize) {
        Self::lines(block, n).for_each(prefetch_write);
    }

    /// [`fetch_to_fill`](Self::fetch_to_fill), of those that will be read.
    #[inline]
    pub(super) fn fetch_to_empty(block: *const Self, n: usize) {
        Self::lines(block, n).for_each(prefetch_read);
    }

    #[inline]
    fn lines(block: *const Self, n: usize) -> impl Iterator<Item = *const u8> {
        let bytes = Self::layout(n).0.size().min(FETCHED_BYTES_MAX);
        (0..bytes).step_by(64).map(move |line| block.cast::<u8>().wrapping_add(line))
    }

    /// # Safety
    ///
    /// `block` came from `new` for `n` places, holds no value and is used no more.
    pub(super) unsafe fn free(block: NonNull<Self>, n: usize) {
        for offset in 0..n {
            // SAFETY: initialised by `new`; the caller says that nobody uses it. Values are not
            // dropped by this.
            unsafe { Self::place(block, offset).drop_in_place() };
        }
        // SAFETY: as above; allocated with this layout.
        unsafe {
            block.drop_in_place();
            alloc::dealloc(block.as_ptr().cast(), Self::layout(n).0);
        }
    }
}

impl<H, T> Deref for Block<H, T> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        &self.head
    }
}
