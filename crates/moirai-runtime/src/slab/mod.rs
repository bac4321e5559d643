//! Memory for cells: what every task lives in.
//!
//! A cell may be freed on any thread, and may outlive the runtime that it was made for: handles and
//! wakers do. So cells come in *chunks*, each with a header that is reached by masking a cell's
//! address, and a chunk belongs to a thread only while that thread allocates from it.
//!
//! ```text
//!   thread's heap: one chunk per size class ──► allocate: its own list, no atomic exchange
//!                     │ full                     free on the same thread: the same
//!                     ▼ let_go                   free elsewhere: one exchange on the chunk's word
//!   orphan ── a quarter is free ──► partial ── adopt ──► owned again
//!      └───── the last cell is freed ──► kept for reuse, or back to the system
//! ```
//!
//! The header holds the one counted pointer of the chunk's cells to their [`Home`] (a runtime's
//! pool): a cell needs none of its own, and a home lives until its last cell is gone. Chunks are
//! first touched by the thread that allocates from them, so their pages lie on its node.
//!
//! | file | what |
//! |---|---|
//! | `class` | the sizes that cells come in |
//! | `word` | what a cell's word says while it is free, and what remains in it |
//! | `remote` | the word of a chunk through which other threads free |
//! | `chunk` | the header, and the cells behind it |
//! | `heap` | a thread's chunks |
//! | `map` | memory from the system |
//! | `malloc` | cells without a slab, to measure what it is good for; else not compiled |
//!
//! This file is what a home keeps: every chunk with its cells, those that can be adopted, and those
//! kept for reuse, all behind one lock that is taken once per chunk and not per cell.
//!
//! The scheme is that of mimalloc (Leijen, Zorn, de Moura, *Mimalloc: free list sharding in action*,
//! 2019): a local and a remote free list for each page of equal blocks.

#![allow(unsafe_code, reason = "frees chunks; model: src/model/slab.rs")]
#![cfg_attr(moirai_malloc_cells, allow(dead_code, reason = "its place is taken by `malloc`"))]

mod chunk;
mod class;
mod heap;
#[cfg(moirai_malloc_cells)]
mod malloc;
mod map;
mod remote;
pub(crate) mod word;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;

use moirai_sync::__prim::{Counter, Mutex};

pub(crate) use chunk::CellName;
use chunk::{Adopted, ChunkRef};
#[cfg(not(moirai_malloc_cells))]
pub(crate) use chunk::{home, name};
pub(crate) use class::CellLayout;
use class::Class;
#[cfg(not(moirai_malloc_cells))]
pub(crate) use heap::{allocate, free, leave};
#[cfg(moirai_malloc_cells)]
pub(crate) use malloc::{allocate, free, home, leave, name};

/// What cells belong to, and what their chunks keep alive.
pub(crate) trait Home: Send + Sync + 'static {
    /// The home's chunks.
    fn slab(&self) -> &Slab;

    /// Itself, counted.
    fn arc(&self) -> Arc<dyn Home>;
}

/// A cell that has been asked for by its name.
#[derive(Debug)]
pub(crate) enum Found {
    /// With one more reference for the caller.
    InUse(NonNull<u8>),
    /// What it was used for has ended; this is its word.
    Ended(u64),
}

/// A new cell: its memory, and the generation for its word, in place.
#[derive(Debug)]
pub(crate) struct Fresh {
    pub(crate) cell: NonNull<u8>,
    pub(crate) generation: u64,
}

/// The chunks of one home.
pub(crate) struct Slab {
    lists: Mutex<Lists>,
    kept_max: usize,
}

#[derive(Default)]
struct Lists {
    /// Every chunk that may have a live cell, by serial number.
    all: BTreeMap<u64, ChunkRef>,
    /// Orphans with room.
    partial: BTreeSet<(Class, u64)>,
    /// Without a live cell, and without their pointer to the home.
    kept: Vec<(Class, ChunkRef)>,
    closed: bool,
    counts: Counts,
}

/// How many chunks have come and gone.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    mapped: u64,
    returned: u64,
    solo: u64,
    chunks_max: usize,
}

