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
