//! std's collections. Those that are not slices inside are gathered into a vector first, as they
//! can only be walked from one end; of references to their items where they are lent.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ops::RangeBounds;

use super::{SliceIter, SliceIterMut, VecIntoIter};
use crate::par::ParallelIterator;
use crate::par::adapt::Chain;
use crate::par::convert::{IntoParallelIterator, ParallelDrainFull, ParallelDrainRange};

macro_rules! gathered {
    ($([$($generics:tt)*] $collection:ty => $item:ty;)*) => {$(
        impl<$($generics)*> IntoParallelIterator for $collection {
            type Iter = VecIntoIter<$item>;
            type Item = $item;

            fn into_par_iter(self) -> Self::Iter {
                self.into_iter().collect::<Vec<_>>().into_par_iter()
            }
        }
    )*};
}

gathered! {
    [K: Send, V: Send, S] HashMap<K, V, S> => (K, V);
    ['a, K: Sync, V: Sync, S] &'a HashMap<K, V, S> => (&'a K, &'a V);
    ['a, K: Sync, V: Send, S] &'a mut HashMap<K, V, S> => (&'a K, &'a mut V);
    [T: Send, S] HashSet<T, S> => T;
    ['a, T: Sync, S] &'a HashSet<T, S> => &'a T;
    [K: Send, V: Send] BTreeMap<K, V> => (K, V);
    ['a, K: Sync, V: Sync] &'a BTreeMap<K, V> => (&'a K, &'a V);
    ['a, K: Sync, V: Send] &'a mut BTreeMap<K, V> => (&'a K, &'a mut V);
    [T: Send] BTreeSet<T> => T;
    ['a, T: Sync] &'a BTreeSet<T> => &'a T;
    [T: Send] LinkedList<T> => T;
    ['a, T: Sync] &'a LinkedList<T> => &'a T;
    ['a, T: Send] &'a mut LinkedList<T> => &'a mut T;
    [T: Send] VecDeque<T> => T;
    [T: Ord + Send] BinaryHeap<T> => T;
}

impl<'a, T: Sync> IntoParallelIterator for &'a VecDeque<T> {
    type Iter = Chain<SliceIter<'a, T>, SliceIter<'a, T>>;
    type Item = &'a T;

    fn into_par_iter(self) -> Self::Iter {
        let (front, back) = self.as_slices();
        front.into_par_iter().chain(back)
    }
}

impl<'a, T: Send> IntoParallelIterator for &'a mut VecDeque<T> {
    type Iter = Chain<SliceIterMut<'a, T>, SliceIterMut<'a, T>>;
    type Item = &'a mut T;

    fn into_par_iter(self) -> Self::Iter {
        let (front, back) = self.as_mut_slices();
        front.into_par_iter().chain(back)
    }
}

impl<'a, T: Ord + Sync> IntoParallelIterator for &'a BinaryHeap<T> {
    type Iter = SliceIter<'a, T>;
    type Item = &'a T;

    fn into_par_iter(self) -> Self::Iter {
        self.as_slice().into_par_iter()
    }
}

macro_rules! drained {
    ($([$($generics:tt)*] $collection:ty => $item:ty;)*) => {$(
        impl<$($generics)*> ParallelDrainFull for &mut $collection {
            type Iter = VecIntoIter<$item>;
            type Item = $item;

            fn par_drain(self) -> Self::Iter {
                self.drain().collect::<Vec<_>>().into_par_iter()
            }
        }
    )*};
}

drained! {
    [K: Send, V: Send, S] HashMap<K, V, S> => (K, V);
    [T: Send, S] HashSet<T, S> => T;
    [T: Ord + Send] BinaryHeap<T> => T;
}

impl<T: Send> ParallelDrainRange for &mut VecDeque<T> {
    type Iter = VecIntoIter<T>;
    type Item = T;

    fn par_drain<R: RangeBounds<usize>>(self, range: R) -> VecIntoIter<T> {
        self.drain(range).collect::<Vec<_>>().into_par_iter()
    }
}

impl ParallelDrainRange for &mut String {
    type Iter = VecIntoIter<char>;
    type Item = char;

    fn par_drain<R: RangeBounds<usize>>(self, range: R) -> VecIntoIter<char> {
        self.drain(range).collect::<Vec<_>>().into_par_iter()
    }
}

impl<T: Send, const N: usize> IntoParallelIterator for [T; N] {
    type Iter = VecIntoIter<T>;
    type Item = T;

    fn into_par_iter(self) -> VecIntoIter<T> {
        Vec::from(self).into_par_iter()
    }
}

impl<T: Send> IntoParallelIterator for Box<[T]> {
    type Iter = VecIntoIter<T>;
    type Item = T;

    fn into_par_iter(self) -> VecIntoIter<T> {
        self.into_vec().into_par_iter()
    }
}
