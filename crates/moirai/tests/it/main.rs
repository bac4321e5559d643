//! The facade as a program sees it. One binary; a module for each part.

mod examples;
mod macros;
mod names;
mod prometheus;