/// What the memory of a runtime's tasks comes to; from
/// [`Handle::task_pool`](crate::Handle::task_pool).
///
/// Tasks live in chunks of [`CHUNK_BYTES`](Self::CHUNK_BYTES), each for tasks of one size. A chunk
/// whose last task is gone is kept for reuse up to
/// [`Builder::task_pool_kept_bytes`](crate::Builder::task_pool_kept_bytes), and beyond that given
/// back to the system.
///
/// # Examples
///
/// ```
/// let runtime = moirai_runtime::Runtime::new()?;
/// let handles: Vec<_> = (0..10_000_u64).map(|i| runtime.spawn(async move { i })).collect();
/// let pool = runtime.handle().task_pool();
/// assert_eq!(pool.live_tasks, 10_000);
/// assert!(pool.bytes() < 10_000 * 96);
/// drop(handles);
/// # Ok::<(), moirai_runtime::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[doc(alias = "ArenaAllocator")]
pub struct TaskPool {
    /// Tasks that have not been freed: pending, running, or done with a handle or waker left.
    /// Threads spawn and free meanwhile: exact only while none does.
    pub live_tasks: usize,
    /// Chunks with tasks in them, or from which a thread allocates.
    pub chunks: usize,
    /// The most chunks there have been at once.
    pub chunks_max: usize,
    /// Chunks without a task, kept for reuse.
    pub kept_chunks: usize,
    /// Chunks that were asked of the system so far.
    pub mapped_chunks: u64,
    /// Chunks that were given back to the system so far.
    pub returned_chunks: u64,
    /// Tasks that were too large or too strictly aligned for a chunk, so far: each was an
    /// allocation of its own.
    pub solo_tasks: u64,
}

impl TaskPool {
    /// The size of a chunk.
    pub const CHUNK_BYTES: usize = map::CHUNK_BYTES;

    /// The memory of all chunks, kept ones included. Pages of a chunk that no task has touched yet
    /// take no memory.
    pub fn bytes(&self) -> usize {
        (self.chunks + self.kept_chunks) * Self::CHUNK_BYTES
    }
}

impl Slab {
    /// No chunks; of those that become empty, keeps so many.
    pub(crate) fn new(kept_max: usize) -> Self {
        Self { lists: Mutex::new(Lists::default()), kept_max }
    }

    /// A chunk with room for a cell of `class`, owned by the calling thread.
    fn chunk_for<H: Home>(home: &H, class: Class, owner: usize) -> ChunkRef {
        let slab = home.slab();
        let mut lists = slab.lists.lock();
        if let Some(chunk) = lists.adopt(class, owner) {
            return chunk;
        }
        let kept = lists.kept.iter().rposition(|&(of, _)| of == class);
        let chunk = match kept {
            Some(at) => {
                let (_, chunk) = lists.kept.swap_remove(at);
                // SAFETY: a kept chunk has no live cell, and was taken out of the list.
                unsafe { chunk.revive(home.arc(), owner) };
                chunk
            }
            None => {
                lists.counts.mapped += 1;
                ChunkRef::new(home.arc(), SERIALS.take(1), class, owner)
            }
        };
        lists.insert(chunk);
        chunk
    }

    /// A chunk for one cell of `layout`, which is taken already.
    fn solo<H: Home>(home: &H, layout: &CellLayout) -> Fresh {
        let (chunk, fresh) = ChunkRef::solo(home.arc(), SERIALS.take(1), layout);
        let mut lists = home.slab().lists.lock();
        lists.counts.solo += 1;
        lists.insert(chunk);
        fresh
    }

    /// Lists an orphan of which a good part is free, so that a thread may adopt it.
    ///
    /// The caller holds a live cell of `chunk`.
    fn offer(chunk: ChunkRef) {
        let home = chunk.home_arc();
        let mut lists = home.slab().lists.lock();
        if chunk.list() {
            lists.partial.insert((chunk.class(), chunk.serial()));
        }
    }

    /// Gives up the calling thread's ownership of `chunk`.
    fn let_go(chunk: ChunkRef) {
        // The home must outlive the lock below, also if another thread frees the chunk after it.
        let home = chunk.home_arc();
        let mut lists = home.slab().lists.lock();
        match chunk.orphan() {
            remote::Orphaned::Full => {}
            remote::Orphaned::Listed => {
                lists.partial.insert((chunk.class(), chunk.serial()));
            }
            remote::Orphaned::Empty => {
                drop(lists);
                Self::retire(chunk);
            }
        }
    }

