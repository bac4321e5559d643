//! A thread's chunks: for each home it spawns on, and each class, the one it allocates from.
//!
//! A thread owns no other chunk. So a free needs to know only whether the cell's chunk is this
//! thread's, and a chunk that is full, or whose thread ends, belongs to nobody until its cells are
//! freed. A thread that spawns on a runtime and lives on keeps a chunk per class, and with it that
//! runtime's pool, until it ends, shuts that runtime down itself, or spawns on another one.

#![allow(unsafe_code, reason = "frees cells; model: src/model/slab.rs")]

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};
use std::rc::Rc;

use moirai_sync::__prim::thread_local;

use super::chunk::{ChunkRef, Freed};
use super::class::{CLASS_COUNT, CellLayout};
use super::{Fresh, Home, Slab};

/// All of a thread's.
struct Heaps {
    /// The one used last.
    recent: RefCell<Option<Rc<Heap>>>,
    others: RefCell<Vec<Rc<Heap>>>,
}

/// For one home.
struct Heap {
    /// Only compared: a heap with a chunk keeps its home, and one without may serve any home.
    home: *const (),
    chunks: [Cell<Option<ChunkRef>>; CLASS_COUNT],
}

/// A new cell for `home`.
#[inline]
pub(crate) fn allocate<H: Home>(home: &H, layout: &CellLayout) -> Fresh {
    let Some(class) = layout.class.index() else { return Slab::solo(home, layout) };
    let fresh = HEAPS.try_with(|heaps| {
        let recent = heaps.recent.borrow();
        let heap = recent.as_ref().filter(|heap| heap.home == address(home))?;
        heap.chunks[class].get()?.pop()
    });
    match fresh {
        Ok(Some(fresh)) => fresh,
        Ok(None) => allocate_slow(home, layout, class),
        // Where the thread-locals are gone.
        Err(_) => Slab::solo(home, layout),
    }
}

#[cold]
fn allocate_slow<H: Home>(home: &H, layout: &CellLayout, class: usize) -> Fresh {
    let fresh = HEAPS.try_with(|heaps| {
        let heap = heaps.heap(home);
        loop {
            if let Some(chunk) = heap.chunks[class].get() {
                if let Some(fresh) = chunk.pop() {
                    return fresh;
                }
                if chunk.take_remote() {
                    continue;
                }
                heap.chunks[class].set(None);
                Slab::let_go(chunk);
            }
            heap.chunks[class].set(Some(Slab::chunk_for(home, layout.class, heaps.token())));
        }
    });
    fresh.unwrap_or_else(|_| Slab::solo(home, layout))
}

/// Gives a cell's memory back.
///
/// # Safety
///
/// `cell` came from [`allocate`], nobody has a reference to it, and nothing in it is in use.
#[inline]
pub(crate) unsafe fn free(cell: NonNull<u8>) {
    let chunk = ChunkRef::of(cell);
    let is_owned = HEAPS.try_with(|heaps| chunk.is_owned_by(heaps.token()));
    if is_owned.unwrap_or(false) {
        // SAFETY: the caller says so, and this thread owns the chunk.
        unsafe { chunk.free_local(cell) }
    } else {
        // SAFETY: the caller says so.
        unsafe { free_remote(chunk, cell) }
    }
}

/// # Safety
///
/// As for [`free`].
unsafe fn free_remote(chunk: ChunkRef, cell: NonNull<u8>) {
    loop {
        // SAFETY: the caller says so; until it is freed the cell keeps the chunk.
        match unsafe { chunk.free_remote(cell) } {
            Freed::Done => return,
            Freed::OfferFirst => Slab::offer(chunk),
            Freed::Last => return Slab::retire(chunk),
        }
    }
}

/// Gives up what the calling thread holds for `home`.
pub(crate) fn leave<H: Home>(home: &H) {
    let home = address(home);
    // Without thread-locals it holds nothing.
    let _: Result<(), _> = HEAPS.try_with(|heaps| {
        let left = heaps.take_if(|heap| heap.home == home);
        left.iter().for_each(|heap| heap.let_go());
    });
}

fn address<H>(home: &H) -> *const () {
    ptr::from_ref(home).cast()
}

impl Heaps {
    /// What names this thread as an owner: no other thread has this at the same time.
    fn token(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// The heap for `home`.
    fn heap<H: Home>(&self, home: &H) -> Rc<Heap> {
        let recent = self.recent.borrow().clone();
        if let Some(heap) = recent.filter(|heap| heap.home == address(home)) {
            return heap;
        }
        // It turns to another home; what is over goes first.
        let over = self.take_if(Heap::is_over);
        over.iter().for_each(|heap| heap.let_go());
        let heap = self
            .take_if(|heap| heap.home == address(home))
            .pop()
            .unwrap_or_else(|| Rc::new(Heap::new(address(home))));
        let before = self.recent.replace(Some(Rc::clone(&heap)));
        self.others.borrow_mut().extend(before);
        heap
    }

    /// Takes out the heaps that `which` is true of.
    fn take_if(&self, which: impl Fn(&Heap) -> bool) -> Vec<Rc<Heap>> {
        let mut taken: Vec<_> =
            self.others.borrow_mut().extract_if(.., |heap| which(heap)).collect();
        let recent = self.recent.borrow_mut().take_if(|heap| which(heap));
        taken.extend(recent);
        taken
    }
}

impl Heap {
    fn new(home: *const ()) -> Self {
        Self { home, chunks: [const { Cell::new(None) }; CLASS_COUNT] }
    }

