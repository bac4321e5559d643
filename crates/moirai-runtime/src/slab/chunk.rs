//! A chunk: a header, and cells of one size behind it.
//!
//! ```text
//!   0                                256                                  65536
//!   │ place │ remote │ local │       │ cell │ cell │ cell │ ..            │
//!   └ a multiple of 65536            └ header, word, then the owner's
//!
//!   a cell for which this is too small or not aligned enough:
//!   │ place │ remote │ local │  ..   │ cell                     │
//!   └ a multiple of 65536            └ at 256, or at its alignment, at most 65536 further on
//! ```
//! So the header of a cell at `address` is at `(address - 1)` rounded down to a multiple of 65536.
//!
//! **Who may touch what.** `place` is written by who has the chunk to itself. `local` belongs to the
//! owner, the thread whose token is in `place.owner`; a thread that reads its own token there is the
//! owner, since nobody else writes that token. Its fields are atomic only so that `live` may read
//! `used` from another thread. Cells are reached through the references that their words count.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | a free cell's word, stored | Release | the looks by name: see [`word`](super::word) |
//! | `owner` | Relaxed | nothing: who reads its own token has written it; the exchanges of [`remote`](super::remote) hand a chunk over |
//! | `local` | Relaxed | nothing: the owner's; another reads `used` as a hint |

#![allow(unsafe_code, reason = "headers reached from cells; model: src/model/slab.rs")]

use std::alloc::Layout;
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use moirai_sync::__prim::UnsafeCell;
use moirai_sync::__prim::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use super::class::{CELL_ALIGN_MAX, CellLayout, Class};
use super::map::{self, CHUNK_BYTES};
use super::remote::{List, Orphaned, Pushed, Remote};
use super::{Found, Fresh, Home, word};

/// The header.
#[repr(C)]
pub(super) struct Chunk {
    place: Line<Place>,
    remote: Line<Remote>,
    local: Line<Local>,
}

/// On cache lines of its own.
#[repr(C, align(64))]
struct Line<T>(T);

struct Place {
    /// None while the chunk is kept for reuse.
    home: UnsafeCell<Option<Arc<dyn Home>>>,
    /// The token of the thread that allocates from it, or zero.
    owner: AtomicUsize,
    serial: u64,
    class: Class,
    /// Where the first cell lies, and how far the next ones are, in bytes.
    first: u32,
    stride: u32,
    /// Cells in all.
    capacity: u32,
    block: NonNull<u8>,
    /// Of the block of a cell of its own.
    layout: Layout,
}

/// The owner's side. A position is a cell's place in granules, and zero for none.
struct Local {
    free: AtomicU32,
    /// The first cell that was never used.
    fresh: AtomicU32,
    /// Cells given out, less those that the owner has back.
    used: AtomicU32,
    /// Cells that are not given out again: their generations are used up, and the owner has met them in
    /// the list.
    worn: AtomicU32,
}

/// A chunk whose memory is there: the holder sees to that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct ChunkRef(NonNull<Chunk>);

// SAFETY: a chunk is shared between threads as the module's doc says.
unsafe impl Send for ChunkRef {}

/// Whether the caller owns the chunk now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Adopted {
    Yes,
    /// Its last cell has been freed.
    Dying,
}

/// What freeing a cell asks of the caller.
#[must_use]
pub(super) enum Freed {
    Done,
    /// The chunk is the caller's.
    Last,
    /// List the chunk, then free the cell again.
    OfferFirst,
}

/// Positions of cells are multiples of this.
const GRANULE_BYTES: usize = 16;

/// The first cell.
const FIRST: usize = CELL_ALIGN_MAX;

const _: () = assert!(size_of::<Chunk>() <= FIRST || cfg!(any(moirai_loom, moirai_shuttle)));
const _: () = assert!(CHUNK_BYTES / GRANULE_BYTES == 1 << 12);

/// Where the first cell lies: behind the header, whose atomics are larger in a model.
const FIRST_CELL: usize = size_of::<Chunk>().next_multiple_of(FIRST);

/// Few in a model, and where each cell that shutdown looks at costs a millisecond.
const CAPACITY_MAX: usize = match () {
    () if cfg!(any(moirai_loom, moirai_shuttle)) => 4,
    () if cfg!(miri) => 32,
    () => CHUNK_BYTES,
};

