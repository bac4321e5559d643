//! Where items come from.

mod bridge;
mod collections;
mod drain;
mod few;
mod group;
mod pieces;
mod range;
mod slice;
mod string;
mod tree;
mod window;

pub use bridge::{IterBridge, ParallelBridge};
pub use drain::{VecDrain, VecIntoIter};
pub use few::{Empty, Once, OptionIter, Repeat, RepeatN, empty, once, repeat, repeat_n};
pub use group::{
    SliceChunkBy, SliceChunkByMut, SliceSplit, SliceSplitInclusive, SliceSplitInclusiveMut,
    SliceSplitMut,
};
pub use pieces::{Split, split};
pub use range::{RangeInclusiveIter, RangeIter};
pub use slice::{SliceIter, SliceIterMut};
pub use string::{ParallelString, StrPieces};
pub use tree::{WalkTree, walk_tree, walk_tree_postfix, walk_tree_prefix};
pub use window::{
    SliceChunks, SliceChunksExact, SliceChunksExactMut, SliceChunksMut, SliceRChunks,
    SliceRChunksExact, SliceRChunksExactMut, SliceRChunksMut, SliceWindows,
};
