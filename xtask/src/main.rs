//! The repository's own commands: `cargo xtask COMMAND`.
//!
//! This file knows the list of commands and how a command line becomes a call and an exit code.
//! It must never know what a command does: that is one module each. No dependencies, so that a
//! fresh clone compiles it in a second.
#![allow(clippy::print_stdout, reason = "a command-line program: printing is its purpose")]

mod bench;
mod cargo;
mod ci;
mod crossbeam;
mod deny;
mod examples;
mod failure;
mod features;
mod loom;
mod miri;
mod platforms;
mod registry;
mod repo;
mod sanitize;
mod shuttle;
mod test;
mod tidy;
mod tokei;

use std::process::ExitCode;

use failure::Failure;

/// One command as the user sees it, and the function behind it.
struct Command {
    name: &'static str,
    args: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<(), Failure>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        args: "[ARGS]...",
        about: "every test of the workspace; ARGS go to `cargo test`",
        run: test::run,
    },
    Command {
        name: "ci",
        args: "",
        about: "everything a change must pass, step by step",
        run: ci::run,
    },
    Command {
        name: "tidy",
        args: "",
        about: "the rules of ARCHITECTURE.md and STYLE.md that a program can check",
        run: tidy::run,
    },
    Command {
        name: "features",
        args: "",
        about: "the table of features: what is done, and what shows it",
        run: features::run,
    },
    Command {
        name: "examples",
        args: "",
        about: "every example of the facade, each under a watchdog",
        run: examples::run,
    },
    Command {
        name: "loom",
        args: "[--quick] [FILTER]",
        about: "the loom models; --quick explores 2 preemptions instead of 3",
        run: loom::run,
    },
    Command {
        name: "shuttle",
        args: "[--quick] [FILTER]",
        about: "random schedules of the scheduler and the channels; --quick draws a hundredth",
        run: shuttle::run,
    },
    Command {
        name: "crossbeam",
        args: "[--quick] [FILE]...",
        about: "crossbeam-channel's own tests on our channels; --quick leaves the long ones out",
        run: crossbeam::run,
    },
    Command {
        name: "tokei",
        args: "[FOLDER]...",
        about: "the line counter tokei, its `use` lines of rayon rewritten, beside the original",
        run: tokei::run,
    },
    Command {
        name: "miri",
        args: "[ARGS]...",
        about: "the unit tests of the unsafe crates under Miri (nightly)",
        run: miri::run,
    },
    Command {
        name: "sanitize",
        args: "[ARGS]...",
        about: "the tests of the unsafe crates under AddressSanitizer (nightly)",
        run: sanitize::run,
    },
    Command {
        name: "platforms",
        args: "",
        about: "whether the libraries compile for other systems, as far as those are installed",
        run: platforms::run,
    },
    Command {
        name: "deny",
        args: "",
        about: "licences and advisories of the dependencies (cargo-deny)",
        run: deny::run,
    },
    Command {
        name: "bench",
        args: "SUITE [--json FILE] [ARGS]...",
        about: "one benchmark suite, rivals beside us",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Usage(why)) => {
            eprintln!("xtask: {why}\n\n{}", usage());
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failure::Failed(why)) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Failure> {
    let Some((name, rest)) = args.split_first() else {
        return Err(Failure::Usage("no command given".to_owned()));
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        println!("{}", usage());
        return Ok(());
    }
    let command = COMMANDS
        .iter()
        .find(|command| command.name == name)
        .ok_or_else(|| Failure::Usage(format!("unknown command `{name}`")))?;
    (command.run)(rest)
}

fn usage() -> String {
    let mut text = String::from("Usage: cargo xtask COMMAND\n\nCommands:\n");
    for Command { name, args, about, .. } in COMMANDS {
        let call = format!("{name} {args}");
        text.push_str(&format!("  {call:<36} {about}\n"));
    }
    text.push_str("  help                                 this list");
    text
}

/// The exit code for a command line that means nothing, as in most command-line programs.
const EXIT_USAGE: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(args: &[&str]) -> Result<(), Failure> {
        dispatch(&args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_it() {
        assert_eq!(call(&["tidyy"]), Err(Failure::Usage("unknown command `tidyy`".to_owned())));
    }

    #[test]
    fn no_command_is_a_usage_error() {
        assert!(matches!(call(&[]), Err(Failure::Usage(_))));
    }

    #[test]
    fn unknown_flags_are_usage_errors_and_run_nothing() {
        for command in [
            "ci",
            "tidy",
            "features",
            "examples",
            "loom",
            "shuttle",
            "crossbeam",
            "tokei",
            "platforms",
            "deny",
        ] {
            assert_eq!(
                call(&[command, "--frobnicate"]),
                Err(Failure::Usage(format!("`{command}` has no flag `--frobnicate`"))),
            );
        }
        assert!(matches!(call(&["bench"]), Err(Failure::Usage(_))), "bench needs a suite");
    }

    #[test]
    fn help_lists_every_command() {
        for Command { name, .. } in COMMANDS {
            assert!(usage().contains(name), "{name}");
        }
        assert_eq!(call(&["--help"]), Ok(()));
    }
}
