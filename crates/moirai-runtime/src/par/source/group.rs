//! Parts of a slice that its items decide: `par_split`, `par_chunk_by` and their kin.
//!
//! A place to cut is looked for from the wanted one on; where there is none, nothing is on the right.

use std::{iter, option, slice};

use crate::par::ParallelIterator;
use crate::par::plumbing::{self, Consumer, Source};

/// The first place from `at` on, and not at the start, where a group ends.
fn end_of_group<T>(slice: &[T], at: usize, same: &impl Fn(&T, &T) -> bool) -> usize {
    let rest = slice.get(at.max(1) - 1..).unwrap_or_default();
    let ends = rest.windows(2).position(|pair| !same(&pair[0], &pair[1]));
    ends.map_or(slice.len(), |index| at.max(1) + index)
}

/// The first separator from `at` on.
fn separator<T>(slice: &[T], at: usize, separates: &impl Fn(&T) -> bool) -> Option<usize> {
    let rest = slice.get(at..).unwrap_or_default();
    rest.iter().position(separates).map(|index| at + index)
}

/// The iterator of [`ParallelSlice::par_chunk_by`](crate::par::ParallelSlice::par_chunk_by).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceChunkBy<'data, T, P> {
    slice: &'data [T],
    f: P,
}

impl<'data, T, P> SliceChunkBy<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Sync, P: Fn(&T, &T) -> bool + Sync + Send> ParallelIterator
    for SliceChunkBy<'data, T, P>
{
    type Item = &'data [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceChunkBySource { slice, f: &f }, consumer, part)
    }
}

struct SliceChunkBySource<'data, 'f, T, P> {
    slice: &'data [T],
    f: &'f P,
}

impl<'data, 'f, T: Sync, P: Fn(&T, &T) -> bool + Sync> Source
    for SliceChunkBySource<'data, 'f, T, P>
{
    type Item = &'data [T];
    type Iter = slice::ChunkBy<'data, T, &'f P>;

    fn size(&self) -> usize {
        self.slice.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let (left, right) = self.slice.split_at(end_of_group(self.slice, at, f));
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.chunk_by(self.f)
    }
}

/// The iterator of [`ParallelSliceMut::par_chunk_by_mut`](crate::par::ParallelSliceMut::par_chunk_by_mut).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceChunkByMut<'data, T, P> {
    slice: &'data mut [T],
    f: P,
}

impl<'data, T, P> SliceChunkByMut<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data mut [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Send, P: Fn(&T, &T) -> bool + Sync + Send> ParallelIterator
    for SliceChunkByMut<'data, T, P>
{
    type Item = &'data mut [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceChunkByMutSource { slice, f: &f }, consumer, part)
    }
}

struct SliceChunkByMutSource<'data, 'f, T, P> {
    slice: &'data mut [T],
    f: &'f P,
}

impl<'data, 'f, T: Send, P: Fn(&T, &T) -> bool + Sync> Source
    for SliceChunkByMutSource<'data, 'f, T, P>
{
    type Item = &'data mut [T];
    type Iter = slice::ChunkByMut<'data, T, &'f P>;

    fn size(&self) -> usize {
        self.slice.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let end = end_of_group(self.slice, at, f);
        let (left, right) = self.slice.split_at_mut(end);
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.chunk_by_mut(self.f)
    }
}

/// The iterator of [`ParallelSlice::par_split`](crate::par::ParallelSlice::par_split).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceSplit<'data, T, P> {
    slice: &'data [T],
    f: P,
}

impl<'data, T, P> SliceSplit<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Sync, P: Fn(&T) -> bool + Sync + Send> ParallelIterator for SliceSplit<'data, T, P> {
    type Item = &'data [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceSplitSource { slice: Some(slice), f: &f }, consumer, part)
    }
}

struct SliceSplitSource<'data, 'f, T, P> {
    slice: Option<&'data [T]>,
    f: &'f P,
}

impl<'data, 'f, T: Sync, P: Fn(&T) -> bool + Sync> Source for SliceSplitSource<'data, 'f, T, P> {
    type Item = &'data [T];
    type Iter = iter::Flatten<option::IntoIter<slice::Split<'data, T, &'f P>>>;

    fn size(&self) -> usize {
        self.slice.as_ref().map_or(0, |slice| slice.len())
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let (left, right) = match self.slice {
            Some(slice) => match separator(slice, at, f) {
                Some(index) => (Some(&slice[..index]), Some(&slice[index + 1..])),
                None => (Some(slice), None),
            },
            None => (None, None),
        };
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.map(|slice| slice.split(self.f)).into_iter().flatten()
    }
}

