//! The trait of all parallel iterators.

use std::cmp::Ordering;
use std::collections::LinkedList;
use std::iter;
use std::ops::ControlFlow::Continue;

use super::adapt::{
    Chain, Cloned, Copied, Filter, FilterMap, FlatMap, FlatMapIter, Flatten, FlattenIter, Fold,
    FoldWith, Inspect, Intersperse, Map, MapInit, MapWith, PanicFuse, SkipAny, SkipAnyWhile,
    TakeAny, TakeAnyWhile, TryFold, TryFoldWith, Update, WhileSome, WithCancel,
};
use super::attempt::Try;
use super::cancel::Cancel;
use super::collect::{self, VecList};
use super::consume::{
    Count, Discard, FindAny, FindFirst, FindLast, Product, Reduce, ReduceWith, Span, Sum,
    TryReduce, TryReduceWith,
};
use super::convert::{FromParallelIterator, IntoParallelIterator, ParallelExtend};
use super::either::Either;
use super::plumbing::Consumer;

/// Items that several workers may take at the same time: `Iterator`, in parallel.
///
/// The methods are those of rayon, and a program is ported by its `use` line. An adaptor does nothing
/// until a method that ends the chain drives it; see [the module](super) for what that does.
///
/// # Panics
///
/// A method that ends the chain panics if a closure does: with one of the panics, after all pieces
/// have ended. Items that were not taken are dropped, each once.
pub trait ParallelIterator: Sized + Send {
    /// What it consists of.
    type Item: Send;

    /// Feeds all items to `consumer`, in pieces. For implementors, as
    /// [`opt_len`](Self::opt_len) is; everything else is made of it.
    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result;

    /// The number of items if it is known. Then [`drive`](Self::drive) divides the part by items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let numbers = (0..10).into_par_iter();
    /// assert_eq!(numbers.clone().map(|n| n + 1).opt_len(), Some(10));
    /// assert_eq!(numbers.filter(|n| n % 2 == 0).opt_len(), None);
    /// ```
    fn opt_len(&self) -> Option<usize> {
        None
    }

    /// Calls `f` with each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// let sum = AtomicU32::new(0);
    /// (1..=10_u32).into_par_iter().for_each(|n| drop(sum.fetch_add(n, Ordering::Relaxed)));
    /// assert_eq!(sum.into_inner(), 55);
    /// ```
    fn for_each<F>(self, f: F)
    where
        F: Fn(Self::Item) + Sync + Send,
    {
        self.map(f).drive(&Discard, ())
    }

    /// Calls `f` with each item and a clone of `value`, one for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// (0..5).into_par_iter().for_each_with(sender, |sender, n| sender.send(n).unwrap());
    /// let mut received: Vec<i32> = receiver.iter().collect();
    /// received.sort();
    /// assert_eq!(received, [0, 1, 2, 3, 4]);
    /// ```
    fn for_each_with<T, F>(self, value: T, f: F)
    where
        T: Send + Clone,
        F: Fn(&mut T, Self::Item) + Sync + Send,
    {
        self.map_with(value, f).drive(&Discard, ())
    }

    /// Calls `f` with each item and a value made by `init`, one for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// (0..5).into_par_iter().for_each_init(String::new, |text, n| text.push_str(&n.to_string()));
    /// ```
    fn for_each_init<T, N, F>(self, init: N, f: F)
    where
        N: Fn() -> T + Sync + Send,
        F: Fn(&mut T, Self::Item) + Sync + Send,
    {
        self.map_init(init, f).drive(&Discard, ())
    }

    /// Calls `f` with each item until it fails, which ends all pieces soon. Returns one of the failures.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let positive = |&n: &i32| if n > 0 { Ok(()) } else { Err(n) };
    /// assert_eq!([1, 2, 3].par_iter().try_for_each(positive), Ok(()));
    /// assert_eq!([1, -2, 3].par_iter().try_for_each(positive), Err(-2));
    /// ```
    fn try_for_each<F, R>(self, f: F) -> R
    where
        F: Fn(Self::Item) -> R + Sync + Send,
        R: Try<Output = ()> + Send,
    {
        self.map(f).try_reduce(|| (), |(), ()| R::from_branch(Continue(())))
    }

