//! Rules about text: module docs, words of unfinished work, paths of one machine, and a facade
//! that stays one. This file is the only one that may spell the words it bans.

use super::{Tree, Violation};

/// A file of `src/` opens with what it knows, before its first item.
pub(crate) fn every_source_file_opens_with_its_doc(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, text) in tree.files().filter(|(file, _)| file.ends_with(".rs")) {
        if !file.contains("/src/") && !file.contains("/fuzz_targets/") {
            continue;
        }
        // Attributes of the whole file may come first; they have no line of their own to start.
        let head = text.lines().map(str::trim).take_while(|line| {
            let item = line.starts_with(|letter: char| letter.is_alphabetic());
            !item || line.starts_with("unsafe_code") || line.starts_with("reason")
        });
        if !head.into_iter().any(|line| line.starts_with("//!")) {
            let what = "no module doc: open with `//!` and say what the file knows";
            violations.push(Violation::new(file, 1, what));
        }
    }
    violations
}

/// Nothing in code or prose says that it is not done.
pub(crate) fn no_unfinished_words(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, text) in tree.files() {
        if !(file.ends_with(".rs") || file.ends_with(".md")) || file == THIS_FILE {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            let lower = line.to_lowercase();
            for word in UNFINISHED.iter().filter(|word| has_word(&lower, word)) {
                let what = format!("`{word}`: finish it, or leave it out");
                violations.push(Violation::new(file, index + 1, what));
            }
        }
    }
    violations
}

/// No file names a folder of the machine it was written on.
pub(crate) fn no_machine_paths(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, text) in tree.files().filter(|(file, _)| *file != THIS_FILE) {
        for (index, line) in text.lines().enumerate() {
            for folder in MACHINE_FOLDERS.iter().filter(|folder| has_absolute(line, folder)) {
                let what = format!("`{folder}` is a folder of one machine; use a relative path");
                violations.push(Violation::new(file, index + 1, what));
            }
        }
    }
    violations
}

/// The facade re-exports and does nothing, so that each thing has one home.
pub(crate) fn the_facade_has_no_functions(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.sources() {
        if !file.starts_with("crates/moirai/src/") {
            continue;
        }
        for token in source.tokens().iter().filter(|token| token.text == "fn") {
            let what = "the facade has no functions of its own: move it to the crate it belongs to";
            violations.push(Violation::new(file, token.line, what));
        }
    }
    violations
}

/// `word` in `line`, and not as the start or end of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// `folder` in `line` at the start of a path, not inside `crates/home/src`.
fn has_absolute(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || "._-~*$)}>".contains(letter))
    })
}

const THIS_FILE: &str = "xtask/src/tidy/text.rs";

const UNFINISHED: [&str; 8] = [
    "todo!",
    "unimplemented!",
    "for now",
    "placeholder",
    "placeholders",
    "in a real implementation",
    "simplified version",
    "not yet implemented",
];

const MACHINE_FOLDERS: [&str; 4] = ["/root/", "/home/", "/work/", "/Users/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rule: fn(&Tree) -> Vec<Violation>, file: &str, text: &str, lines: &[usize]) {
        let found = rule(&Tree::of(&[(file, text)]));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), lines.len(), "{text}: {found:?}");
        for (found, line) in found.iter().zip(lines) {
            assert!(found.starts_with(&format!("{file}:{line}: ")), "{found}");
        }
    }

    #[test]
    fn a_file_without_module_doc_is_refused() {
        let rule = every_source_file_opens_with_its_doc;
        check(rule, "a/src/b.rs", "use x;\n//! late", &[1]);
        check(rule, "a/src/b.rs", "// a comment\n\nfn f() {}", &[1]);
        check(rule, "a/src/b.rs", "", &[1]);
        check(rule, "a/src/b.rs", "//! It knows x.\nuse x;", &[]);
        let attribute = "#![allow(\n    unsafe_code,\n    reason = \"x\"\n)]\n//! It knows x.";
        check(rule, "a/src/b.rs", attribute, &[]);
        check(rule, "a/tests/it/main.rs", "use x;", &[]);
    }

    #[test]
    fn unfinished_words_are_refused_in_code_and_prose() {
        let rule = no_unfinished_words;
        check(rule, "a/src/b.rs", "fn f() {\n    todo!()\n}", &[2]);
        check(rule, "a.md", "For now, this is\na Placeholder.", &[1, 2]);
        check(rule, "a/src/b.rs", "// before nowhere, todos, an unimplemented idea", &[]);
        check(rule, "Cargo.toml", "todo = \"warn\" # for now", &[]);
    }

    #[test]
    fn machine_paths_are_refused_wherever_they_start() {
        let rule = no_machine_paths;
        check(rule, "a.sh", "cd /root/x\ncp \"/home/x\" file:///work/y", &[1, 2, 2]);
        check(rule, "a.sh", "cd crates/home/src $X/work/y ../root/z", &[]);
    }

    #[test]
    fn a_function_in_the_facade_is_refused() {
        let rule = the_facade_has_no_functions;
        check(rule, "crates/moirai/src/lib.rs", "//! fn in a doc\n\npub fn f() {}", &[3]);
        check(rule, "crates/moirai-sync/src/lib.rs", "pub fn f() {}", &[]);
    }
}
