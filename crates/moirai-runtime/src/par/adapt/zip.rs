//! Items side by side: `zip`, `zip_eq`, and tuples of parallel iterators.

use std::iter;

use crate::par::plumbing::{self, Consumer, Producer, Source};
use crate::par::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// The iterator of [`IndexedParallelIterator::zip`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct Zip<A, B> {
    a: A,
    b: B,
}

/// The iterator of [`IndexedParallelIterator::zip_eq`].
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct ZipEq<A, B> {
    zip: Zip<A, B>,
}

impl<A, B> Zip<A, B> {
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        Self { a, b }
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> ZipEq<A, B> {
    #[track_caller]
    pub(in crate::par) fn new(a: A, b: B) -> Self {
        assert_eq!(a.len(), b.len(), "iterators of different lengths");
        Self { zip: Zip { a, b } }
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> ParallelIterator for Zip<A, B> {
    type Item = (A::Item, B::Item);

    fn drive<C: Consumer<Self::Item>>(mut self, consumer: &C, part: C::Part) -> C::Result {
        plumbing::drive(self.producer(), consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        Some(self.len())
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> IndexedParallelIterator for Zip<A, B> {
    type Producer<'a>
        = Zipped<A::Producer<'a>, B::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.a.len().min(self.b.len())
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        Zipped { a: self.a.producer(), b: self.b.producer() }
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> ParallelIterator for ZipEq<A, B> {
    type Item = (A::Item, B::Item);

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        self.zip.drive(consumer, part)
    }

    fn opt_len(&self) -> Option<usize> {
        self.zip.opt_len()
    }
}

impl<A: IndexedParallelIterator, B: IndexedParallelIterator> IndexedParallelIterator
    for ZipEq<A, B>
{
    type Producer<'a>
        = Zipped<A::Producer<'a>, B::Producer<'a>>
    where
        Self: 'a;

    fn len(&self) -> usize {
        self.zip.len()
    }

    fn producer(&mut self) -> Self::Producer<'_> {
        self.zip.producer()
    }
}

#[derive(Debug)]
pub struct Zipped<A, B> {
    a: A,
    b: B,
}

impl<A: Producer, B: Producer> Source for Zipped<A, B> {
    type Item = (A::Item, B::Item);
    type Iter = iter::Zip<A::Iter, B::Iter>;

    fn size(&self) -> usize {
        self.a.size().min(self.b.size())
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let (left_a, right_a) = self.a.split_at(at);
        let (left_b, right_b) = self.b.split_at(at);
        (Self { a: left_a, b: left_b }, Self { a: right_a, b: right_b })
    }

    fn into_iter(self) -> Self::Iter {
        self.a.into_iter().zip(self.b.into_iter())
    }

    fn min_len(&self) -> usize {
        self.a.min_len().max(self.b.min_len())
    }

    fn max_len(&self) -> usize {
        self.a.max_len().min(self.b.max_len())
    }
}

/// The iterator of a tuple of parallel iterators: their items side by side, up to the shortest.
#[must_use = "iterator adaptors are lazy"]
#[derive(Clone, Debug)]
pub struct MultiZip<T> {
    tuple: T,
}

/// The source of a tuple: a tuple of sources.
#[derive(Debug)]
pub struct MultiZipped<T>(T);

/// The items of a block of each.
#[derive(Debug)]
pub struct MultiZipIter<T>(T);

macro_rules! multi_zip {
    ($($kind:ident $field:tt $left:ident $right:ident),+) => {
        impl<$($kind: IntoParallelIterator<Iter: IndexedParallelIterator>),+> IntoParallelIterator
            for ($($kind,)+)
        {
            type Item = ($($kind::Item,)+);
            type Iter = MultiZip<($($kind::Iter,)+)>;

            fn into_par_iter(self) -> Self::Iter {
                MultiZip { tuple: ($(self.$field.into_par_iter(),)+) }
            }
        }

        impl<$($kind: IndexedParallelIterator),+> ParallelIterator for MultiZip<($($kind,)+)> {
            type Item = ($($kind::Item,)+);

            fn drive<Z: Consumer<Self::Item>>(mut self, consumer: &Z, part: Z::Part) -> Z::Result {
                plumbing::drive(self.producer(), consumer, part)
            }

            fn opt_len(&self) -> Option<usize> {
                Some(self.len())
            }
        }

        impl<$($kind: IndexedParallelIterator),+> IndexedParallelIterator
            for MultiZip<($($kind,)+)>
        {
            type Producer<'a>
                = MultiZipped<($($kind::Producer<'a>,)+)>
            where
                Self: 'a;

            fn len(&self) -> usize {
                usize::MAX$(.min(self.tuple.$field.len()))+
            }

            fn producer(&mut self) -> Self::Producer<'_> {
                MultiZipped(($(self.tuple.$field.producer(),)+))
            }
        }

        impl<$($kind: Producer),+> Source for MultiZipped<($($kind,)+)> {
            type Item = ($($kind::Item,)+);
            type Iter = MultiZipIter<($($kind::Iter,)+)>;

            fn size(&self) -> usize {
                usize::MAX$(.min(self.0.$field.size()))+
            }

            fn split_at(self, at: usize) -> (Self, Self) {
                $(let ($left, $right) = self.0.$field.split_at(at);)+
                (Self(($($left,)+)), Self(($($right,)+)))
            }

            fn into_iter(self) -> Self::Iter {
                // All of one length, so that they can be read from their ends.
                let size = self.size();
                MultiZipIter(($(self.0.$field.split_at(size).0.into_iter(),)+))
            }

            fn min_len(&self) -> usize {
                1$(.max(self.0.$field.min_len()))+
            }

            fn max_len(&self) -> usize {
                usize::MAX$(.min(self.0.$field.max_len()))+
            }
        }

        impl<$($kind: Iterator),+> Iterator for MultiZipIter<($($kind,)+)> {
            type Item = ($($kind::Item,)+);

            #[inline]
            fn next(&mut self) -> Option<Self::Item> {
                Some(($(self.0.$field.next()?,)+))
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.0.size_hint()
            }
        }

        impl<$($kind: DoubleEndedIterator),+> DoubleEndedIterator for MultiZipIter<($($kind,)+)> {
            fn next_back(&mut self) -> Option<Self::Item> {
                Some(($(self.0.$field.next_back()?,)+))
            }
        }

        impl<$($kind: ExactSizeIterator),+> ExactSizeIterator for MultiZipIter<($($kind,)+)> {}
    };
}

multi_zip!(A 0 left_a right_a);
multi_zip!(A 0 left_a right_a, B 1 left_b right_b);
multi_zip!(A 0 left_a right_a, B 1 left_b right_b, C 2 left_c right_c);
multi_zip!(A 0 left_a right_a, B 1 left_b right_b, C 2 left_c right_c, D 3 left_d right_d);
multi_zip!(A 0 left_a right_a, B 1 left_b right_b, C 2 left_c right_c, D 3 left_d right_d,
           E 4 left_e right_e);
multi_zip!(A 0 left_a right_a, B 1 left_b right_b, C 2 left_c right_c, D 3 left_d right_d,
           E 4 left_e right_e, F 5 left_f right_f);
