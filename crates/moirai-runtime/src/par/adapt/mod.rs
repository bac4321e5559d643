//! Adaptors: a parallel iterator around another one.
//!
//! Most only wrap the iterator of a block (`wrap.rs`): on the side of the consumer, which suits every
//! source, or on that of the source, where the number of items stays exact.

mod blocks;
mod chain;
mod chunks;
mod exact;
mod flatten;
mod fold;
mod gate;
mod interleave;
mod intersperse;
mod lengths;
mod limit;
mod map;
mod order;
mod panic_fuse;
mod positions;
mod sieve;
mod with;
mod wrap;
mod zip;

pub use blocks::{ExponentialBlocks, UniformBlocks};
pub use chain::Chain;
pub(super) use chain::Chained;
pub use chunks::{Chunks, FoldChunks, FoldChunksWith};
pub use flatten::{FlatMap, Flatten};
pub use fold::{Fold, FoldWith, TryFold, TryFoldWith};
pub use gate::{SkipAny, SkipAnyWhile, TakeAny, TakeAnyWhile, WhileSome, WithCancel};
pub use interleave::{Interleave, InterleaveShortest};
pub use intersperse::Intersperse;
pub use lengths::{MaxLen, MinLen};
pub use limit::{Skip, StepBy, Take};
pub use map::{Cloned, Copied, Inspect, Map, Update};
pub use order::{Enumerate, Rev};
pub use panic_fuse::PanicFuse;
pub use positions::Positions;
pub use sieve::{Filter, FilterMap, FlatMapIter, FlattenIter};
pub use with::{MapInit, MapWith};
pub use zip::{MultiZip, Zip, ZipEq};

use exact::ExactIter;
use wrap::{Adapt, Adapted, Through};
