//! What the scheduler runs: one word that points at a header.
//!
//! Tasks, and later stack jobs and coroutines, all start with a [`Header`]; a [`Work`] is the
//! right to run what it heads, once. The scheduler moves that word through rings and lists and
//! calls the vtable; it never knows what is behind it.
//!
//! ```text
//!   Work ──► Header { vtable, next }  then whatever the kind of work needs
//!              │       └ the next in an injector or a chain, under that list's lock; written as it
//!              │         gets there, and before that not at all
//!              └ run, shutdown, describe, kind
//! ```

#![allow(
    unsafe_code,
    reason = "calls through a vtable; models: src/model/{task,deque,injector}.rs"
)]

use std::fmt;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use moirai_sync::__prim::UnsafeCell;

/// The head of everything that can be scheduled.
#[repr(C)]
pub(crate) struct Header {
    /// A pointer and not a reference: a table may go on behind what is known here.
    vtable: NonNull<VTable>,
    /// The following work; reached by whoever owns the list that this one is in.
    next: UnsafeCell<MaybeUninit<*mut Self>>,
}

/// What can be done with work of one kind and type.
#[repr(C)]
pub(crate) struct VTable {
    /// Runs it to its next scheduling point.
    ///
    /// # Safety
    ///
    /// The header is that of work made with this table, and the caller gives up its [`Work`].
    pub(crate) run: unsafe fn(NonNull<Header>),
    /// Ends it without running it further: whatever it holds is dropped now, or by whoever runs it.
    ///
    /// # Safety
    ///
    /// As for `run`.
    pub(crate) shutdown: unsafe fn(NonNull<Header>),
    /// The name of its type.
    pub(crate) describe: fn() -> &'static str,
    pub(crate) kind: Kind,
}

/// What kind of work a header heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A future, polled on a worker.
    Future,
    /// A closure, run to its end on a worker.
    Parallel,
    /// A closure, run to its end on the blocking pool.
    Blocking,
    /// A half of a join: a part of other work, which waits for it.
    Job,
    /// A closure of a scope or a broadcast, or what leads to some. As a job, it is no cell.
    Share,
}

impl Header {
    /// # Safety
    ///
    /// `vtable` points to a table that lives for ever.
    pub(crate) unsafe fn new(vtable: NonNull<VTable>) -> Self {
        Self { vtable, next: UnsafeCell::new(MaybeUninit::uninit()) }
    }

    /// # Safety
    ///
    /// Nobody else reaches the link.
    unsafe fn set_next(&self, next: *mut Self) {
        // SAFETY: the caller says so.
        self.next.with_mut(|place| unsafe { (*place).write(next) });
    }

    /// # Safety
    ///
    /// As for [`set_next`](Self::set_next), which was called.
    unsafe fn next(&self) -> *mut Self {
        // SAFETY: the caller says so.
        self.next.with(|next| unsafe { (*next).assume_init() })
    }

    pub(crate) fn vtable_ptr(&self) -> NonNull<VTable> {
        self.vtable
    }

    fn vtable(&self) -> &'static VTable {
        // SAFETY: by the contract of `new`.
        unsafe { self.vtable.as_ref() }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.vtable().kind
    }

    pub(crate) fn describe(&self) -> &'static str {
        (self.vtable().describe)()
    }
}

/// The right to run something once. Must be run, shut down or queued: dropping it would leak.
#[must_use = "work that is neither run nor queued is lost"]
pub(crate) struct Work(NonNull<Header>);

// SAFETY: the header's fields are atomic or guarded as their docs say; whoever makes work of
// something that must stay on its thread schedules it there only.
unsafe impl Send for Work {}

impl Work {
    /// # Safety
    ///
    /// `header` is allocated and stays so until this work has been run or shut down; its table's
    /// functions may be called from any thread.
    pub(crate) unsafe fn from_header(header: NonNull<Header>) -> Self {
        Self(header)
    }

    /// # Safety
    ///
    /// `raw` came from [`into_raw`](Self::into_raw) and is turned back once.
    pub(super) unsafe fn from_raw(raw: *mut Header) -> Self {
        // SAFETY: `into_raw` returns what is not null.
        Self(unsafe { NonNull::new_unchecked(raw) })
    }

    pub(super) fn into_raw(self) -> *mut Header {
        self.0.as_ptr()
    }

    /// The table of its kind and type.
    #[inline]
    pub(crate) fn vtable_ptr(&self) -> NonNull<VTable> {
        self.header().vtable_ptr()
    }

    /// Where it is, for as long as it runs or somebody waits for it.
    #[inline]
    pub(crate) fn as_ptr(&self) -> NonNull<Header> {
        self.0
    }

    pub(crate) fn run(self) {
        // SAFETY: the header is allocated while there is work for it, and the work is given up.
        unsafe { (self.0.as_ref().vtable().run)(self.0) }
    }

    pub(crate) fn shutdown(self) {
        // SAFETY: as in `run`.
        unsafe { (self.0.as_ref().vtable().shutdown)(self.0) }
    }

