//! `#[moirai::main]` and `#[moirai::test]`: an async function becomes one that starts a runtime.
//!
//! The function stays as written, one level further in, so that its return type, its `?` and the
//! compiler's messages are those of the source:
//!
//! ```text
//!   #[moirai::main(worker_threads = 2)]      fn main() -> R {
//!   async fn main() -> R { body }       ►        async fn main() -> R { body }
//!                                                ::moirai::Runtime::builder()
//!                                                    .worker_threads(2)
//!                                                    .build()
//!                                                    .unwrap_or_else(|error| panic!(..))
//!                                                    .block_on(main())
//!                                            }
//! ```
//!
//! `item` takes the function apart, `options` the arguments of the attribute, `error`
//! turns a complaint into a `compile_error!` at the right place. This crate knows the facade's
//! path `::moirai` and the names of the builder's methods; it depends on nothing, so that no user
//! waits for a parser of all of Rust. It must never know what a runtime is. Examples, and what must
//! not compile, stand at the re-exports in the facade, where `::moirai` exists.

mod error;
mod expand;
mod item;
mod options;

use proc_macro::TokenStream;

/// Runs an async `main` on a runtime of its own.
///
/// The function takes no arguments and may return whatever `main` may return. The runtime ends
/// when the function returns: tasks still pending then are cancelled.
///
/// # Options
///
/// | option | meaning |
/// |---|---|
/// | `worker_threads = N` | how many workers run tasks; without it, as many as the processor quota allows |
///
/// # Panics
///
/// The expanded function panics if the operating system refuses the runtime's threads, or if an
/// option is outside the range that the runtime's builder documents.
#[proc_macro_attribute]
pub fn main(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(expand::Kind::Main, options, function)
}

/// Runs an async test on a runtime of its own.
///
/// The function takes no arguments. It may return a `Result`, and other test attributes, such as
/// `#[should_panic]` or `#[ignore]`, work as on any test. Each test starts and ends its own
/// runtime, so tests share no tasks.
///
/// # Options
///
/// Those of [`macro@main`].
///
/// # Panics
///
/// As [`macro@main`].
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(expand::Kind::Test, options, function)
}
