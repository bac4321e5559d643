//! The `moirai` program.

use std::process;

fn main() {
    // Not a return from `main`: threads that still work on a run that failed must not delay the end.
    process::exit(i32::from(moirai_cli::run(std::env::args_os())));
}
