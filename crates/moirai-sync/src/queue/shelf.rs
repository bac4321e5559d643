//! A few empty blocks, on their way from who has emptied them to who fills them next.
//!
//! A queue made of blocks needs a new one as often as it has done with an old one. Through malloc that
//! is two calls for each, from two threads, whose caches of free memory it then has to balance.
//!
//! ```text
//!   empty ── put: null ─► block ──► on the shelf ── take: block ─► null ──► to be filled
//!                  no room: free it                        nothing: allocate one
//! ```
//!
//! Who finds nothing in its queue clears the shelf: what a queue has at rest is what is in it.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `put` | Release | the Acquire in `take`: whoever had the block has done with it |

use std::ptr::{self, NonNull};

use crate::prim::atomic::{AtomicPtr, Ordering};

/// Places on a shelf: as many as are emptied while one is filled, where the receiver comes for many
/// messages at a time, and no more than an empty channel has room for.
pub(super) const SHELF_MAX: usize = if cfg!(moirai_loom) { 1 } else { 5 };

/// Holds blocks; whoever drops it [takes](Self::take) them out before.
#[derive(Debug)]
pub(super) struct Shelf<B>([AtomicPtr<B>; SHELF_MAX]);

impl<B> Shelf<B> {
    #[inline]
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicPtr::new(ptr::null_mut())))
    }

    /// Puts a block down, or gives it back where there is no room.
    pub(super) fn put(&self, block: NonNull<B>) -> Result<(), NonNull<B>> {
        let put = |place: &AtomicPtr<B>| {
            // Relaxed: a guess, which the exchange checks.
            place.load(Ordering::Relaxed).is_null()
                // Release: pairs with the Acquire in `take`.
                && place
                    .compare_exchange(
                        ptr::null_mut(),
                        block.as_ptr(),
                        Ordering::Release,
                        Ordering::Relaxed,
                    )
                    .is_ok()
        };
        if self.0.iter().any(put) { Ok(()) } else { Err(block) }
    }

    /// The block that is taken next, unless another one is, or it is freed: for prefetches only.
    #[inline]
    pub(super) fn peek(&self) -> *const B {
        // Relaxed: nothing is read through it.
        let next =
            self.0.iter().map(|place| place.load(Ordering::Relaxed)).find(|next| !next.is_null());
        next.unwrap_or(ptr::null_mut())
    }

    /// Takes a block, which is the caller's then.
    #[inline]
    pub(super) fn take(&self) -> Option<NonNull<B>> {
        self.0.iter().find_map(|place| {
            // Relaxed: a guess, which the exchange checks.
            if place.load(Ordering::Relaxed).is_null() {
                return None;
            }
            // Acquire: pairs with the Release in `put`.
            NonNull::new(place.swap(ptr::null_mut(), Ordering::Acquire))
        })
    }
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_takes_so_many_and_gives_each_back_once() {
        let mut blocks = [0_u8; SHELF_MAX + 1];
        let shelf = Shelf::new();
        let put = blocks.each_mut().map(|block| shelf.put(NonNull::from(block)).is_ok());
        assert_eq!(put.iter().filter(|put| **put).count(), SHELF_MAX);
        let mut taken: Vec<_> = std::iter::from_fn(|| shelf.take()).collect();
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), SHELF_MAX);
    }
}
