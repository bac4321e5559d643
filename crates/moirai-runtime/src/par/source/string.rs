//! Texts: their characters, lines, words and parts.

use std::str;

use super::SliceIter;
use crate::par::ParallelIterator;
use crate::par::adapt::Copied;
use crate::par::convert::IntoParallelIterator;
use crate::par::plumbing::{self, Consumer, Source};

/// Parallel iterators over a text, named as those of std.
///
/// A pattern is a character, an array or a slice of them, or a function that tells whether one
/// matches.
pub trait ParallelString {
    /// The text itself.
    fn as_parallel_string(&self) -> &str;

    /// The bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("abc".par_bytes().map(u32::from).sum::<u32>(), 294);
    /// ```
    fn par_bytes(&self) -> Copied<SliceIter<'_, u8>> {
        self.as_parallel_string().as_bytes().into_par_iter().copied()
    }

    /// The characters.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("größe".par_chars().max(), Some('ö'));
    /// ```
    fn par_chars(&self) -> StrPieces<'_, Chars> {
        StrPieces::new(self.as_parallel_string(), Chars)
    }

    /// The characters, each with the byte where it begins.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let pairs: Vec<_> = "öl".par_char_indices().collect();
    /// assert_eq!(pairs, [(0, 'ö'), (2, 'l')]);
    /// ```
    fn par_char_indices(&self) -> StrPieces<'_, CharIndices> {
        StrPieces::new(self.as_parallel_string(), CharIndices)
    }

    /// The text in UTF-16.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("aé".par_encode_utf16().collect::<Vec<_>>(), [0x61, 0xe9]);
    /// ```
    fn par_encode_utf16(&self) -> StrPieces<'_, EncodeUtf16> {
        StrPieces::new(self.as_parallel_string(), EncodeUtf16)
    }

    /// The lines, without what ends them.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// let lines: Vec<_> = "a\nb\r\n\nc".par_lines().collect();
    /// assert_eq!(lines, ["a", "b", "", "c"]);
    /// ```
    fn par_lines(&self) -> StrPieces<'_, Lines> {
        StrPieces::new(self.as_parallel_string(), Lines)
    }

    /// What stands between white space.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(" a  bc ".par_split_whitespace().collect::<Vec<_>>(), ["a", "bc"]);
    /// ```
    fn par_split_whitespace(&self) -> StrPieces<'_, SplitWhitespace> {
        StrPieces::new(self.as_parallel_string(), SplitWhitespace)
    }

    /// What stands between white space of ASCII.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!(" a\tb".par_split_ascii_whitespace().collect::<Vec<_>>(), ["a", "b"]);
    /// ```
    fn par_split_ascii_whitespace(&self) -> StrPieces<'_, SplitAsciiWhitespace> {
        StrPieces::new(self.as_parallel_string(), SplitAsciiWhitespace)
    }

    /// What stands between matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("a,,b".par_split(',').collect::<Vec<_>>(), ["a", "", "b"]);
    /// ```
    fn par_split<P: Pattern>(&self, pattern: P) -> StrPieces<'_, Split<P>> {
        StrPieces::new(self.as_parallel_string(), Split(pattern))
    }

    /// What stands between matches, each with the match that ends it.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("a,b".par_split_inclusive(',').collect::<Vec<_>>(), ["a,", "b"]);
    /// ```
    fn par_split_inclusive<P: Pattern>(&self, pattern: P) -> StrPieces<'_, SplitInclusive<P>> {
        StrPieces::new(self.as_parallel_string(), SplitInclusive(pattern))
    }

    /// What stands before matches, and the rest if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("a;b;".par_split_terminator(';').collect::<Vec<_>>(), ["a", "b"]);
    /// ```
    fn par_split_terminator<P: Pattern>(&self, pattern: P) -> StrPieces<'_, SplitTerminator<P>> {
        StrPieces::new(self.as_parallel_string(), SplitTerminator(pattern))
    }

    /// The matches.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("a1b2".par_matches(char::is_numeric).collect::<Vec<_>>(), ["1", "2"]);
    /// ```
    fn par_matches<P: Pattern>(&self, pattern: P) -> StrPieces<'_, Matches<P>> {
        StrPieces::new(self.as_parallel_string(), Matches(pattern))
    }

    /// The matches, each with the byte where it begins.
    ///
    /// # Examples
    ///
    /// ```
    /// use moirai_runtime::par::*;
    ///
    /// assert_eq!("a1b2".par_match_indices(['1', '2']).collect::<Vec<_>>(), [(1, "1"), (3, "2")]);
    /// ```
    fn par_match_indices<P: Pattern>(&self, pattern: P) -> StrPieces<'_, MatchIndices<P>> {
        StrPieces::new(self.as_parallel_string(), MatchIndices(pattern))
    }
}