impl ChunkRef {
    /// A chunk for cells of `class`, which are all free.
    pub(super) fn new(home: Arc<dyn Home>, serial: u64, class: Class, owner: usize) -> Self {
        let block = map::map_chunk();
        let place = Place {
            home: UnsafeCell::new(Some(home)),
            owner: AtomicUsize::new(owner),
            serial,
            class,
            first: FIRST_CELL as u32,
            stride: class.bytes() as u32,
            capacity: ((CHUNK_BYTES - FIRST_CELL) / class.bytes()).min(CAPACITY_MAX) as u32,
            block,
            layout: Layout::new::<()>(),
        };
        let this = Self(block.cast());
        // SAFETY: the block is large enough, aligned, and ours.
        unsafe { this.0.write(Chunk::new(place, Remote::owned())) };
        if !map::ZEROED {
            // SAFETY: the cells of the chunk, which are ours.
            this.cells().for_each(|cell| unsafe { make_word(cell) });
        }
        this
    }

    /// A chunk for one cell, which is given out.
    pub(super) fn solo(home: Arc<dyn Home>, serial: u64, cell: &CellLayout) -> (Self, Fresh) {
        let align = cell.layout.align();
        // The cell is at its alignment, and the header in the 64 KiB that end there or before.
        let offset = FIRST_CELL.next_multiple_of(align).min(CHUNK_BYTES);
        let lead = align.saturating_sub(CHUNK_BYTES);
        let bytes = lead + offset + cell.layout.size();
        let Ok(layout) = Layout::from_size_align(bytes, align.max(CHUNK_BYTES)) else {
            std::alloc::handle_alloc_error(cell.layout)
        };
        let block = map::allocate(layout);
        let place = Place {
            home: UnsafeCell::new(Some(home)),
            owner: AtomicUsize::new(0),
            serial,
            class: Class::SOLO,
            first: offset as u32,
            stride: 0,
            capacity: 1,
            block,
            layout,
        };
        // SAFETY: `lead` is a multiple of the header's alignment, and header and cell lie in the
        // block, which is ours.
        unsafe {
            let this = Self(block.byte_add(lead).cast());
            this.0.write(Chunk::new(place, Remote::orphan_of_one()));
            let cell = this.at(offset);
            make_word(cell);
            (this, Fresh { cell, generation: word::GENERATION_ONE })
        }
    }

    /// The chunk of a cell.
    pub(super) fn of(cell: NonNull<u8>) -> Self {
        let chunk = cell.as_ptr().map_addr(|address| (address - 1) & !(CHUNK_BYTES - 1));
        // SAFETY: no chunk lies at address zero.
        Self(unsafe { NonNull::new_unchecked(chunk) }.cast())
    }

    fn chunk(&self) -> &Chunk {
        // SAFETY: the holder sees to it that the chunk is there.
        unsafe { self.0.as_ref() }
    }

    fn place(&self) -> &Place {
        &self.chunk().place.0
    }

    fn local(&self) -> &Local {
        &self.chunk().local.0
    }

    fn remote(&self) -> &Remote {
        &self.chunk().remote.0
    }

    pub(super) fn serial(&self) -> u64 {
        self.place().serial
    }

    pub(super) fn class(&self) -> Class {
        self.place().class
    }

    /// The home, in whose lists the chunk is.
    pub(super) fn home_arc(&self) -> Arc<dyn Home> {
        self.with_home(Arc::clone)
    }

    fn with_home<R>(&self, f: impl FnOnce(&Arc<dyn Home>) -> R) -> R {
        // SAFETY: the home is written by who has the chunk to itself, and the caller comes from a
        // live cell, owns the chunk or holds the lock of the lists that it is in: nobody has.
        self.place().home.with(|home| match unsafe { &*home } {
            Some(home) => f(home),
            None => unreachable!("a chunk in use has a home"),
        })
    }

    /// # Safety
    ///
    /// The position lies in the chunk's block.
    unsafe fn at(&self, bytes: usize) -> NonNull<u8> {
        // SAFETY: the caller says so; the pointer was made from the whole block.
        unsafe { self.0.cast::<u8>().byte_add(bytes) }
    }

