//! A storm of tasks, as the suites that count run it: `moirai-storm storm 1000 200 200`.

use std::env;
use std::process::ExitCode;

use moirai_storm::{Storm, WORD};

fn main() -> ExitCode {
    let mut words = env::args().skip(1);
    let storm = words.next().filter(|word| word == WORD).and_then(|_| Storm::of_words(words));
    match storm.map(Storm::run) {
        Some(Ok(asked)) => {
            println!("{asked}");
            ExitCode::SUCCESS
        }
        Some(Err(why)) => {
            eprintln!("moirai-storm: {why}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("Usage: moirai-storm {WORD} OUTSTANDING WAVES UNCOUNTED [counts|times]");
            ExitCode::from(USAGE_ERROR)
        }
    }
}

/// The exit code of a command line that was not understood.
const USAGE_ERROR: u8 = 64;