impl ParallelString for str {
    fn as_parallel_string(&self) -> &str {
        self
    }
}

/// The iterator of each method of [`ParallelString`].
#[must_use = "parallel iterators are lazy"]
#[derive(Clone, Debug)]
pub struct StrPieces<'data, K> {
    text: &'data str,
    kind: K,
}

impl<'data, K> StrPieces<'data, K> {
    fn new(text: &'data str, kind: K) -> Self {
        Self { text, kind }
    }
}

impl<'data, K: Kind> ParallelIterator for StrPieces<'data, K> {
    type Item = K::Item<'data>;

    fn drive<C: Consumer<Self::Item>>(self, consumer: &C, part: C::Part) -> C::Result {
        let source = Text { text: Some(self.text), start: 0, kind: &self.kind };
        plumbing::drive(source, consumer, part)
    }
}

/// What is looked for in a text.
pub trait Kind: Sync + Send {
    type Item<'data>: Send;
    type Iter<'data, 'k>: Iterator<Item = Self::Item<'data>>
    where
        Self: 'k;

    /// From `at` on, which is the beginning of a character, the first place where the text can be
    /// divided, and where the right part begins.
    fn cut(&self, text: &str, at: usize) -> Option<(usize, usize)>;

    /// The items of a part that starts at the byte `start`.
    fn iter<'data, 'k>(&'k self, text: &'data str, start: usize) -> Self::Iter<'data, 'k>;
}

struct Text<'data, 'k, K> {
    /// None: nothing is left, where an empty text would yield something.
    text: Option<&'data str>,
    start: usize,
    kind: &'k K,
}

impl<'data, 'k, K: Kind> Source for Text<'data, 'k, K> {
    type Item = K::Item<'data>;
    type Iter = std::iter::Flatten<std::option::IntoIter<K::Iter<'data, 'k>>>;

    fn size(&self) -> usize {
        self.text.map_or(0, str::len)
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { text, start, kind } = self;
        let cut = text.and_then(|text| {
            let at = text.ceil_char_boundary(at);
            kind.cut(text, at).map(|(end, next)| (&text[..end], &text[next..], next))
        });
        match cut {
            Some((left, right, next)) => (
                Self { text: Some(left), start, kind },
                Self { text: Some(right), start: start + next, kind },
            ),
            None => (Self { text, start, kind }, Self { text: None, start, kind }),
        }
    }

    fn into_iter(self) -> Self::Iter {
        let Self { text, start, kind } = self;
        text.map(|text| kind.iter(text, start)).into_iter().flatten()
    }
}

/// Between any two characters.
fn anywhere(at: usize) -> Option<(usize, usize)> {
    Some((at, at))
}

/// Before the first of `f` from `at` on.
fn before(text: &str, at: usize, f: impl Fn(char) -> bool) -> Option<(usize, usize)> {
    let index = at + text[at..].find(f)?;
    Some((index, index))
}

macro_rules! kinds {
    ($($name:ident: $item:ty, $iter:ty, |$text:ident, $at:ident| $cut:expr, |$whole:ident, $start:ident| $make:expr;)*) => {$(
        /// Kind of pieces of a text.
        #[derive(Clone, Copy, Debug)]
        pub struct $name;

        impl Kind for $name {
            type Item<'data> = $item;
            type Iter<'data, 'k> = $iter;

            fn cut(&self, $text: &str, $at: usize) -> Option<(usize, usize)> {
                $cut
            }

            fn iter<'data>(&self, $whole: &'data str, $start: usize) -> $iter {
                $make
            }
        }
    )*};
}

kinds! {
    Chars: char, str::Chars<'data>, |_text, at| anywhere(at), |text, _start| text.chars();
    CharIndices: (usize, char), Shifted<str::CharIndices<'data>>, |_text, at| anywhere(at),
        |text, start| Shifted { items: text.char_indices(), by: start };
    EncodeUtf16: u16, str::EncodeUtf16<'data>, |_text, at| anywhere(at),
        |text, _start| text.encode_utf16();
    Lines: &'data str, str::Lines<'data>,
        |text, at| text[at..].find('\n').map(|index| (at + index + 1, at + index + 1)),
        |text, _start| text.lines();
    SplitWhitespace: &'data str, str::SplitWhitespace<'data>,
        |text, at| before(text, at, char::is_whitespace), |text, _start| text.split_whitespace();
    SplitAsciiWhitespace: &'data str, str::SplitAsciiWhitespace<'data>,
        |text, at| before(text, at, |c| c.is_ascii_whitespace()),
        |text, _start| text.split_ascii_whitespace();
}