    /// # Safety
    ///
    /// The position is that of a cell.
    unsafe fn cell(&self, position: u32) -> NonNull<u8> {
        // SAFETY: the caller says so.
        unsafe { self.at(position as usize * GRANULE_BYTES) }
    }

    /// # Safety
    ///
    /// The position is that of a cell.
    unsafe fn word(&self, position: u32) -> &AtomicU64 {
        // SAFETY: the caller says so, and `self` keeps the chunk.
        unsafe { word::of(self.cell(position)) }
    }

    /// The position of a cell of this chunk, as far as twelve bits tell it.
    fn position(&self, cell: NonNull<u8>) -> u32 {
        let bytes = cell.addr().get() - self.0.addr().get();
        (bytes / GRANULE_BYTES) as u32 & 0xfff
    }

    /// Every cell, live or not.
    fn cells(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        let Place { first, stride, capacity, .. } = *self.place();
        // SAFETY: so the cells lie in the block.
        (0..capacity).map(move |n| unsafe { self.at((first + n * stride) as usize) })
    }

    /// Whether the thread of this token allocates from it.
    #[inline]
    pub(super) fn is_owned_by(&self, token: usize) -> bool {
        // Relaxed: who reads its own token has written it.
        self.place().owner.load(Ordering::Relaxed) == token
    }

