//! Parallel iterators and sorts: rayon's names on the workers that run the tasks.
//!
//! A program is ported by its `use` line:
//!
//! ```
//! use moirai_runtime::par::*; // was: use rayon::prelude::*;
//!
//! let squares: Vec<u64> = (0..1000_u64).into_par_iter().map(|n| n * n).collect();
//! assert_eq!(squares.par_iter().max(), Some(&998_001));
//! ```
//!
//! What runs is std's own iterators, over blocks of the items that take some 20 µs each. Between two
//! blocks a worker looks at what others want of it: an idle worker is handed half of what is left,
//! and a task that waits gets its turn. A loop that is at its end after a microsecond has woken
//! nobody.
//!
//! Items go from worker to worker, so they must be `Send`, and what is shared must be `Sync`:
//!
//! ```compile_fail
//! # use moirai_runtime::par::*;
//! vec![std::rc::Rc::new(1)].into_par_iter().count();
//! ```
//!
//! ```compile_fail
//! # use moirai_runtime::par::*;
//! [std::cell::Cell::new(1)].par_iter().count();
//! ```
//!
//! ```compile_fail
//! # use moirai_runtime::par::*;
//! let seen = std::cell::Cell::new(0);
//! (0..10).into_par_iter().for_each(|n| seen.set(n));
//! ```
//!
//! ```compile_fail
//! # use moirai_runtime::par::*;
//! let name = std::rc::Rc::new("not to be cloned elsewhere");
//! (0..10).into_par_iter().for_each_with(name, |_, _| ());
//! ```
//!
//! ```compile_fail
//! # use moirai_runtime::par::*;
//! vec![std::rc::Rc::new(1)].par_sort();
//! ```
//!
//! A piece may have something of its own that is neither:
//!
//! ```
//! # use moirai_runtime::par::*;
//! let one_each = std::rc::Rc::<u32>::default;
//! (0..10).into_par_iter().for_each_init(one_each, |_, _| ());
//! vec![std::cell::Cell::new(1)].into_par_iter().count();
//! ```
//!
//! [`iter`] holds the types of the iterators and a few functions that make some, [`plumbing`] what an
//! iterator of one's own consists of.

#![allow(unnameable_types, reason = "what an adaptor is made of is its own business")]

mod adapt;
mod attempt;
mod cancel;
mod collect;
mod consume;
mod convert;
mod either;
mod indexed;
mod pace;
mod parallel;
pub mod plumbing;
mod slices;
mod sort;
mod source;

pub use cancel::Cancel;
pub use convert::{
    FromParallelIterator, IntoParallelIterator, IntoParallelRefIterator,
    IntoParallelRefMutIterator, ParallelDrainFull, ParallelDrainRange, ParallelExtend,
};
pub use either::Either;
pub use indexed::IndexedParallelIterator;
pub use parallel::ParallelIterator;
pub use slices::{ParallelSlice, ParallelSliceMut};
pub use source::{ParallelBridge, ParallelString};

/// The types of the iterators, and functions that make some.
pub mod iter {
    pub use super::adapt::*;
    pub use super::attempt::Try;
    pub use super::source::*;
}
