//! What others see of a worker.
//!
//! | access | ordering | pairs with |
//! |---|---|---|
//! | exchange in `give` | Release | Acquire in `take`: who gets the permit sees what was done with it |
//! | `domain`, what runs | Relaxed | nothing: hints, each read by itself |

#![allow(unsafe_code, reason = "reads tables that live for ever through atomic pointers")]

use std::panic::Location;
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};

use moirai_sync::__prim::Parker;
use moirai_sync::__prim::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};
use moirai_sync::CachePadded;

use super::cpu_clock::CpuClock;
use super::local::Shared;
use super::mailbox::Mailbox;
use super::permit::Permit;
use super::permits::PermitId;
use super::post::Post;
use super::work::VTable;
use crate::topology::Domain;
use crate::trace::Counters;

/// The shared half of a worker.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) id: usize,
    /// What the worker writes at every run and others rarely read.
    pub(crate) own: CachePadded<Own>,
    pub(crate) queue: Shared,
    /// What it offers, and what is asked of it.
    pub(crate) post: Post,
    /// What it alone may run.
    pub(crate) mailbox: Mailbox,
    /// Set by the thread before it first sleeps.
    pub(crate) parker: OnceLock<Arc<Parker>>,
    /// Set by the thread before it runs anything.
    pub(crate) cpu: OnceLock<CpuClock>,
    /// A permit is given to this sleeper.
    pub(crate) granted: Granted,
    /// Where it is, by the permit that it has held last.
    domain: AtomicU32,
    /// It waits in the driver and not on its parker.
    pub(crate) in_driver: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct Own {
    pub(crate) counters: Counters,
    pub(crate) permit: Permit,
    pub(crate) running: Running,
}

/// What a worker runs: for the watcher, who looks twice at the count of runs and reads this in
/// between. All pointers lead to what lives for ever, for the task itself may be gone by then.
#[derive(Debug)]
pub(crate) struct Running {
    /// Null while it looks for work.
    vtable: AtomicPtr<VTable>,
    /// Where the task was spawned, if that was noted.
    spawned_at: AtomicPtr<Location<'static>>,
    /// What it was called.
    name: AtomicPtr<&'static str>,
}

/// What a worker shows of what it runs.
#[derive(Clone, Copy)]
pub(crate) struct Shown {
    pub(crate) vtable: &'static VTable,
    pub(crate) spawned_at: Option<&'static Location<'static>>,
    pub(crate) name: Option<&'static str>,
}

impl Remote {
    /// Of the worker `id`.
    pub(crate) fn new(queue: Shared, id: usize, domain: Domain) -> Self {
        let running = Running {
            vtable: AtomicPtr::new(ptr::null_mut()),
            spawned_at: AtomicPtr::new(ptr::null_mut()),
            name: AtomicPtr::new(ptr::null_mut()),
        };
        let own = Own { counters: Counters::new(), permit: Permit::none(), running };
        Self {
            id,
            own: CachePadded::new(own),
            queue,
            post: Post::new(id),
            mailbox: Mailbox::new(),
            parker: OnceLock::new(),
            cpu: OnceLock::new(),
            granted: Granted(AtomicU32::new(0)),
            domain: AtomicU32::new(domain.index() as u32),
            in_driver: AtomicBool::new(false),
        }
    }
}

impl Remote {
    /// Where the worker is; a hint. Relaxed, here and below: it orders nothing.
    pub(crate) fn domain(&self) -> Domain {
        Domain::new(self.domain.load(Ordering::Relaxed) as usize)
    }

    pub(crate) fn move_to(&self, domain: Domain) {
        self.domain.store(domain.index() as u32, Ordering::Relaxed);
    }
}

/// The number of a permit and one more, or zero.
#[derive(Debug)]
pub(crate) struct Granted(AtomicU32);

impl Granted {
    pub(crate) fn give(&self, permit: PermitId) {
        // Release: pairs with the Acquire in `take`. A swap, because loom may put a swap after a plain
        // store that it did not read.
        self.0.swap(permit.index() as u32 + 1, Ordering::Release);
    }

    pub(crate) fn take(&self) -> Option<PermitId> {
        // Acquire: pairs with the Release in `give`.
        match self.0.swap(0, Ordering::Acquire) {
            0 => None,
            permit => Some(PermitId::new(permit as usize - 1)),
        }
    }

    /// Whether something was given; the caller has fenced.
    pub(crate) fn is_given(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }
}

impl Running {
    /// The worker begins to run work with this table. Relaxed, here and below: it orders nothing.
    #[inline]
    pub(crate) fn begin(&self, vtable: NonNull<VTable>) {
        self.vtable.store(vtable.as_ptr(), Ordering::Relaxed);
    }

    /// The worker has nothing to run.
    #[inline]
    pub(crate) fn end(&self) {
        self.vtable.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// What runs, if anything does.
    pub(crate) fn read(&self) -> Option<Shown> {
        let vtable = self.vtable.load(Ordering::Relaxed);
        let spawned_at = self.spawned_at.load(Ordering::Relaxed);
        let name = self.name.load(Ordering::Relaxed);
        // SAFETY: null, or the table of a header: those live for ever. So do the others.
        unsafe {
            let vtable = vtable.as_ref()?;
            Some(Shown { vtable, spawned_at: spawned_at.as_ref(), name: name.as_ref().copied() })
        }
    }

    /// Notes where the running task was spawned, and as what; nothing once it has returned.
    pub(crate) fn at(
        &self,
        spawned_at: Option<&'static Location<'static>>,
        name: Option<&'static &'static str>,
    ) {
        self.spawned_at.store(pointer(spawned_at), Ordering::Relaxed);
        self.name.store(pointer(name), Ordering::Relaxed);
    }
}

fn pointer<T>(to: Option<&'static T>) -> *mut T {
    to.map_or(ptr::null_mut(), |to| ptr::from_ref(to).cast_mut())
}