    /// Takes a free cell. The caller is the owner.
    #[inline]
    pub(super) fn pop(&self) -> Option<Fresh> {
        let local = self.local();
        loop {
            // Relaxed, here and below: the owner's.
            let free = local.free.load(Ordering::Relaxed);
            let (position, generation) = if free == 0 {
                // Its word is zero and stays unread: the first touch of a page is a write, for a page that
                // is read first is mapped twice.
                (self.next_fresh()?, 0)
            } else {
                // SAFETY: the list holds cells.
                let word = unsafe { self.word(free) }.load(Ordering::Relaxed);
                local.free.store(word::link(word), Ordering::Relaxed);
                (free, word::generation(word))
            };
            // A cell whose generations are used up stays as it is until the chunk is freed.
            if generation == word::GENERATION_MAX {
                local.worn.store(local.worn.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            } else {
                local.used.store(local.used.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                let generation = generation + word::GENERATION_ONE;
                // SAFETY: both are positions of cells.
                return Some(Fresh { cell: unsafe { self.cell(position) }, generation });
            }
        }
    }

    /// The position of a cell that was never used.
    fn next_fresh(&self) -> Option<u32> {
        let Place { first, stride, capacity, .. } = *self.place();
        let fresh = self.local().fresh.load(Ordering::Relaxed);
        if fresh == capacity {
            return None;
        }
        self.local().fresh.store(fresh + 1, Ordering::Relaxed);
        Some((first + fresh * stride) / GRANULE_BYTES as u32)
    }

    /// Frees a cell. The caller is the owner.
    ///
    /// # Safety
    ///
    /// `cell` is one of this chunk's, and nobody has a reference to it.
    #[inline]
    pub(super) unsafe fn free_local(&self, cell: NonNull<u8>) {
        let (local, position) = (self.local(), self.position(cell));
        // SAFETY: the caller says so.
        let word = unsafe { word::of(cell) };
        // Relaxed: the owner's lists.
        let generation = word::generation(word.load(Ordering::Relaxed));
        let free = local.free.load(Ordering::Relaxed);
        // Release: pairs with `try_ref_if`.
        word.store(word::free(generation, free), Ordering::Release);
        local.free.store(position, Ordering::Relaxed);
        local.used.store(local.used.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
    }

    /// Frees a cell on a thread that is not the owner. Unless [`Freed::OfferFirst`] is returned,
    /// the chunk may be gone after this.
    ///
    /// # Safety
    ///
    /// As for [`free_local`](Self::free_local).
    pub(super) unsafe fn free_remote(&self, cell: NonNull<u8>) -> Freed {
        // SAFETY: the caller says so.
        let word = unsafe { word::of(cell) };
        let generation = word::generation(word.load(Ordering::Relaxed));
        // For the owner it is published by the exchange that follows. Release: pairs with `try_ref_if`.
        let link = |next| word.store(word::free(generation, next), Ordering::Release);
        match self.remote().push(self.position(cell), self.place().capacity, link) {
            Pushed::Done => Freed::Done,
            Pushed::Last => Freed::Last,
            Pushed::OfferFirst => Freed::OfferFirst,
        }
    }

    /// Takes what others have freed, if that is enough to go on with. The caller is the owner, and
    /// has no free cell.
    pub(super) fn take_remote(&self) -> bool {
        // Few: whoever goes on with this chunk would be back soon.
        if self.remote().waiting() < self.place().capacity.div_ceil(8) {
            return false;
        }
        let List { head, count } = self.remote().take();
        let local = self.local();
        local.free.store(head, Ordering::Relaxed);
        local.used.store(local.used.load(Ordering::Relaxed) - count, Ordering::Relaxed);
        true
    }

    /// Ends the calling thread's ownership, under the slab's lock.
    pub(super) fn orphan(&self) -> Orphaned {
        let local = self.local();
        self.place().owner.store(0, Ordering::Relaxed);
        loop {
            let free = local.free.load(Ordering::Relaxed);
            let used = local.used.load(Ordering::Relaxed);
            // First: once it is an orphan the list is not this thread's.
            local.free.store(0, Ordering::Relaxed);
            if let Ok(orphaned) =
                self.remote().orphan(free, used, self.place().capacity, self.is_worn_out())
            {
                return orphaned;
            }
            let List { head, count } = self.remote().take();
            local.free.store(self.append(head, free), Ordering::Relaxed);
            local.used.store(used - count, Ordering::Relaxed);
        }
    }

    /// Whether so many cells are not given out again that the chunk is not worth having. The caller is the
    /// owner, or has the chunk to itself.
    pub(super) fn is_worn_out(&self) -> bool {
        self.local().worn.load(Ordering::Relaxed) > self.place().capacity / 4
    }

    /// The list `head`, followed by the list `rest`; both are the caller's.
    fn append(&self, head: u32, rest: u32) -> u32 {
        let mut last = head;
        loop {
            // SAFETY: lists hold cells, and `head` is not empty where something was taken.
            let word = unsafe { self.word(last) };
            let value = word.load(Ordering::Relaxed);
            match word::link(value) {
                0 => {
                    // Release: pairs with `try_ref_if`, as the store that this replaces.
                    word.store(word::free(word::generation(value), rest), Ordering::Release);
                    return head;
                }
                next => last = next,
            }
        }
    }

    /// Marks it as listed, under the slab's lock; says whether the caller is to list it.
    pub(super) fn list(&self) -> bool {
        self.remote().list()
    }

    /// Makes the thread of this token the owner of a listed orphan, under the slab's lock.
    pub(super) fn adopt(&self, owner: usize) -> Adopted {
        match self.remote().adopt() {
            Some(list) => {
                self.own(list, owner);
                Adopted::Yes
            }
            None => Adopted::Dying,
        }
    }

    /// Makes the thread of this token the owner of a kept chunk.
    ///
    /// # Safety
    ///
    /// The chunk has no live cell and is in no list.
    pub(super) unsafe fn revive(&self, home: Arc<dyn Home>, owner: usize) {
        // SAFETY: the caller has the chunk to itself.
        self.place().home.with_mut(|place| unsafe { *place = Some(home) });
        self.own(self.remote().revive(), owner);
    }

    fn own(&self, List { head, count }: List, owner: usize) {
        self.local().free.store(head, Ordering::Relaxed);
        self.local().used.store(count, Ordering::Relaxed);
        self.place().owner.store(owner, Ordering::Relaxed);
    }

    /// Takes the pointer to the home out.
    ///
    /// # Safety
    ///
    /// The chunk has no live cell, and is the caller's.
    pub(super) unsafe fn take_home(&self) -> Option<Arc<dyn Home>> {
        // SAFETY: the caller says so.
        self.place().home.with_mut(|home| unsafe { (*home).take() })
    }

    /// Gives the memory back.
    ///
    /// # Safety
    ///
    /// As for [`take_home`](Self::take_home), which has been called.
    pub(super) unsafe fn free(self) {
        let Place { block, layout, .. } = *self.place();
        let solo = self.class().is_solo();
        // SAFETY: nobody reaches the chunk any more; the words of its cells hold nothing.
        unsafe {
            self.0.drop_in_place();
            if solo { map::free(block, layout) } else { map::unmap_chunk(block) }
        }
    }

    /// The cells in use, with one more reference for the caller. Under the lock of the list that the
    /// chunk is in.
    pub(super) fn live_cells(&self) -> impl Iterator<Item = NonNull<u8>> + '_ {
        // SAFETY: a cell of this chunk, which the lock keeps.
        self.cells().filter(|&cell| word::try_ref_if(unsafe { word::of(cell) }, |_| true))
    }

    /// The cell of this chunk with this name, if somebody has a reference to it. Under the lock of the
    /// list that the chunk is in.
    pub(super) fn find(&self, name: CellName) -> Option<Found> {
        let Place { first, class, .. } = *self.place();
        // SAFETY: names are made of cells (`name`), and this one is of this chunk, whose number it has.
        // The place of a cell of its own may be farther away than the name can say.
        let cell = unsafe {
            if class.is_solo() { self.at(first as usize) } else { self.cell(name.position()) }
        };
        let is_it = |word| word::generation(word) / word::GENERATION_ONE == name.generation();
        // SAFETY: a cell of this chunk, which the lock keeps.
        let word = unsafe { word::of(cell) };
        if word::try_ref_if(word, is_it) {
            return Some(Found::InUse(cell));
        }
        word::peek(word).filter(|&word| is_it(word)).map(Found::Ended)
    }

    /// How many cells live; a hint while threads allocate and free.
    pub(super) fn live(&self) -> usize {
        self.remote().live(self.local().used.load(Ordering::Relaxed)) as usize
    }
}

impl Chunk {
    fn new(place: Place, remote: Remote) -> Self {
        let local = Local {
            free: AtomicU32::new(0),
            fresh: AtomicU32::new(0),
            used: AtomicU32::new(0),
            worn: AtomicU32::new(0),
        };
        Self { place: Line(place), remote: Line(remote), local: Line(local) }
    }
}

impl fmt::Debug for ChunkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk").field("at", &self.0).finish_non_exhaustive()
    }
}