    /// Makes `next` the one after `raw` in a list that the caller builds.
    ///
    /// # Safety
    ///
    /// `raw` is work that the caller has turned into a pointer: nobody else reaches it.
    pub(super) unsafe fn link(raw: *mut Header, next: *mut Header) {
        // SAFETY: the caller says so.
        unsafe { (*raw).set_next(next) };
    }

    /// What [`link`](Self::link) has written last.
    ///
    /// # Safety
    ///
    /// As for [`link`](Self::link), which was called.
    pub(super) unsafe fn linked(raw: *mut Header) -> *mut Header {
        // SAFETY: the caller says so.
        unsafe { (*raw).next() }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.header().kind()
    }

    fn header(&self) -> &Header {
        // SAFETY: the header is allocated while there is work for it.
        unsafe { self.0.as_ref() }
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("of", &self.header().describe()).finish()
    }
}

/// Work in a row, linked through the headers: any number in two words, without an allocation.
#[derive(Debug)]
pub(crate) struct Chain {
    head: *mut Header,
    tail: *mut Header,
    len: usize,
}

// SAFETY: a chain owns the work it links.
unsafe impl Send for Chain {}

impl Chain {
    pub(crate) const fn new() -> Self {
        Self { head: ptr::null_mut(), tail: ptr::null_mut(), len: 0 }
    }

    /// A chain of what is linked from `newest` on, the oldest first.
    ///
    /// # Safety
    ///
    /// `newest` is null or the head of a list made with [`Work::link`], which is the caller's.
    pub(super) unsafe fn reversed(newest: *mut Header) -> Self {
        let mut chain = Self { head: ptr::null_mut(), tail: newest, len: 0 };
        let mut at = newest;
        while let Some(header) = NonNull::new(at) {
            // SAFETY: the list is the caller's, so nobody else reaches its links.
            unsafe {
                at = header.as_ref().next();
                header.as_ref().set_next(chain.head);
            }
            chain.head = header.as_ptr();
            chain.len += 1;
        }
        chain
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn push(&mut self, work: Work) {
        let raw = work.into_raw();
        // SAFETY: we own `raw` and, if there is one, the tail: nobody else reaches their `next`.
        unsafe {
            (*raw).set_next(ptr::null_mut());
            match self.tail.as_ref() {
                Some(tail) => tail.set_next(raw),
                None => self.head = raw,
            }
        }
        self.tail = raw;
        self.len += 1;
    }

    pub(crate) fn append(&mut self, other: Self) {
        if other.len == 0 {
            return;
        }
        // SAFETY: we own the tail, so nobody else reaches its `next`.
        unsafe {
            match self.tail.as_ref() {
                Some(tail) => tail.set_next(other.head),
                None => self.head = other.head,
            }
        }
        self.tail = other.tail;
        self.len += other.len;
    }

    pub(crate) fn pop(&mut self) -> Option<Work> {
        let raw = NonNull::new(self.head)?;
        // SAFETY: we own what is in the chain, where each has its link.
        self.head = unsafe { raw.as_ref().next() };
        if self.head.is_null() {
            self.tail = ptr::null_mut();
        }
        self.len -= 1;
        Some(Work(raw))
    }
}

impl FromIterator<Work> for Chain {
    fn from_iter<I: IntoIterator<Item = Work>>(works: I) -> Self {
        let mut chain = Self::new();
        works.into_iter().for_each(|work| chain.push(work));
        chain
    }
}

/// Work for tests: notes its number when it runs.
#[cfg(test)]
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(std::sync::Arc<std::sync::Mutex<Vec<u32>>>);

#[cfg(test)]
#[repr(C)]
struct Noted {
    header: Header,
    /// In a cell, so that a model sees who reads it before it was written.
    number: UnsafeCell<u32>,
    tally: Tally,
    before: Option<Box<dyn FnOnce() + Send>>,
}

#[cfg(test)]
impl Tally {
    /// Work that notes `number`.
    pub(crate) fn work(&self, number: u32) -> Work {
        self.work_after(number, || ())
    }

    /// Work that notes `number` once it has called `before`.
    pub(crate) fn work_after(&self, number: u32, before: impl FnOnce() + Send + 'static) -> Work {
        static VTABLE: VTable =
            VTable { run: note, shutdown: note, describe: || "Noted", kind: Kind::Parallel };
        unsafe fn note(header: NonNull<Header>) {
            // SAFETY: the table is that of `Noted`, which a Box below made, and work runs once.
            let mut noted = unsafe { Box::from_raw(header.cast::<Noted>().as_ptr()) };
            noted.before.take().into_iter().for_each(|before| before());
            // SAFETY: written by `work`, and the work is ours.
            let number = noted.number.with(|number| unsafe { *number });
            noted.tally.0.lock().unwrap().push(number);
        }
        // SAFETY: the table is a static.
        let header = unsafe { Header::new(NonNull::from(&VTABLE)) };
        let (number, before) = (UnsafeCell::new(number), Some(Box::new(before) as Box<_>));
        let noted = Box::new(Noted { header, number, tally: self.clone(), before });
        // SAFETY: the box lives until the work is run.
        unsafe { Work::from_header(NonNull::from(Box::leak(noted)).cast()) }
    }

    /// The numbers of what ran, in order.
    pub(crate) fn ran(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}
