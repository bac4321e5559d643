//! The items of a slice, by reference.

use std::slice;

use crate::par::convert::IntoParallelIterator;
use crate::par::plumbing::{self, Consumer, Source};
use crate::par::{IndexedParallelIterator, ParallelIterator};

/// The iterator of `par_iter` of a slice.
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceIter<'data, T> {
    slice: &'data [T],
}

/// The iterator of `par_iter_mut` of a slice.
#[must_use = "parallel iterators are lazy"]
#[derive(Debug)]
pub struct SliceIterMut<'data, T> {
    slice: &'data mut [T],
}

impl<T> Clone for SliceIter<'_, T> {
    fn clone(&self) -> Self {
        Self { slice: self.slice }
    }
}

impl<'data, T: Sync> IntoParallelIterator for &'data [T] {
    type Iter = SliceIter<'data, T>;
    type Item = &'data T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIter { slice: self }
    }
}

impl<'data, T: Send> IntoParallelIterator for &'data mut [T] {
    type Iter = SliceIterMut<'data, T>;
    type Item = &'data mut T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIterMut { slice: self }
    }
}

impl<'data, T: Sync, const N: usize> IntoParallelIterator for &'data [T; N] {
    type Iter = SliceIter<'data, T>;
    type Item = &'data T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIter { slice: self }
    }
}

impl<'data, T: Send, const N: usize> IntoParallelIterator for &'data mut [T; N] {
    type Iter = SliceIterMut<'data, T>;
    type Item = &'data mut T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIterMut { slice: self }
    }
}

impl<'data, T: Sync> IntoParallelIterator for &'data Vec<T> {
    type Iter = SliceIter<'data, T>;
    type Item = &'data T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIter { slice: self }
    }
}

impl<'data, T: Send> IntoParallelIterator for &'data mut Vec<T> {
    type Iter = SliceIterMut<'data, T>;
    type Item = &'data mut T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIterMut { slice: self }
    }
}

impl<'data, T: Sync> IntoParallelIterator for &'data Box<[T]> {
    type Iter = SliceIter<'data, T>;
    type Item = &'data T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIter { slice: self }
    }
}

impl<'data, T: Send> IntoParallelIterator for &'data mut Box<[T]> {
    type Iter = SliceIterMut<'data, T>;
    type Item = &'data mut T;

    fn into_par_iter(self) -> Self::Iter {
        SliceIterMut { slice: self }
    }
}

impl<'data, T: Sync> ParallelIterator for SliceIter<'data, T> {
    type Item = &'data T;

    fn drive<C: Consumer<&'data T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.slice, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.slice.len())
    }
}

impl<'data, T: Sync> IndexedParallelIterator for SliceIter<'data, T> {
    type Producer<'a>
        = &'data [T]
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.slice.len()
    }

    fn producer(&mut self) -> &'data [T] {
        self.slice
    }
}

impl<'data, T: Send> ParallelIterator for SliceIterMut<'data, T> {
    type Item = &'data mut T;

    fn drive<C: Consumer<&'data mut T>>(self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.slice, consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.slice.len())
    }
}

impl<'data, T: Send> IndexedParallelIterator for SliceIterMut<'data, T> {
    type Producer<'a>
        = &'data mut [T]
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.slice.len()
    }

    fn producer(&mut self) -> &'data mut [T] {
        std::mem::take(&mut self.slice)
    }
}

impl<'data, T: Sync> Source for &'data [T] {
    type Item = &'data T;
    type Iter = slice::Iter<'data, T>;

    fn size(&self) -> usize {
        self.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        <[T]>::split_at(self, at)
    }

    fn into_iter(self) -> Self::Iter {
        self.iter()
    }
}

impl<'data, T: Send> Source for &'data mut [T] {
    type Item = &'data mut T;
    type Iter = slice::IterMut<'data, T>;

    fn size(&self) -> usize {
        self.len()
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        self.split_at_mut(at)
    }

    fn into_iter(self) -> Self::Iter {
        self.iter_mut()
    }
}
