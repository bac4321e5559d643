//! `cargo +nightly fuzz run channel_ops`
#![no_main]

use libfuzzer_sys::fuzz_target;
use moirai_fuzz::channel_ops::{Input, run};

fuzz_target!(|input: Input| run(input));