    /// As [`try_for_each`](Self::try_for_each), with a clone of `value` for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let (sender, receiver) = std::sync::mpsc::channel();
    /// let sent = [1, 2].par_iter().try_for_each_with(sender, |sender, &n| sender.send(n));
    /// assert_eq!((sent, receiver.iter().count()), (Ok(()), 2));
    /// ```
    fn try_for_each_with<T, F, R>(self, value: T, f: F) -> R
    where
        T: Send + Clone,
        F: Fn(&mut T, Self::Item) -> R + Sync + Send,
        R: Try<Output = ()> + Send,
    {
        let done = |(), ()| R::from_branch(Continue(()));
        self.map_with(value, f).try_reduce(|| (), done)
    }

    /// As [`try_for_each`](Self::try_for_each), with a value made by `init` for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let done = [1, 2].par_iter().try_for_each_init(|| 0, |sum, n| (*sum + n < 9).then_some(()));
    /// assert_eq!(done, Some(()));
    /// ```
    fn try_for_each_init<T, N, F, R>(self, init: N, f: F) -> R
    where
        N: Fn() -> T + Sync + Send,
        F: Fn(&mut T, Self::Item) -> R + Sync + Send,
        R: Try<Output = ()> + Send,
    {
        let done = |(), ()| R::from_branch(Continue(()));
        self.map_init(init, f).try_reduce(|| (), done)
    }

    /// The number of items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((0..100).into_par_iter().filter(|n| n % 3 == 0).count(), 34);
    /// ```
    fn count(self) -> usize {
        self.drive(&Count, ())
    }

    /// What `f` makes of each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let squares: Vec<u32> = (1..5_u32).into_par_iter().map(|n| n * n).collect();
    /// assert_eq!(squares, [1, 4, 9, 16]);
    /// ```
    fn map<F, R>(self, f: F) -> Map<Self, F>
    where
        F: Fn(Self::Item) -> R + Sync + Send,
        R: Send,
    {
        Map::new(self, f)
    }

    /// What `f` makes of each item and a clone of `value`, one for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let texts: Vec<String> = [1, 2].par_iter().map_with(String::from("n"), |n, i| format!("{n}{i}")).collect();
    /// assert_eq!(texts, ["n1", "n2"]);
    /// ```
    fn map_with<F, T, R>(self, value: T, f: F) -> MapWith<Self, T, F>
    where
        F: Fn(&mut T, Self::Item) -> R + Sync + Send,
        T: Send + Clone,
        R: Send,
    {
        MapWith::new(self, value, f)
    }

    /// What `f` makes of each item and a value made by `init`, one for each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let lens: Vec<usize> = ["a", "bc"]
    ///     .par_iter()
    ///     .map_init(String::new, |buffer, text| {
    ///         buffer.clear();
    ///         buffer.push_str(text);
    ///         buffer.len()
    ///     })
    ///     .collect();
    /// assert_eq!(lens, [1, 2]);
    /// ```
    fn map_init<F, N, T, R>(self, init: N, f: F) -> MapInit<Self, N, F>
    where
        F: Fn(&mut T, Self::Item) -> R + Sync + Send,
        N: Fn() -> T + Sync + Send,
        R: Send,
    {
        MapInit::new(self, init, f)
    }

    /// A clone of each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let texts: Vec<String> = [String::from("a")].par_iter().cloned().collect();
    /// assert_eq!(texts, ["a"]);
    /// ```
    fn cloned<'a, T>(self) -> Cloned<Self>
    where
        T: 'a + Clone + Send + Sync,
        Self: ParallelIterator<Item = &'a T>,
    {
        Cloned::new(self)
    }

    /// A copy of each item.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 2].par_iter().copied().max(), Some(2));
    /// ```
    fn copied<'a, T>(self) -> Copied<Self>
    where
        T: 'a + Copy + Send + Sync,
        Self: ParallelIterator<Item = &'a T>,
    {
        Copied::new(self)
    }