    /// Keeps or frees a chunk whose last cell has been freed, by the one who freed it.
    fn retire(chunk: ChunkRef) {
        let (class, serial) = (chunk.class(), chunk.serial());
        // Beyond the end of the lock below: this may be the last pointer to the home.
        let home = chunk.home_arc();
        let slab = home.slab();
        let mut lists = slab.lists.lock();
        lists.all.remove(&serial);
        lists.partial.remove(&(class, serial));
        // SAFETY: the chunk has no live cell, and is in no list: nobody else reaches it.
        drop(unsafe { chunk.take_home() });
        let of_no_use = class.is_solo() || chunk.is_worn_out();
        if of_no_use || lists.closed || lists.kept.len() >= slab.kept_max {
            lists.counts.returned += u64::from(!class.is_solo());
            drop(lists);
            // SAFETY: as above.
            unsafe { chunk.free() };
        } else {
            lists.kept.push((class, chunk));
        }
    }

    /// Frees what is kept for reuse, and keeps nothing from now on.
    pub(crate) fn close(&self) {
        let kept = {
            let mut lists = self.lists.lock();
            lists.closed = true;
            let kept = std::mem::take(&mut lists.kept);
            lists.counts.returned += kept.len() as u64;
            kept
        };
        for (_, chunk) in kept {
            // SAFETY: kept chunks have no live cell, and these are in no list any more.
            unsafe { chunk.free() };
        }
    }

    /// Calls `f` with each live cell, for which a reference has been counted, that became live
    /// before the call and still is when the walk comes by. `f` gives the reference up.
    pub(crate) fn for_each_live(&self, mut f: impl FnMut(NonNull<u8>)) {
        let mut after = 0;
        let mut live = Vec::new();
        loop {
            {
                let lists = self.lists.lock();
                // Under the lock a chunk in the list is not freed.
                let Some((&serial, chunk)) = lists.all.range(after..).next() else { return };
                live.extend(chunk.live_cells());
                after = serial + 1;
            }
            // Outside of the lock: what this drops may free the chunk.
            live.drain(..).for_each(&mut f);
        }
    }

    /// The cell with this name, if it is one of this home's and has not been freed. Takes the lock, and
    /// looks at one cell.
    pub(crate) fn find(&self, name: CellName) -> Option<Found> {
        let lists = self.lists.lock();
        // Under the lock a chunk in the list is not freed.
        lists.all.get(&name.serial())?.find(name)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lists.lock().closed
    }

    pub(crate) fn report(&self) -> TaskPool {
        let lists = self.lists.lock();
        let Counts { mapped, returned, solo, chunks_max } = lists.counts;
        TaskPool {
            live_tasks: lists.all.values().map(ChunkRef::live).sum(),
            chunks: lists.all.len(),
            chunks_max,
            kept_chunks: lists.kept.len(),
            mapped_chunks: mapped,
            returned_chunks: returned,
            solo_tasks: solo,
        }
    }
}

impl Lists {
    fn insert(&mut self, chunk: ChunkRef) {
        self.all.insert(chunk.serial(), chunk);
        self.counts.chunks_max = self.counts.chunks_max.max(self.all.len());
    }

    /// Makes `owner` the owner of an orphan with room, the oldest first: so the others empty.
    fn adopt(&mut self, class: Class, owner: usize) -> Option<ChunkRef> {
        let mut after = 0;
        loop {
            let entry = *self.partial.range((class, after)..).next()?;
            if entry.0 != class {
                return None;
            }
            after = entry.1 + 1;
            let chunk = *self.all.get(&entry.1)?;
            match chunk.adopt(owner) {
                Adopted::Yes => {
                    self.partial.remove(&entry);
                    return Some(chunk);
                }
                // Whoever has freed its last cell waits for this lock.
                Adopted::Dying => {}
            }
        }
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        self.close();
        let lists = self.lists.lock();
        debug_assert!(lists.all.is_empty() && lists.partial.is_empty(), "{:?}", lists.partial);
    }
}

impl fmt::Debug for Slab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report().fmt(f)
    }
}

/// Numbers of chunks. One in 2^36 is not reached in years of nothing but new chunks.
static SERIALS: Counter = Counter::new(1);
