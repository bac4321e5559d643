//! Values taken one by one from the front of a vector.

#![allow(unsafe_code, reason = "moves values out of a vector and closes the gap once, at the end")]

use std::fmt;
use std::ptr;

/// Takes values from the front of a vector. When it is dropped, the vector has those that were not
/// taken, in their order: a gap is closed once, however often the taking had to wait.
pub(crate) struct Front<'a, T> {
    /// Says that it is empty, as long as this lives.
    values: &'a mut Vec<T>,
    taken: usize,
    len: usize,
}

impl<'a, T> Front<'a, T> {
    pub(crate) fn new(values: &'a mut Vec<T>) -> Self {
        let len = values.len();
        // SAFETY: 0 is within the capacity; the values stay where they are, ours from now on.
        unsafe { values.set_len(0) };
        Self { values, taken: 0, len }
    }

    /// How many are left.
    pub(crate) fn left(&self) -> usize {
        self.len - self.taken
    }

    /// How many were taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }

    /// The next value.
    ///
    /// # Panics
    ///
    /// If none is left.
    #[inline]
    pub(crate) fn take(&mut self) -> T {
        assert!(self.taken < self.len, "no value is left");
        // SAFETY: below the length that the vector had, and not taken before.
        let value = unsafe { self.values.as_ptr().add(self.taken).read() };
        self.taken += 1;
        value
    }
}

impl<T> Front<'_, T> {
    /// Puts the value back that was taken last.
    ///
    /// # Panics
    ///
    /// If none was taken.
    pub(crate) fn put_back(&mut self, value: T) {
        assert!(self.taken > 0, "no value was taken");
        self.taken -= 1;
        // SAFETY: the place was emptied by `take`.
        unsafe { self.values.as_mut_ptr().add(self.taken).write(value) };
    }
}

impl<T> Drop for Front<'_, T> {
    fn drop(&mut self) {
        let left = self.left();
        let first = self.values.as_mut_ptr();
        // SAFETY: `left` values that were not taken lie behind the gap, and have room at the front.
        unsafe {
            ptr::copy(first.add(self.taken), first, left);
            self.values.set_len(left);
        }
    }
}

impl<T> fmt::Debug for Front<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").field("left", &self.left()).finish()
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_not_taken_stays_in_order() {
        for taken in 0..=4 {
            let value = Arc::new(());
            let mut values: Vec<_> = (0..4).map(|i| (i, Arc::clone(&value))).collect();
            {
                let mut front = Front::new(&mut values);
                for i in 0..taken {
                    assert_eq!(front.take().0, i);
                }
                assert_eq!((front.taken(), front.left()), (taken, 4 - taken));
            }
            assert!(values.iter().map(|(i, _)| *i).eq(taken..4));
            drop(values);
            assert_eq!(Arc::strong_count(&value), 1);
        }
    }
}
