//! The word of a cell: who holds references to it, and, when nobody does, the next free cell.
//!
//! ```text
//!   bits    63 ........ 38 37 ...... 22 21 .. 12 11 ........ 0
//!   live    references > 0   generation   the owner's
//!   free    0                generation   unused   next free cell, or 0
//! ```
//!
//! It lies behind the [`Header`](crate::sched::work::Header) that every cell starts with. The
//! generation counts how often the cell was given out; it stays while the cell lives, so that it can
//! be part of a name, and a cell whose count is used up is not given out again.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `try_ref_if` | SeqCst | the store that began the life of the cell, and every move of its owner |
//! | load in `peek` | Acquire | the move that ended the cell's use |
//! | a free cell's word, stored | Release | the looks in `try_ref_if` and `peek`: who asks for a task by name and finds the cell free sees what that task left behind |
//! | a free cell's word, read | Relaxed | the owner's; a remote free publishes it with the chunk's word |

use std::ptr::NonNull;

use moirai_sync::__prim::atomic::{AtomicU64, Ordering};

use crate::sched::work::Header;

/// One reference.
pub(crate) const REF_ONE: u64 = 1 << 38;

/// References that one cell may have; one more aborts the process, before the count wraps.
pub(crate) const REFS_MAX: u64 = 1 << 25;

/// Of the owner's bits: what the cell is used for has ended, and nobody counts a reference to it who
/// has none. So a holder who finds that his is the only one has the word to himself.
pub(crate) const ENDED: u64 = 1 << 3;

/// One more use of the cell.
pub(crate) const GENERATION_ONE: u64 = 1 << 22;

/// The last use.
pub(super) const GENERATION_MAX: u64 = 0xffff * GENERATION_ONE;

const LINK_MASK: u64 = 0xfff;

/// Where the word lies in a cell.
pub(crate) const WORD_OFFSET: usize = size_of::<Header>();

pub(crate) fn refs(word: u64) -> u64 {
    word / REF_ONE
}

/// `word` with one reference more.
pub(crate) fn add_ref(word: u64) -> u64 {
    if refs(word) >= REFS_MAX {
        std::process::abort();
    }
    word + REF_ONE
}

pub(crate) fn generation(word: u64) -> u64 {
    word & GENERATION_MAX
}

/// Of a free cell: the next one, in granules from the chunk's start.
pub(super) fn link(word: u64) -> u32 {
    (word & LINK_MASK) as u32
}

/// The word of a free cell.
pub(super) fn free(generation: u64, link: u32) -> u64 {
    generation | u64::from(link)
}

/// The word of `cell`.
///
/// # Safety
///
/// `cell` lies in a chunk that is not freed while the reference lives.
pub(super) unsafe fn of<'a>(cell: NonNull<u8>) -> &'a AtomicU64 {
    // SAFETY: the chunk has made a word at this place of each of its cells, aligned as a header is;
    // it is only reached as an atomic.
    unsafe { cell.byte_add(WORD_OFFSET).cast().as_ref() }
}

/// Counts a reference, unless nobody holds one, the use has ended, or `which` is not true of the word.
pub(super) fn try_ref_if(word: &AtomicU64, which: impl Fn(u64) -> bool) -> bool {
    // SeqCst: shutdown's look at the cell; see `Pool::close`. Also where it fails: as Acquire, see the
    // table above.
    word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |word| {
        (refs(word) != 0 && word & ENDED == 0 && which(word)).then(|| add_ref(word))
    })
    .is_ok()
}

/// The word, unless nobody holds a reference.
pub(super) fn peek(word: &AtomicU64) -> Option<u64> {
    // Acquire: see the table above.
    Some(word.load(Ordering::Acquire)).filter(|&word| refs(word) != 0)
}