/// The iterator of [`ParallelSliceMut::par_split_mut`](crate::par::ParallelSliceMut::par_split_mut).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceSplitMut<'data, T, P> {
    slice: &'data mut [T],
    f: P,
}

impl<'data, T, P> SliceSplitMut<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data mut [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Send, P: Fn(&T) -> bool + Sync + Send> ParallelIterator
    for SliceSplitMut<'data, T, P>
{
    type Item = &'data mut [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceSplitMutSource { slice: Some(slice), f: &f }, consumer, part)
    }
}

struct SliceSplitMutSource<'data, 'f, T, P> {
    slice: Option<&'data mut [T]>,
    f: &'f P,
}

impl<'data, 'f, T: Send, P: Fn(&T) -> bool + Sync> Source for SliceSplitMutSource<'data, 'f, T, P> {
    type Item = &'data mut [T];
    type Iter = iter::Flatten<option::IntoIter<slice::SplitMut<'data, T, &'f P>>>;

    fn size(&self) -> usize {
        self.slice.as_ref().map_or(0, |slice| slice.len())
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let (left, right) = match self.slice {
            Some(slice) => match separator(slice, at, f) {
                Some(index) => {
                    let (left, right) = slice.split_at_mut(index);
                    (Some(left), Some(&mut right[1..]))
                }
                None => (Some(slice), None),
            },
            None => (None, None),
        };
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.map(|slice| slice.split_mut(self.f)).into_iter().flatten()
    }
}

/// The iterator of [`ParallelSlice::par_split_inclusive`](crate::par::ParallelSlice::par_split_inclusive).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceSplitInclusive<'data, T, P> {
    slice: &'data [T],
    f: P,
}

impl<'data, T, P> SliceSplitInclusive<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Sync, P: Fn(&T) -> bool + Sync + Send> ParallelIterator
    for SliceSplitInclusive<'data, T, P>
{
    type Item = &'data [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceSplitInclusiveSource { slice, f: &f }, consumer, part)
    }
}

struct SliceSplitInclusiveSource<'data, 'f, T, P> {
    slice: &'data [T],
    f: &'f P,
}

impl<'data, 'f, T: Sync, P: Fn(&T) -> bool + Sync> Source
    for SliceSplitInclusiveSource<'data, 'f, T, P>
{
    type Item = &'data [T];
    type Iter = slice::SplitInclusive<'data, T, &'f P>;

    fn size(&self) -> usize {
        self.slice.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let end = separator(self.slice, at, f).map_or(self.slice.len(), |index| index + 1);
        let (left, right) = self.slice.split_at(end);
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.split_inclusive(self.f)
    }
}

/// The iterator of [`ParallelSliceMut::par_split_inclusive_mut`](crate::par::ParallelSliceMut::par_split_inclusive_mut).
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceSplitInclusiveMut<'data, T, P> {
    slice: &'data mut [T],
    f: P,
}

impl<'data, T, P> SliceSplitInclusiveMut<'data, T, P> {
    pub(in crate::par) fn new(slice: &'data mut [T], f: P) -> Self {
        Self { slice, f }
    }
}

impl<'data, T: Send, P: Fn(&T) -> bool + Sync + Send> ParallelIterator
    for SliceSplitInclusiveMut<'data, T, P>
{
    type Item = &'data mut [T];

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let Self { slice, f } = self;
        plumbing::drive(SliceSplitInclusiveMutSource { slice, f: &f }, consumer, part)
    }
}

struct SliceSplitInclusiveMutSource<'data, 'f, T, P> {
    slice: &'data mut [T],
    f: &'f P,
}

impl<'data, 'f, T: Send, P: Fn(&T) -> bool + Sync> Source
    for SliceSplitInclusiveMutSource<'data, 'f, T, P>
{
    type Item = &'data mut [T];
    type Iter = slice::SplitInclusiveMut<'data, T, &'f P>;

    fn size(&self) -> usize {
        self.slice.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let f = self.f;
        let end = separator(self.slice, at, f).map_or(self.slice.len(), |index| index + 1);
        let (left, right) = self.slice.split_at_mut(end);
        (Self { slice: left, f }, Self { slice: right, f })
    }

    fn into_iter(self) -> Self::Iter {
        self.slice.split_inclusive_mut(self.f)
    }
}