    /// The items; calls `f` with a reference to each on its way.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: i32 = [1, 2].par_iter().inspect(|n| println!("{n}")).sum();
    /// assert_eq!(sum, 3);
    /// ```
    fn inspect<F>(self, f: F) -> Inspect<Self, F>
    where
        F: Fn(&Self::Item) + Sync + Send,
    {
        Inspect::new(self, f)
    }

    /// The items, changed by `f`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let doubled: Vec<i32> = vec![1, 2].into_par_iter().update(|n| *n *= 2).collect();
    /// assert_eq!(doubled, [2, 4]);
    /// ```
    fn update<F>(self, f: F) -> Update<Self, F>
    where
        F: Fn(&mut Self::Item) + Sync + Send,
    {
        Update::new(self, f)
    }

    /// The items that `keep` accepts.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let even: Vec<u32> = (0..7_u32).into_par_iter().filter(|n| n % 2 == 0).collect();
    /// assert_eq!(even, [0, 2, 4, 6]);
    /// ```
    fn filter<P>(self, keep: P) -> Filter<Self, P>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        Filter::new(self, keep)
    }

    /// What `f` makes of the items of which it makes something.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let numbers: Vec<u8> = ["1", "x", "3"].par_iter().filter_map(|text| text.parse().ok()).collect();
    /// assert_eq!(numbers, [1, 3]);
    /// ```
    fn filter_map<P, R>(self, f: P) -> FilterMap<Self, P>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        FilterMap::new(self, f)
    }

    /// The items of the parallel iterators that `f` makes, one after another.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<u32> = (1..4_u32).into_par_iter().flat_map(|n| (0..n).into_par_iter()).collect();
    /// assert_eq!(all, [0, 0, 1, 0, 1, 2]);
    /// ```
    fn flat_map<F, R>(self, f: F) -> FlatMap<Self, F>
    where
        F: Fn(Self::Item) -> R + Sync + Send,
        R: IntoParallelIterator,
    {
        FlatMap::new(self, f)
    }

    /// The items of the serial iterators that `f` makes, one after another: cheaper than
    /// [`flat_map`](Self::flat_map) where each is short.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<u32> = (1..4_u32).into_par_iter().flat_map_iter(|n| 0..n).collect();
    /// assert_eq!(all, [0, 0, 1, 0, 1, 2]);
    /// ```
    fn flat_map_iter<F, R>(self, f: F) -> FlatMapIter<Self, F>
    where
        F: Fn(Self::Item) -> R + Sync + Send,
        R: IntoIterator<Item: Send>,
    {
        FlatMapIter::new(self, f)
    }

    /// The items of the items, in parallel.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<u32> = vec![vec![1, 2], vec![3]].into_par_iter().flatten().collect();
    /// assert_eq!(all, [1, 2, 3]);
    /// ```
    fn flatten(self) -> Flatten<Self>
    where
        Self::Item: IntoParallelIterator,
    {
        Flatten::new(self)
    }

    /// The items of the items, each one's in series.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<u32> = vec![Some(1), None].into_par_iter().flatten_iter().collect();
    /// assert_eq!(all, [1]);
    /// ```
    fn flatten_iter(self) -> FlattenIter<Self>
    where
        Self::Item: IntoIterator<Item: Send>,
    {
        FlattenIter::new(self)
    }

    /// Puts two neighbours together with `f` until one item is left. `f` must be associative, and
    /// `identity` must change nothing: how often it is called, and where, differs from run to run.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((1..5_u32).into_par_iter().reduce(|| 1, |a, b| a * b), 24);
    /// ```
    fn reduce<N, F>(self, identity: N, f: F) -> Self::Item
    where
        N: Fn() -> Self::Item + Sync + Send,
        F: Fn(Self::Item, Self::Item) -> Self::Item + Sync + Send,
    {
        self.drive(&Reduce { identity, f }, ())
    }

    /// As [`reduce`](Self::reduce), with nothing to begin with: none of no items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let longest = |a, b| if str::len(a) < str::len(b) { b } else { a };
    /// assert_eq!(["a", "bcd", "ef"].into_par_iter().reduce_with(longest), Some("bcd"));
    /// ```
    fn reduce_with<F>(self, f: F) -> Option<Self::Item>
    where
        F: Fn(Self::Item, Self::Item) -> Self::Item + Sync + Send,
    {
        self.drive(&ReduceWith::new(f), ())
    }

    /// As [`reduce`](Self::reduce) of what succeeded, until an item is a failure or `f` fails, which ends
    /// all pieces soon. Returns one of the failures.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum = |numbers: &[u8]| numbers.par_iter().map(|&n| Some(n)).try_reduce(|| 0, u8::checked_add);
    /// assert_eq!((sum(&[1, 2]), sum(&[200, 100])), (Some(3), None));
    /// ```
    fn try_reduce<T, N, F>(self, identity: N, f: F) -> Self::Item
    where
        N: Fn() -> T + Sync + Send,
        F: Fn(T, T) -> Self::Item + Sync + Send,
        Self::Item: Try<Output = T>,
    {
        self.drive(&TryReduce::new(identity, f), ())
    }

    /// As [`try_reduce`](Self::try_reduce), with nothing to begin with: none of no items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum = |numbers: &[u8]| numbers.par_iter().map(|&n| Some(n)).try_reduce_with(u8::checked_add);
    /// assert_eq!((sum(&[1, 2]), sum(&[200, 100]), sum(&[])), (Some(Some(3)), Some(None), None));
    /// ```
    fn try_reduce_with<T, F>(self, f: F) -> Option<Self::Item>
    where
        F: Fn(T, T) -> Self::Item + Sync + Send,
        Self::Item: Try<Output = T>,
    {
        self.drive(&TryReduceWith::new(f), ())
    }

    /// Folds each piece, and yields what each came to, in order. How many pieces there are differs from
    /// run to run; usually a [`reduce`](Self::reduce) follows.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let letters = ["ab", "c"].par_iter().fold(String::new, |all, text| all + text);
    /// assert_eq!(letters.reduce(String::new, |a, b| a + &b), "abc");
    /// ```
    fn fold<T, N, F>(self, identity: N, f: F) -> Fold<Self, N, F>
    where
        F: Fn(T, Self::Item) -> T + Sync + Send,
        N: Fn() -> T + Sync + Send,
        T: Send,
    {
        Fold::new(self, identity, f)
    }

    /// As [`fold`](Self::fold), from a clone of `start` in each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: u32 = (0..5_u32).into_par_iter().fold_with(0, |sum, n| sum + n).sum();
    /// assert_eq!(sum, 10);
    /// ```
    fn fold_with<F, T>(self, start: T, f: F) -> FoldWith<Self, T, F>
    where
        F: Fn(T, Self::Item) -> T + Sync + Send,
        T: Send + Clone,
    {
        FoldWith::new(self, start, f)
    }

    /// As [`fold`](Self::fold), until `f` fails in a piece, which ends that piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let add = |sum: u8, &n: &u8| sum.checked_add(n);
    /// let sum = [200, 100].par_iter().try_fold(|| 0, add).try_reduce(|| 0, u8::checked_add);
    /// assert_eq!(sum, None);
    /// ```
    fn try_fold<T, R, N, F>(self, identity: N, f: F) -> TryFold<Self, R, N, F>
    where
        F: Fn(T, Self::Item) -> R + Sync + Send,
        N: Fn() -> T + Sync + Send,
        R: Try<Output = T> + Send,
    {
        TryFold::new(self, identity, f)
    }

    /// As [`try_fold`](Self::try_fold), from a clone of `start` in each piece.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let add = |sum: u8, &n: &u8| sum.checked_add(n);
    /// let sum = [1, 2].par_iter().try_fold_with(0, add).try_reduce(|| 0, u8::checked_add);
    /// assert_eq!(sum, Some(3));
    /// ```
    fn try_fold_with<F, T, R>(self, start: T, f: F) -> TryFoldWith<Self, R, T, F>
    where
        F: Fn(T, Self::Item) -> R + Sync + Send,
        R: Try<Output = T> + Send,
        T: Send + Clone,
    {
        TryFoldWith::new(self, start, f)
    }

    /// The sum of the items. Floating-point sums differ from run to run by rounding.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: u64 = (1..=100_u64).into_par_iter().sum();
    /// assert_eq!(sum, 5050);
    /// ```
    fn sum<S>(self) -> S
    where
        S: Send + iter::Sum<Self::Item> + iter::Sum<S>,
    {
        self.drive(&Sum::new(), ())
    }

    /// The product of the items.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let product: u64 = (1..=5_u64).into_par_iter().product();
    /// assert_eq!(product, 120);
    /// ```
    fn product<P>(self) -> P
    where
        P: Send + iter::Product<Self::Item> + iter::Product<P>,
    {
        self.drive(&Product::new(), ())
    }

    /// The least item; of equals the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([3, 1, 2].par_iter().min(), Some(&1));
    /// ```
    fn min(self) -> Option<Self::Item>
    where
        Self::Item: Ord,
    {
        self.reduce_with(Ord::min)
    }

    /// The least item by `compare`; of equals the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([0.5, -1.0].par_iter().min_by(|a, b| f64::total_cmp(a, b)), Some(&-1.0));
    /// ```
    fn min_by<F>(self, compare: F) -> Option<Self::Item>
    where
        F: Fn(&Self::Item, &Self::Item) -> Ordering + Sync + Send,
    {
        self.reduce_with(|a, b| if compare(&a, &b) == Ordering::Greater { b } else { a })
    }

    /// The item with the least key; of equals the first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([-3_i32, 1, 2].par_iter().min_by_key(|n| n.abs()), Some(&1));
    /// ```
    fn min_by_key<K, F>(self, key: F) -> Option<Self::Item>
    where
        K: Ord + Send,
        F: Fn(&Self::Item) -> K + Sync + Send,
    {
        self.map(|item| (key(&item), item)).min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, item)| item)
    }

    /// The greatest item; of equals the last.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([3, 1, 2].par_iter().max(), Some(&3));
    /// ```
    fn max(self) -> Option<Self::Item>
    where
        Self::Item: Ord,
    {
        self.reduce_with(Ord::max)
    }

    /// The greatest item by `compare`; of equals the last.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([0.5, -1.0].par_iter().max_by(|a, b| f64::total_cmp(a, b)), Some(&0.5));
    /// ```
    fn max_by<F>(self, compare: F) -> Option<Self::Item>
    where
        F: Fn(&Self::Item, &Self::Item) -> Ordering + Sync + Send,
    {
        self.reduce_with(|a, b| if compare(&a, &b) == Ordering::Greater { a } else { b })
    }

    /// The item with the greatest key; of equals the last.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([-3_i32, 1, 2].par_iter().max_by_key(|n| n.abs()), Some(&-3));
    /// ```
    fn max_by_key<K, F>(self, key: F) -> Option<Self::Item>
    where
        K: Ord + Send,
        F: Fn(&Self::Item) -> K + Sync + Send,
    {
        self.map(|item| (key(&item), item)).max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, item)| item)
    }

    /// The items, and then those of `after`.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let all: Vec<u32> = (0..2_u32).into_par_iter().chain(vec![7]).collect();
    /// assert_eq!(all, [0, 1, 7]);
    /// ```
    fn chain<C>(self, after: C) -> Chain<Self, C::Iter>
    where
        C: IntoParallelIterator<Item = Self::Item>,
    {
        Chain::new(self, after.into_par_iter())
    }

    /// An item that matches, whichever is found; the search ends soon after.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 3, 5, 7].par_iter().find_any(|&&n| n > 3).is_some());
    /// ```
    fn find_any<P>(self, matches: P) -> Option<Self::Item>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        self.drive(&FindAny::new(matches), ())
    }

    /// The first item that matches; what comes after it is soon no longer searched.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 3, 5, 7].par_iter().find_first(|&&n| n > 3), Some(&5));
    /// ```
    fn find_first<P>(self, matches: P) -> Option<Self::Item>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        self.drive(&FindFirst::new(matches), Span::ALL)
    }

    /// The last item that matches; what comes before it is soon no longer searched.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!([1, 3, 5, 7].par_iter().find_last(|&&n| n < 5), Some(&3));
    /// ```
    fn find_last<P>(self, matches: P) -> Option<Self::Item>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        self.drive(&FindLast::new(matches), Span::ALL)
    }

    /// Something that `f` makes of an item, whichever is found.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(["a", "1"].par_iter().find_map_any(|text| text.parse().ok()), Some(1));
    /// ```
    fn find_map_any<P, R>(self, f: P) -> Option<R>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        self.filter_map(f).find_any(|_| true)
    }

    /// What `f` makes of the first item of which it makes something.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(["2", "1"].par_iter().find_map_first(|text| text.parse().ok()), Some(2));
    /// ```
    fn find_map_first<P, R>(self, f: P) -> Option<R>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        self.filter_map(f).find_first(|_| true)
    }

    /// What `f` makes of the last item of which it makes something.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(["2", "1"].par_iter().find_map_last(|text| text.parse().ok()), Some(1));
    /// ```
    fn find_map_last<P, R>(self, f: P) -> Option<R>
    where
        P: Fn(Self::Item) -> Option<R> + Sync + Send,
        R: Send,
    {
        self.filter_map(f).find_last(|_| true)
    }

    /// Whether an item matches; ends soon after one has.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!([1, 2].par_iter().any(|&n| n == 2));
    /// ```
    fn any<P>(self, matches: P) -> bool
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(matches).find_any(|&matches| matches).is_some()
    }

    /// Whether every item matches; ends soon after one has not.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!(![1, 2].par_iter().all(|&n| n == 2));
    /// ```
    fn all<P>(self, matches: P) -> bool
    where
        P: Fn(Self::Item) -> bool + Sync + Send,
    {
        self.map(matches).find_any(|&matches| !matches).is_none()
    }

    /// What is in the items, until one is `None`, which ends all pieces soon: not only items before it
    /// are yielded, and not all of those.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: i32 = [Some(1), Some(2)].into_par_iter().while_some().sum();
    /// assert_eq!(sum, 3);
    /// ```
    fn while_some<T>(self) -> WhileSome<Self>
    where
        Self: ParallelIterator<Item = Option<T>>,
        T: Send,
    {
        WhileSome::new(self)
    }

    /// The items; a panic in one piece ends the others soon. Without it they run to their ends.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let sum: i32 = [1, 2].par_iter().panic_fuse().sum();
    /// assert_eq!(sum, 3);
    /// ```
    fn panic_fuse(self) -> PanicFuse<Self> {
        PanicFuse::new(self)
    }

    /// The items, until `token` is cancelled, which ends all pieces before their next item. What has come
    /// of the items so far is the result; the token says whether that is all. Costs a look at the token
    /// per item.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let token = AtomicBool::new(false);
    /// let long = (0..u64::MAX).into_par_iter().with_cancel(&token);
    /// long.for_each(|n| {
    ///     if n == 1000 {
    ///         token.store(true, Ordering::Relaxed);
    ///     }
    /// });
    /// assert!(token.is_cancelled());
    /// ```
    fn with_cancel<T: Cancel>(self, token: &T) -> WithCancel<'_, Self, T> {
        WithCancel::new(self, token)
    }

    /// All items in a collection, in order where it has one.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let texts: Vec<String> = (0..3).into_par_iter().map(|n| n.to_string()).collect();
    /// assert_eq!(texts, ["0", "1", "2"]);
    /// let all: Result<Vec<u8>, _> = ["1", "2"].par_iter().map(|text| text.parse()).collect();
    /// assert_eq!(all, Ok(vec![1, 2]));
    /// ```
    fn collect<C>(self) -> C
    where
        C: FromParallelIterator<Self::Item>,
    {
        C::from_par_iter(self)
    }

    /// The halves of the items in two collections.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let (a, b): (Vec<i32>, Vec<char>) = vec![(1, 'a'), (2, 'b')].into_par_iter().unzip();
    /// assert_eq!((a, b), (vec![1, 2], vec!['a', 'b']));
    /// ```
    fn unzip<A, B, FromA, FromB>(self) -> (FromA, FromB)
    where
        Self: ParallelIterator<Item = (A, B)>,
        FromA: Default + Send + ParallelExtend<A>,
        FromB: Default + Send + ParallelExtend<B>,
        A: Send,
        B: Send,
    {
        collect::unzip(self)
    }

    /// The items that match in one collection, the others in another.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let (even, odd): (Vec<u32>, Vec<u32>) = (0..5_u32).into_par_iter().partition(|n| n % 2 == 0);
    /// assert_eq!((even, odd), (vec![0, 2, 4], vec![1, 3]));
    /// ```
    fn partition<A, B, P>(self, matches: P) -> (A, B)
    where
        A: Default + Send + ParallelExtend<Self::Item>,
        B: Default + Send + ParallelExtend<Self::Item>,
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        collect::partition(self, |item| {
            if matches(&item) { Either::Left(item) } else { Either::Right(item) }
        })
    }

    /// What `f` makes of the items, in one of two collections.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let parse = |text: &&str| match text.parse::<u8>() {
    ///     Ok(n) => Either::Left(n),
    ///     Err(_) => Either::Right(text.len()),
    /// };
    /// let (numbers, lens): (Vec<u8>, Vec<usize>) = ["1", "abc"].par_iter().partition_map(parse);
    /// assert_eq!((numbers, lens), (vec![1], vec![3]));
    /// ```
    fn partition_map<A, B, P, L, R>(self, f: P) -> (A, B)
    where
        A: Default + Send + ParallelExtend<L>,
        B: Default + Send + ParallelExtend<R>,
        P: Fn(Self::Item) -> Either<L, R> + Sync + Send,
        L: Send,
        R: Send,
    {
        collect::partition(self, f)
    }

    /// The items, with a clone of `separator` between any two. Where it is not known beforehand how many
    /// there are, they are collected first.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let text: String = ["a", "b"].into_par_iter().intersperse("-").collect();
    /// assert_eq!(text, "a-b");
    /// ```
    fn intersperse(self, separator: Self::Item) -> Intersperse<Self>
    where
        Self::Item: Clone,
    {
        Intersperse::new(self, separator)
    }

    /// `count` of the items, whichever come first in time; in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((0..100).into_par_iter().filter(|n| n % 2 == 0).take_any(5).count(), 5);
    /// ```
    fn take_any(self, count: usize) -> TakeAny<Self> {
        TakeAny::new(self, count)
    }

    /// The items without `count` of them, whichever come first in time; in order.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!((0..100).into_par_iter().skip_any(5).count(), 95);
    /// ```
    fn skip_any(self, count: usize) -> SkipAny<Self> {
        SkipAny::new(self, count)
    }

    /// Items until one does not match, which ends all pieces soon.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!((0..100).into_par_iter().take_any_while(|&n| n < 50).all(|n| n < 50));
    /// ```
    fn take_any_while<P>(self, matches: P) -> TakeAnyWhile<Self, P>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        TakeAnyWhile::new(self, matches)
    }

    /// Leaves out items that match, until, in any piece, one does not.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert!((0..100).into_par_iter().skip_any_while(|&n| n < 50).count() >= 50);
    /// ```
    fn skip_any_while<P>(self, matches: P) -> SkipAnyWhile<Self, P>
    where
        P: Fn(&Self::Item) -> bool + Sync + Send,
    {
        SkipAnyWhile::new(self, matches)
    }

    /// The items of each piece in a vector, in order: what collecting does first where it does not know
    /// how many there are.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let pieces = (0..10_u32).into_par_iter().collect_vec_list();
    /// assert!(pieces.into_iter().flatten().eq(0..10));
    /// ```
    fn collect_vec_list(self) -> LinkedList<Vec<Self::Item>> {
        self.drive(&VecList, ())
    }
}
