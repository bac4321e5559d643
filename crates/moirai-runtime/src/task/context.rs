//! What a task may know of itself.

#![allow(
    unsafe_code,
    reason = "looks at the task that runs on this stack; model: src/model/task.rs"
)]

use std::borrow::Cow;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;

use moirai_sync::Priority;

use crate::hooks::Hook;
use crate::sched::current;
use crate::sched::permits::PermitId;
use crate::sched::work::{Header, Kind};

use super::id::TaskId;
use super::raw::TaskRef;
use super::side::Side;

/// What is known of the task that asks.
///
/// # Examples
///
/// ```
/// use moirai_runtime::{Priority, TaskContext, spawn};
///
/// let task = spawn(async { TaskContext::current() });
/// let id = task.id();
/// let context = task.join().unwrap().unwrap();
/// assert_eq!((context.id(), context.name(), context.priority()), (id, None, Priority::Normal));
/// assert!(TaskContext::current().is_none(), "no task runs here");
/// ```
#[derive(Clone, Debug)]
pub struct TaskContext {
    id: TaskId,
    name: Option<Cow<'static, str>>,
    priority: Priority,
    worker: Option<usize>,
    spawned_at: Option<&'static Location<'static>>,
}

impl TaskContext {
    /// That of the task that runs this; `None` where no task does, as in `main`.
    pub fn current() -> Option<Self> {
        current::with(|context| {
            let header = context.frames.innermost()?;
            // SAFETY: what runs on this stack is there.
            match unsafe { header.as_ref() }.kind() {
                // SAFETY: work of these kinds is a cell, which its runner's reference keeps.
                Kind::Future | Kind::Parallel | Kind::Blocking => Some(unsafe { Self::of(header) }),
                // A part of other work, on another thread than that.
                Kind::Job | Kind::Share => None,
            }
        })
        .flatten()
    }

    /// # Safety
    ///
    /// `header` is that of a cell to which somebody has a reference.
    unsafe fn of(header: NonNull<Header>) -> Self {
        // SAFETY: the caller says so; this reference is not counted, and not given up.
        let task = ManuallyDrop::new(unsafe { TaskRef::from_ptr(header.cast()) });
        let name = task.side().and_then(|side| side.name().cloned());
        let worker = current::with(|context| context.remote().and(context.place())).flatten();
        Self {
            id: task.id(),
            name,
            priority: task.core().state.priority(),
            worker: worker.map(PermitId::index),
            spawned_at: task.side().map(Side::spawned_at),
        }
    }

    /// Its name among all tasks of the process.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// What its spawner has called it.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The number of the worker that runs this code, below
    /// [`worker_threads`](crate::RuntimeMetrics::worker_threads); `None` on a thread that is none. While
    /// a task is polled it does not change; afterwards another worker may go on with it, unless it was
    /// [spawned for one](crate::Handle::spawn_on). It names no thread: a thread that stands in for a
    /// worker which blocks has that one's number.
    pub fn worker(&self) -> Option<usize> {
        self.worker
    }

    /// Where in the program it was spawned; known if it has a name, or the runtime notes something about
    /// its tasks (see [`Builder::task_metering`](crate::Builder::task_metering)).
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::{TaskContext, task};
    ///
    /// let place = || TaskContext::current().and_then(|context| context.spawned_at());
    /// let task = task().name("tick").spawn_parallel(place);
    /// assert!(task.join().unwrap().is_some_and(|place| place.line() > 0));
    /// ```
    pub fn spawned_at(&self) -> Option<&'static Location<'static>> {
        self.spawned_at
    }

    /// How urgent it is.
    pub fn priority(&self) -> Priority {
        self.priority
    }
}

/// What the scheduler calls for a cell, of what a user wants to be told of a task.
pub(crate) fn hook(f: impl Fn(&TaskContext) + Send + Sync + 'static) -> Hook<NonNull<Header>> {
    Hook::new(move |header: &NonNull<Header>| {
        // SAFETY: it is called with cells, by who has a reference.
        f(&unsafe { TaskContext::of(*header) });
    })
}
