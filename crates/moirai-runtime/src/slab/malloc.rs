//! Cells from the program's allocator, one by one: what the slab is measured against.
//!
//! In the place of `heap` in a build with `--cfg moirai_malloc_cells`, which is for
//! `cargo xtask bench slab` and nothing else: shutdown does not find the tasks that wait, names come
//! again, and `TaskPool` tells nothing.

#![allow(unsafe_code, reason = "allocates cells; only measured, so there is no model")]

use std::alloc::{Layout, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::Arc;

use super::chunk::{CellName, make_word};
use super::class::CellLayout;
use super::{Fresh, Home, map, word};

/// Ends where a cell begins: what a chunk knows of all its cells.
struct Front {
    home: Arc<dyn Home>,
    layout: &'static CellLayout,
}

/// Of a front and the cell behind it; and where the latter begins.
fn block(cell: &CellLayout) -> (Layout, usize) {
    let front = Layout::new::<Front>().align_to(cell.layout.align());
    match front.and_then(|front| front.pad_to_align().extend(cell.layout)) {
        Ok(block) => block,
        Err(_) => handle_alloc_error(cell.layout),
    }
}

pub(crate) fn allocate<H: Home>(home: &H, layout: &'static CellLayout) -> Fresh {
    let (block, lead) = block(layout);
    // SAFETY: the block has room for a front that ends at the lead, and the cell behind it; both
    // are aligned, and ours.
    unsafe {
        let cell = map::allocate(block).byte_add(lead);
        front(cell).write(Front { home: home.arc(), layout });
        make_word(cell);
        Fresh { cell, generation: word::GENERATION_ONE }
    }
}

/// # Safety
///
/// `cell` came from [`allocate`], nobody has a reference to it, and nothing in it is in use.
pub(crate) unsafe fn free(cell: NonNull<u8>) {
    // SAFETY: the caller says so. The home may end with this, after the cell.
    unsafe {
        let Front { home: _home, layout } = front(cell).read();
        let (block, lead) = block(layout);
        map::free(cell.byte_sub(lead), block);
    }
}

/// # Safety
///
/// `cell` is live for as long as the reference is used, and was allocated for an `Arc<H>`.
pub(crate) unsafe fn home<'a, H: Home>(cell: NonNull<u8>) -> &'a H {
    // SAFETY: the front of a live cell holds its home, an `H` by the caller's word.
    unsafe { &*Arc::as_ptr(&front(cell).as_ref().home).cast::<H>() }
}

/// # Safety
///
/// `cell` is live.
pub(crate) unsafe fn name(cell: NonNull<u8>) -> CellName {
    CellName::of_address(cell)
}

/// A thread holds nothing.
pub(crate) fn leave<H: Home>(_: &H) {}

/// # Safety
///
/// `cell` came from [`allocate`], or is about to.
unsafe fn front(cell: NonNull<u8>) -> NonNull<Front> {
    // SAFETY: the caller says so.
    unsafe { cell.cast::<Front>().sub(1) }
}
