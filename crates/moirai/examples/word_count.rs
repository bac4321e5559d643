//! Counts the words of a text: a map for each piece, and the maps into one.

#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::HashMap;

use moirai::par::*;

type Counts<'text> = HashMap<&'text str, usize>;

pub(crate) fn main() {
    let text = text();
    let counts = count(&text);

    let mut most: Vec<(&str, usize)> = counts.into_par_iter().collect();
    most.par_sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    for (word, n) in &most {
        println!("{n:6}  {word}");
    }
    assert_eq!(most[0], ("the", 20_000));
    assert_eq!(most.iter().map(|(_, n)| n).sum::<usize>(), 90_000);
}

fn count(text: &str) -> Counts<'_> {
    text.par_lines()
        .fold(Counts::new, |mut counts, line| {
            for word in line.split_whitespace() {
                *counts.entry(word).or_default() += 1;
            }
            counts
        })
        .reduce(Counts::new, |mut all, counts| {
            for (word, n) in counts {
                *all.entry(word).or_default() += n;
            }
            all
        })
}

fn text() -> String {
    "the quick brown fox jumps over the lazy dog\n".repeat(10_000)
}
