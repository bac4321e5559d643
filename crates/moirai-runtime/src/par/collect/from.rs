//! What can be collected into: collections, and what wraps them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::OsString;
use std::hash::{BuildHasher, Hash};
use std::rc::Rc;
use std::sync::Arc;

use moirai_sync::__prim::Mutex;

use crate::par::ParallelIterator;
use crate::par::convert::{FromParallelIterator, IntoParallelIterator, ParallelExtend};
use crate::par::either::Either;

/// An empty one, extended.
macro_rules! by_extending {
    ($([$($generics:tt)*] $item:ty => $collection:ty;)*) => {$(
        impl<$($generics)*> FromParallelIterator<$item> for $collection {
            fn from_par_iter<I: IntoParallelIterator<Item = $item>>(items: I) -> Self {
                let mut collection = Self::default();
                collection.par_extend(items);
                collection
            }
        }
    )*};
}

by_extending! {
    [T: Send] T => Vec<T>;
    [T: Send] T => LinkedList<T>;
    [T: Ord + Send] T => BTreeSet<T>;
    [K: Ord + Send, V: Send] (K, V) => BTreeMap<K, V>;
    [T: Eq + Hash + Send, S: BuildHasher + Default + Send] T => HashSet<T, S>;
    [K: Eq + Hash + Send, V: Send, S: BuildHasher + Default + Send] (K, V) => HashMap<K, V, S>;
    [] char => String;
    ['a] &'a char => String;
    ['a] &'a str => String;
    [] String => String;
    [] Box<str> => String;
    ['a] Cow<'a, str> => String;
    [] OsString => OsString;
    [] () => ();
}

/// What std makes of a vector without looking at the items one by one.
macro_rules! of_a_vec {
    ($([$($generics:tt)*] $item:ty => $collection:ty;)*) => {$(
        impl<$($generics)*> FromParallelIterator<$item> for $collection {
            fn from_par_iter<I: IntoParallelIterator<Item = $item>>(items: I) -> Self {
                Vec::from_par_iter(items).into()
            }
        }
    )*};
}

of_a_vec! {
    [T: Send] T => Box<[T]>;
    [T: Send] T => Rc<[T]>;
    [T: Send] T => Arc<[T]>;
    [T: Send] T => VecDeque<T>;
    [T: Ord + Send] T => BinaryHeap<T>;
}

impl<T: Clone + Send> FromParallelIterator<T> for Cow<'_, [T]> {
    fn from_par_iter<I: IntoParallelIterator<Item = T>>(items: I) -> Self {
        Cow::Owned(Vec::from_par_iter(items))
    }
}

impl<T: Send> FromParallelIterator<T> for Cow<'_, str>
where
    String: FromParallelIterator<T>,
{
    fn from_par_iter<I: IntoParallelIterator<Item = T>>(items: I) -> Self {
        Cow::Owned(String::from_par_iter(items))
    }
}

impl<T: Send> FromParallelIterator<T> for Box<str>
where
    String: FromParallelIterator<T>,
{
    fn from_par_iter<I: IntoParallelIterator<Item = T>>(items: I) -> Self {
        String::from_par_iter(items).into()
    }
}

/// All values; or none if an item is, which ends all pieces soon.
impl<T: Send, C: FromParallelIterator<T>> FromParallelIterator<Option<T>> for Option<C> {
    fn from_par_iter<I: IntoParallelIterator<Item = Option<T>>>(items: I) -> Self {
        let items = items.into_par_iter().map(|item| item.ok_or(()));
        items.collect::<Result<C, ()>>().ok()
    }
}

/// All values; or one of the errors, the first of which ends all pieces soon.
impl<T: Send, E: Send, C: FromParallelIterator<T>> FromParallelIterator<Result<T, E>>
    for Result<C, E>
{
    fn from_par_iter<I: IntoParallelIterator<Item = Result<T, E>>>(items: I) -> Self {
        let failure = Mutex::new(None);
        let values = items.into_par_iter().map(|item| match item {
            Ok(value) => Some(value),
            Err(error) => {
                // A later one is dropped after the lock.
                let _other = failure.lock().replace(error);
                None
            }
        });
        let collection = values.while_some().collect();
        let failure = failure.lock().take();
        failure.map_or(Ok(collection), Err)
    }
}

impl<A, B, FromA, FromB> FromParallelIterator<(A, B)> for (FromA, FromB)
where
    A: Send,
    B: Send,
    FromA: Send + Default + ParallelExtend<A>,
    FromB: Send + Default + ParallelExtend<B>,
{
    fn from_par_iter<I: IntoParallelIterator<Item = (A, B)>>(items: I) -> Self {
        items.into_par_iter().unzip()
    }
}

impl<L, R, A, B> FromParallelIterator<Either<L, R>> for (A, B)
where
    L: Send,
    R: Send,
    A: Send + Default + ParallelExtend<L>,
    B: Send + Default + ParallelExtend<R>,
{
    fn from_par_iter<I: IntoParallelIterator<Item = Either<L, R>>>(items: I) -> Self {
        items.into_par_iter().partition_map(|item| item)
    }
}