/// # Safety
///
/// `cell` is large enough for a header and a word, aligned for them, and the caller's.
pub(super) unsafe fn make_word(cell: NonNull<u8>) {
    // SAFETY: the caller says so.
    unsafe { cell.byte_add(word::WORD_OFFSET).cast::<AtomicU64>().write(AtomicU64::new(0)) };
}

/// The home of a live cell.
///
/// # Safety
///
/// `cell` is live for as long as the reference is used, and was allocated for an `Arc<H>`.
#[inline]
pub(crate) unsafe fn home<'a, H: Home>(cell: NonNull<u8>) -> &'a H {
    // SAFETY: the chunk of a live cell holds its home, an `H` by the caller's word.
    ChunkRef::of(cell).with_home(|home| unsafe { &*Arc::as_ptr(home).cast::<H>() })
}

/// A name for a cell in one of its uses: the chunk's serial number, the cell's place in it, and how
/// often it has been given out. No other cell of the process has or had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CellName(u64);

impl CellName {
    pub(crate) fn as_u64(self) -> u64 {
        self.0
    }

    /// Of a cell without a chunk, which is not found by it.
    #[cfg(moirai_malloc_cells)]
    pub(super) fn of_address(cell: NonNull<u8>) -> Self {
        Self(cell.addr().get() as u64)
    }

    pub(super) fn serial(self) -> u64 {
        self.0 >> SERIAL_SHIFT
    }

    fn position(self) -> u32 {
        (self.0 >> POSITION_SHIFT) as u32 & 0xfff
    }

    fn generation(self) -> u64 {
        self.0 & 0xffff
    }
}

/// The name of a live cell.
///
/// # Safety
///
/// `cell` is live.
pub(crate) unsafe fn name(cell: NonNull<u8>) -> CellName {
    let chunk = ChunkRef::of(cell);
    // SAFETY: the caller says so.
    let word = unsafe { word::of(cell) }.load(Ordering::Relaxed);
    let generation = word::generation(word) / word::GENERATION_ONE;
    let position = u64::from(chunk.position(cell));
    CellName(chunk.serial() << SERIAL_SHIFT | position << POSITION_SHIFT | generation)
}

const SERIAL_SHIFT: u32 = 28;
const POSITION_SHIFT: u32 = 16;
