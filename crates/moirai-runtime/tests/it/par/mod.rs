//! Parallel iterators: against those of std, and where things go wrong.

mod adaptors;
mod cancel;
mod collect;
mod consumers;
mod drops;
mod layout;
mod pieces;
mod sort;
mod sources;

use std::hint::spin_loop;
use std::time::{Duration, Instant};

use moirai_runtime::par::iter::Map;
use moirai_runtime::par::*;
use proptest::prelude::*;

/// How many inputs each property is tried with. A failing one is printed, made as small as it gets.
fn config() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 128 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Some items, how they are cut into pieces, and a number to be used for whatever there is.
fn items() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..if cfg!(miri) { 12 } else { 70 })
}

/// Takes so long for each item that the items are divided among workers however few they are.
fn slow<I: ParallelIterator>(items: I) -> Map<I, impl Fn(I::Item) -> I::Item + Sync + Send> {
    items.map(|item| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(3) {
            spin_loop();
        }
        item
    })
}
