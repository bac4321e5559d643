//! What std's collections take: piece by piece, since only one can add to a collection at a time.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::ffi::{OsStr, OsString};
use std::hash::{BuildHasher, Hash};

use super::append;
use super::halves::unzip_behind;
use crate::par::ParallelIterator;
use crate::par::convert::{IntoParallelIterator, ParallelExtend};

impl<T: Send> ParallelExtend<T> for Vec<T> {
    fn par_extend<I: IntoParallelIterator<Item = T>>(&mut self, items: I) {
        append(self, items.into_par_iter());
    }
}

impl<'a, T: Copy + Send + Sync + 'a> ParallelExtend<&'a T> for Vec<T> {
    fn par_extend<I: IntoParallelIterator<Item = &'a T>>(&mut self, items: I) {
        append(self, items.into_par_iter().copied());
    }
}

/// By std's own `Extend`, piece by piece.
macro_rules! piece_by_piece {
    ($([$($generics:tt)*] $item:ty => $collection:ty;)*) => {$(
        impl<$($generics)*> ParallelExtend<$item> for $collection {
            fn par_extend<I: IntoParallelIterator<Item = $item>>(&mut self, items: I) {
                for piece in items.into_par_iter().collect_vec_list() {
                    self.extend(piece);
                }
            }
        }
    )*};
}

piece_by_piece! {
    [T: Send] T => VecDeque<T>;
    ['a, T: Copy + Send + Sync + 'a] &'a T => VecDeque<T>;
    [T: Ord + Send] T => BinaryHeap<T>;
    ['a, T: Copy + Ord + Send + Sync + 'a] &'a T => BinaryHeap<T>;
    [T: Ord + Send] T => BTreeSet<T>;
    ['a, T: Copy + Ord + Send + Sync + 'a] &'a T => BTreeSet<T>;
    [K: Ord + Send, V: Send] (K, V) => BTreeMap<K, V>;
    ['a, K: Copy + Ord + Send + Sync + 'a, V: Copy + Send + Sync + 'a] (&'a K, &'a V) => BTreeMap<K, V>;
    [T: Eq + Hash + Send, S: BuildHasher + Send] T => HashSet<T, S>;
    ['a, T: Copy + Eq + Hash + Send + Sync + 'a, S: BuildHasher + Send] &'a T => HashSet<T, S>;
    [K: Eq + Hash + Send, V: Send, S: BuildHasher + Send] (K, V) => HashMap<K, V, S>;
    ['a, K: Copy + Eq + Hash + Send + Sync + 'a, V: Copy + Send + Sync + 'a, S: BuildHasher + Send] (&'a K, &'a V) => HashMap<K, V, S>;
}

impl<T: Send> ParallelExtend<T> for LinkedList<T> {
    fn par_extend<I: IntoParallelIterator<Item = T>>(&mut self, items: I) {
        let lists = items.into_par_iter().fold(Self::new, |mut list, item| {
            list.push_back(item);
            list
        });
        for mut list in lists.collect_vec_list().into_iter().flatten() {
            self.append(&mut list);
        }
    }
}

impl<'a, T: Copy + Send + Sync + 'a> ParallelExtend<&'a T> for LinkedList<T> {
    fn par_extend<I: IntoParallelIterator<Item = &'a T>>(&mut self, items: I) {
        self.par_extend(items.into_par_iter().copied());
    }
}

/// A text for each piece, of what `push` adds.
fn texts<T: Send, S: Default + Send>(
    items: impl ParallelIterator<Item = T>,
    push: impl Fn(&mut S, T) + Sync + Send,
) -> impl Iterator<Item = S> {
    let texts = items.fold(S::default, |mut text, item| {
        push(&mut text, item);
        text
    });
    texts.collect_vec_list().into_iter().flatten()
}

impl ParallelExtend<char> for String {
    fn par_extend<I: IntoParallelIterator<Item = char>>(&mut self, items: I) {
        self.extend(texts(items.into_par_iter(), Self::push));
    }
}

impl<'a> ParallelExtend<&'a char> for String {
    fn par_extend<I: IntoParallelIterator<Item = &'a char>>(&mut self, items: I) {
        self.par_extend(items.into_par_iter().copied());
    }
}

macro_rules! text_of_texts {
    ($([$($life:lifetime)?] $item:ty;)*) => {$(
        impl<$($life)?> ParallelExtend<$item> for String {
            fn par_extend<I: IntoParallelIterator<Item = $item>>(&mut self, items: I) {
                self.extend(texts(items.into_par_iter(), |all: &mut Self, text| all.push_str(&text)));
            }
        }
    )*};
}

text_of_texts! {
    ['a] &'a str;
    [] String;
    [] Box<str>;
    ['a] Cow<'a, str>;
}

macro_rules! os_text_of_texts {
    ($([$($life:lifetime)?] $item:ty;)*) => {$(
        impl<$($life)?> ParallelExtend<$item> for OsString {
            fn par_extend<I: IntoParallelIterator<Item = $item>>(&mut self, items: I) {
                self.extend(texts(items.into_par_iter(), |all: &mut Self, text| all.push(&*text)));
            }
        }
    )*};
}

os_text_of_texts! {
    ['a] &'a OsStr;
    [] OsString;
    ['a] Cow<'a, OsStr>;
}

impl ParallelExtend<()> for () {
    fn par_extend<I: IntoParallelIterator<Item = ()>>(&mut self, items: I) {
        items.into_par_iter().for_each(drop);
    }
}

impl<A, B, FromA, FromB> ParallelExtend<(A, B)> for (FromA, FromB)
where
    A: Send,
    B: Send,
    FromA: Send + ParallelExtend<A>,
    FromB: Send + ParallelExtend<B>,
{
    fn par_extend<I: IntoParallelIterator<Item = (A, B)>>(&mut self, items: I) {
        unzip_behind(items.into_par_iter(), &mut self.0, &mut self.1);
    }
}