    /// Whether it holds nothing, or something of a home that has been closed.
    fn is_over(&self) -> bool {
        match self.chunks.iter().find_map(Cell::get) {
            Some(chunk) => chunk.home_arc().slab().is_closed(),
            None => true,
        }
    }

    /// To be called outside of every borrow: it may end a home.
    fn let_go(&self) {
        self.chunks.iter().filter_map(Cell::take).for_each(Slab::let_go);
    }
}

impl Drop for Heaps {
    fn drop(&mut self) {
        let heaps = self.take_if(|_| true);
        heaps.iter().for_each(|heap| heap.let_go());
    }
}

#[cfg(moirai_loom)]
thread_local! {
    static HEAPS: Heaps = Heaps { recent: RefCell::new(None), others: RefCell::new(Vec::new()) };
}
#[cfg(not(moirai_loom))]
thread_local! {
    static HEAPS: Heaps =
        const { Heaps { recent: RefCell::new(None), others: RefCell::new(Vec::new()) } };
}

#[cfg(all(test, not(any(moirai_loom, moirai_shuttle, moirai_malloc_cells))))]
mod tests {
    use std::sync::atomic::Ordering;
    use std::sync::mpsc;
    use std::sync::{Arc, Weak};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::slab::word;

    struct TestHome {
        me: Weak<Self>,
        slab: Slab,
    }

    impl Home for TestHome {
        fn slab(&self) -> &Slab {
            &self.slab
        }

        fn arc(&self) -> Arc<dyn Home> {
            match self.me.upgrade() {
                Some(home) => home,
                None => unreachable!("a home in use is counted"),
            }
        }
    }

    const KEPT_MAX: usize = 4;

    fn home() -> Arc<TestHome> {
        Arc::new_cyclic(|me| TestHome { me: Weak::clone(me), slab: Slab::new(KEPT_MAX) })
    }

    /// A cell in use, for the last time if it is `worn`.
    fn allocate(home: &Arc<TestHome>, worn: bool) -> NonNull<u8> {
        let layout = CellLayout::of::<[usize; 8]>();
        let Fresh { cell, generation } = super::allocate(&**home, &layout);
        let generation = if worn { word::GENERATION_MAX } else { generation };
        // SAFETY: the cell was just allocated.
        unsafe { word::of(cell) }.store(generation | word::REF_ONE, Ordering::Relaxed);
        cell
    }

    fn free(cell: NonNull<u8>) {
        // SAFETY: from `allocate`, and freed once.
        unsafe { super::free(cell) };
    }

    /// Calls `f` on a thread of its own, and panics if it does not return.
    fn watched(f: impl FnOnce() + Send + 'static) {
        let (done, waiter) = mpsc::channel();
        let thread = thread::spawn(move || {
            f();
            let _: Result<(), _> = done.send(());
        });
        let waited = waiter.recv_timeout(Duration::from_secs(60));
        assert_ne!(waited, Err(mpsc::RecvTimeoutError::Timeout), "it goes on for ever");
        assert!(thread.join().is_ok());
    }

    /// Allocates until there is a second chunk.
    fn fill(home: &Arc<TestHome>, worn: bool) -> Vec<NonNull<u8>> {
        let mut cells = Vec::new();
        let before = home.slab.report().chunks;
        while home.slab.report().chunks <= before {
            cells.push(allocate(home, worn));
        }
        cells
    }

    #[test]
    fn a_chunk_whose_cells_are_worn_out_while_one_lives_on_is_left_alone() {
        watched(|| {
            let home = home();
            let lives_on = allocate(&home, false);
            // The last one is in the next chunk.
            let (next, worn) = {
                let mut cells = fill(&home, true);
                (cells.pop(), cells)
            };
            next.into_iter().for_each(free);
            worn.into_iter().for_each(free);
            // Over the rest of that chunk, and beyond.
            let cells = fill(&home, false);
            cells.into_iter().for_each(free);
            free(lives_on);
            leave(&*home);
            assert_eq!(home.slab.report().chunks, 0);
        });
    }

    #[test]
    fn a_chunk_whose_cells_are_worn_out_is_not_kept() {
        watched(|| {
            let home = home();
            for _ in 0..2 * KEPT_MAX {
                fill(&home, true).into_iter().for_each(free);
            }
            leave(&*home);
            let report = home.slab.report();
            assert!(report.chunks == 0 && report.returned_chunks > 0, "{report:?}");
        });
    }
}
