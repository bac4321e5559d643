//! A value whose type is known to whoever takes it out: what a dynamic select has got, until
//! [`SelectedOperation`](super::SelectedOperation) says which channel it is of.
//!
//! Small values lie here; larger ones are boxed. Knows no channel.

#![allow(unsafe_code, reason = "the type is erased; tests under Miri, for no thread shares it")]

use std::fmt;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};

/// A value of a type that outlives `'a`.
pub(super) struct Erased<'a> {
    room: Room,
    /// Drops the value in the room.
    drop: unsafe fn(&mut Room),
    _value: PhantomData<*mut &'a ()>,
}

/// As large as most messages and permits.
type Room = MaybeUninit<[usize; 4]>;

/// Whether a `T` lies in the room itself; else a box of it does.
const fn fits<T>() -> bool {
    size_of::<T>() <= size_of::<Room>() && align_of::<T>() <= align_of::<Room>()
}

impl<'a> Erased<'a> {
    #[inline]
    pub(super) fn new<T: 'a>(value: T) -> Self {
        let mut room = Room::uninit();
        // SAFETY: `fits` says that the room is large and aligned enough for what is written, be it
        // the value or, which always fits, a box of it.
        unsafe {
            if fits::<T>() {
                room.as_mut_ptr().cast::<T>().write(value);
            } else {
                room.as_mut_ptr().cast::<Box<T>>().write(Box::new(value));
            }
        }
        Self { room, drop: drop_room::<T>, _value: PhantomData }
    }

    /// Takes the value out.
    ///
    /// # Safety
    ///
    /// It was made from a `T`, up to lifetimes that still hold.
    #[inline]
    pub(super) unsafe fn take<T>(self) -> T {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: a `T` was written, here or into a box; the value is moved out once, for `self` is
        // not dropped.
        unsafe { read_room(&mut this.room) }
    }
}

/// # Safety
///
/// A `T` was written into the room by `Erased::new`, and is not used again.
#[inline]
unsafe fn read_room<T>(room: &mut Room) -> T {
    // SAFETY: as for the function.
    unsafe {
        if fits::<T>() {
            room.as_mut_ptr().cast::<T>().read()
        } else {
            *room.as_mut_ptr().cast::<Box<T>>().read()
        }
    }
}

/// # Safety
///
/// As for [`read_room`].
unsafe fn drop_room<T>(room: &mut Room) {
    // SAFETY: as for the function.
    drop(unsafe { read_room::<T>(room) });
}

impl Drop for Erased<'_> {
    fn drop(&mut self) {
        // SAFETY: `drop` is of the type that `new` was called with, and the value is still there.
        unsafe { (self.drop)(&mut self.room) };
    }
}

impl fmt::Debug for Erased<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Erased").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[repr(align(64))]
    struct Aligned(u8);

    #[test]
    fn values_of_any_size_and_alignment_come_out_as_they_went_in() {
        // SAFETY: each is taken out as what it went in.
        unsafe {
            assert_eq!(Erased::new(7_u8).take::<u8>(), 7);
            Erased::new(()).take::<()>();
            assert_eq!(Erased::new([1_usize; 4]).take::<[usize; 4]>(), [1; 4]);
            assert_eq!(Erased::new([1_usize; 5]).take::<[usize; 5]>(), [1; 5]);
            assert_eq!(Erased::new(u128::MAX).take::<u128>(), u128::MAX);
            assert_eq!(Erased::new(Aligned(3)).take::<Aligned>().0, 3);
            assert_eq!(Erased::new(vec![[9_u8; 65536]]).take::<Vec<[u8; 65536]>>()[0][7], 9);
        }
    }

    #[test]
    fn a_value_that_nobody_takes_is_dropped_once() {
        let value = Rc::new(());
        drop(Erased::new(Rc::clone(&value)));
        drop(Erased::new([const { None::<Rc<()>> }; 9].map(|_| Some(Rc::clone(&value)))));
        assert_eq!(Rc::strong_count(&value), 1);
    }
}
