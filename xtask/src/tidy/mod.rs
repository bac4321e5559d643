//! `cargo xtask tidy`: the rules of this repository that a program can check.
//!
//! Each rule is one function from the [`Tree`] to the places that break it, in one of these
//! modules, with a test on a small bad sample. This file knows the list of rules and prints what
//! they find. It also runs as a test, so that plain `cargo test` refuses what CI would refuse.
//!
//! ```text
//!   tree (files) ──► source (code and comments apart) ──► tokens ──► paths (what `use` names)
//!                                                                      │
//!        text  names  safety  sizes ◄── the rules ──►  prims  modules ◄┘  floors
//! ```

mod floors;
mod modules;
mod names;
mod paths;
mod prims;
mod ranks;
mod safety;
mod sizes;
mod source;
mod text;
mod tokens;
mod tree;

use crate::failure::{Failure, no_arguments};
pub(crate) use tokens::attribute_at;
pub(crate) use tree::{Tree, Violation};

type Rule = fn(&Tree) -> Vec<Violation>;

const RULES: &[Rule] = &[
    floors::crates_depend_only_downward,
    modules::every_file_is_declared,
    modules::modules_depend_only_downward,
    modules::no_module_cycles,
    prims::primitives_are_named_only_in_prim,
    names::no_banned_names,
    safety::unsafe_files_say_why,
    safety::orderings_name_their_partner,
    text::every_source_file_opens_with_its_doc,
    text::no_unfinished_words,
    text::no_machine_paths,
    text::the_facade_has_no_functions,
];

/// Prints every violation and fails if there is one; asks about long files, which never fail.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("tidy", args)?;
    let tree = Tree::load().map_err(|error| {
        Failure::Failed(format!("cannot read the files of the repository: {error}"))
    })?;
    for question in sizes::long_files(&tree) {
        println!("{question}");
    }
    let violations = check(&tree);
    for violation in &violations {
        println!("{violation}");
    }
    if violations.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!("{} violations", violations.len())))
}

fn check(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<_> = RULES.iter().flat_map(|rule| rule(tree)).collect();
    violations.sort();
    violations.dedup();
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let violations = check(&Tree::load().unwrap());
        let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "{} violations:\n{}", list.len(), list.join("\n"));
    }
}