/// What can be looked for in a text: a character, some, or a function.
pub trait Pattern: Sync + Send {
    /// The first match: where it begins and ends.
    fn find_in(&self, text: &str) -> Option<(usize, usize)>;
}

fn found(text: &str, index: Option<usize>) -> Option<(usize, usize)> {
    let index = index?;
    Some((index, text.ceil_char_boundary(index + 1)))
}

impl Pattern for char {
    fn find_in(&self, text: &str) -> Option<(usize, usize)> {
        found(text, text.find(*self))
    }
}

impl Pattern for &[char] {
    fn find_in(&self, text: &str) -> Option<(usize, usize)> {
        found(text, text.find(*self))
    }
}

impl<const N: usize> Pattern for [char; N] {
    fn find_in(&self, text: &str) -> Option<(usize, usize)> {
        found(text, text.find(self))
    }
}

impl<const N: usize> Pattern for &[char; N] {
    fn find_in(&self, text: &str) -> Option<(usize, usize)> {
        found(text, text.find(*self))
    }
}

impl<F: Fn(char) -> bool + Sync + Send> Pattern for F {
    fn find_in(&self, text: &str) -> Option<(usize, usize)> {
        found(text, text.find(self))
    }
}

macro_rules! pattern_kinds {
    ($($name:ident: $item:ty, |$start:ident, $end:ident| $cut:expr, $iter:ident;)*) => {$(
        /// Kind of pieces of a text.
        #[derive(Clone, Copy, Debug)]
        pub struct $name<P>(P);

        impl<P: Pattern> Kind for $name<P> {
            type Item<'data> = $item;
            type Iter<'data, 'k>
                = $iter<'data, 'k, P>
            where
                P: 'k;

            fn cut(&self, text: &str, at: usize) -> Option<(usize, usize)> {
                let ($start, $end) = self.0.find_in(&text[at..])?;
                let ($start, $end) = (at + $start, at + $end);
                Some($cut)
            }

            fn iter<'data, 'k>(&'k self, text: &'data str, start: usize) -> Self::Iter<'data, 'k> {
                $iter { rest: Some(text), start, pattern: &self.0 }
            }
        }
    )*};
}

pattern_kinds! {
    Split: &'data str, |start, end| (start, end), SplitIter;
    SplitInclusive: &'data str, |_start, end| (end, end), SplitInclusiveIter;
    SplitTerminator: &'data str, |_start, end| (end, end), SplitTerminatorIter;
    Matches: &'data str, |_start, end| (end, end), MatchesIter;
    MatchIndices: (usize, &'data str), |_start, end| (end, end), MatchIndicesIter;
}

/// One iterator for each kind of pattern: `step` says what comes of a match, and `last` of the rest.
macro_rules! pattern_iters {
    ($($name:ident: $item:ty, |$text:ident, $from:ident, $to:ident, $at:ident| $step:expr, |$rest:ident| $last:expr;)*) => {$(
        #[derive(Debug)]
        pub struct $name<'data, 'k, P> {
            rest: Option<&'data str>,
            start: usize,
            pattern: &'k P,
        }

        impl<'data, P: Pattern> Iterator for $name<'data, '_, P> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                let $text = self.rest?;
                match self.pattern.find_in($text) {
                    Some(($from, $to)) => {
                        let $at = self.start;
                        self.rest = Some(&$text[$to..]);
                        self.start += $to;
                        Some($step)
                    }
                    None => {
                        self.rest = None;
                        let $rest = Some($text);
                        $last
                    }
                }
            }
        }
    )*};
}

pattern_iters! {
    SplitIter: &'data str, |text, from, _to, _at| &text[..from], |rest| rest;
    SplitInclusiveIter: &'data str, |text, _from, to, _at| &text[..to],
        |rest| rest.filter(|rest| !rest.is_empty());
    SplitTerminatorIter: &'data str, |text, from, _to, _at| &text[..from],
        |rest| rest.filter(|rest| !rest.is_empty());
    MatchesIter: &'data str, |text, from, to, _at| &text[from..to], |_rest| None;
    MatchIndicesIter: (usize, &'data str), |text, from, to, at| (at + from, &text[from..to]),
        |_rest| None;
}

/// Numbered items of a part, numbered as in the whole.
#[derive(Debug)]
pub struct Shifted<I> {
    items: I,
    by: usize,
}

impl<T, I: Iterator<Item = (usize, T)>> Iterator for Shifted<I> {
    type Item = (usize, T);

    fn next(&mut self) -> Option<(usize, T)> {
        let (index, item) = self.items.next()?;
        Some((self.by + index, item))
    }
}
