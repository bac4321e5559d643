//! The files of the repository in memory, and the shape of a complaint. Knows no rule.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use super::source::Source;
use crate::repo;

/// Every text file of the repository, by its path relative to the root.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
}

impl Tree {
    /// Reads the repository. Files that are not UTF-8 are left out.
    pub(crate) fn load() -> io::Result<Self> {
        let root = repo::root();
        let mut tree = Self::default();
        for path in repo::files()? {
            match std::fs::read_to_string(root.join(&path)) {
                Ok(text) => tree.insert(path, text),
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                Err(error) => return Err(error),
            }
        }
        Ok(tree)
    }

    /// A tree of samples, for the tests of the rules.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.insert((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    fn insert(&mut self, path: String, text: String) {
        if path.ends_with(".rs") {
            self.sources.insert(path.clone(), Source::parse(&path, &text));
        }
        self.files.insert(path, text);
    }

    /// Every file with its text, in order of its path.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every Rust file, taken apart, in order of its path.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &Source)> {
        self.sources.iter().map(|(path, source)| (path.as_str(), source))
    }
}

/// One place that breaks one rule.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    path: String,
    line: usize,
    what: String,
}

impl Violation {
    /// A complaint about `line` (counted from 1) of `path`: what is wrong, and why it is.
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_reads_as_path_line_and_reason() {
        let violation = Violation::new("a/b.rs", 3, "too clever, because nobody reads it");
        assert_eq!(violation.to_string(), "a/b.rs:3: too clever, because nobody reads it");
    }
}
