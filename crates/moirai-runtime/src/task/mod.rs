//! One unit of work and its result, in one allocation.
//!
//! ```text
//!   TaskHandle ──┐      ┌─────────────────────── Cell<F> ───────────────────────┐
//!   Waker ───────┼────► │ Header │ state │ ops │ id │ pool │ waiter │ union       │
//!   queue entry ─┘      │ vtable │       │     │    │      │        │ F │ T │ err │
//!                       └───────────────────────────────────────────────────────┘
//! ```
//!
//! The cell *is* the task's one-shot result channel: the output takes the future's place, and the
//! handle takes it from there. Everybody who points at the cell holds one of its references.
//!
//! **Who may touch what.** The union: the runner (who moved the state to RUNNING) until COMPLETE;
//! then the handle if there was one, else the runner. The waiter: the handle while WAITER is clear
//! and the task is not complete; the runner once it has completed the task and found WAITER set.
//! Everything else is atomic, or written before the cell is shared.
//!
//! | file | what |
//! |---|---|
//! | `state` | the state word; every way it may change returns a verdict |
//! | `raw` | the layout of the cell, its vtables, its end |
//! | `harness` | running: poll, panic, complete |
//! | `waker` | the cell as a `Waker` |
//! | `handle` | the cell as a `TaskHandle` |
//! | `control` | a cell by its task's name |
//! | `side` | what is counted about a task, where that was asked for |
//! | `spawn` | from a future or a closure to a queued cell |

mod builder;
mod context;
pub(crate) mod control;
mod handle;
mod harness;
mod id;
mod name;
mod raw;
mod side;
mod spawn;
pub(crate) mod state;
mod waker;

pub use builder::TaskBuilder;
pub use context::TaskContext;
pub(crate) use context::hook;
pub use handle::{CancelOnDrop, TaskHandle};
pub use id::TaskId;
pub(crate) use spawn::{spawn_blocking, spawn_future, spawn_parallel};
