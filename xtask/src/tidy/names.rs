//! Names that say nothing. Knows the banned words and how a name falls into words.

use super::{Tree, Violation};

/// No type, module or file is called by a word that fits everything.
pub(crate) fn no_banned_names(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (file, source) in tree.sources() {
        for part in file.trim_end_matches(".rs").split('/') {
            violations.extend(complaint(part).map(|what| Violation::new(file, 1, what)));
        }
        let tokens = source.tokens();
        for pair in tokens.windows(2) {
            if DEFINES.contains(&pair[0].text) && pair[1].is_word() {
                let what = complaint(pair[1].text);
                violations.extend(what.map(|what| Violation::new(file, pair[1].line, what)));
            }
        }
    }
    violations
}

fn complaint(name: &str) -> Option<String> {
    if EXEMPT.contains(&name) {
        return None;
    }
    let word = words(name).into_iter().find(|word| BANNED.contains(&word.trim_end_matches('s')))?;
    Some(format!("`{name}`: `{word}` fits everything, so it says nothing; name what it does"))
}

/// `FooBar`, `foo_bar` and `foo-bar` are all `foo`, `bar`.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = '_';
    for letter in name.chars() {
        let starts = !letter.is_alphanumeric() || (letter.is_uppercase() && !before.is_uppercase());
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| letter.is_alphanumeric()) {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words
}

const DEFINES: [&str; 6] = ["struct", "enum", "trait", "type", "union", "mod"];

const BANNED: [&str; 10] = [
    "manager",
    "service",
    "impl",
    "helper",
    "util",
    "hybrid",
    "enhanced",
    "advanced",
    "universal",
    "smart",
];

/// Names that users of earlier versions know, kept as aliases.
const EXEMPT: [&str; 2] = ["TaskManager", "TransportManager"];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, code: &str, expected: &[&str]) {
        let found = no_banned_names(&Tree::of(&[(file, code)]));
        let found: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn types_modules_and_files_are_checked() {
        check("a/b.rs", "struct ThreadManager;", &["a/b.rs:1: `ThreadManager`: `manager`"]);
        check("a/b.rs", "\nmod task_utils {}", &["a/b.rs:2: `task_utils`: `utils`"]);
        check("a/b.rs", "pub(crate) enum SmartIOQueue {}", &["a/b.rs:1: `SmartIOQueue`: `smart`"]);
        check("a/helpers/b.rs", "", &["a/helpers/b.rs:1: `helpers`: `helpers`"]);
    }

    #[test]
    fn parts_of_words_values_and_known_aliases_are_free() {
        check("a/b.rs", "struct Implicit; fn impl_for(x: Service) {} impl X for Y {}", &[]);
        check("a/b.rs", "pub type TaskManager = Handle;", &[]);
    }
}
