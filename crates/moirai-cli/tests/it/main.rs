//! The program from outside, by the way things go wrong.
#![allow(clippy::unwrap_used, reason = "what tests share, outside of a test function")]

mod console;
mod corrupt;
mod files;
mod harness;
mod memory;
mod roundtrip;
mod signals;
mod streams;
