//! What the tree offers to show that a feature is done: tests, examples, bench cases.
//! Knows where each kind lives; must never know the list of features.

use std::collections::BTreeSet;

use super::table::Feature;
use crate::tidy::{self, Tree};

/// The tree, with its tests by name.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    tree: &'a Tree,
    tests: BTreeSet<String>,
}

impl<'a> Evidence<'a> {
    /// Collects the tests of `tree`: functions under an attribute whose path ends in `test`.
    pub(crate) fn of(tree: &'a Tree) -> Self {
        let mut tests = BTreeSet::new();
        for (_, source) in tree.sources() {
            let tokens = source.tokens();
            for index in 0..tokens.len() {
                let Some(attribute) = tidy::attribute_at(&tokens, index) else { continue };
                let path = tokens[attribute.body].iter().take_while(|token| token.text != "(");
                if path.last().is_some_and(|token| token.text == "test") {
                    let mut rest = tokens[attribute.end..].iter();
                    let name = rest.find(|token| token.text == "fn").and(rest.next());
                    tests.extend(name.map(|token| token.text.to_owned()));
                }
            }
        }
        Self { tree, tests }
    }

    /// Whether a test of this name is somewhere in the tree.
    pub(crate) fn has_test(&self, name: &str) -> bool {
        self.tests.contains(name)
    }

    /// What `feature` lacks to be called done.
    pub(crate) fn complaints(&self, feature: &Feature) -> Vec<String> {
        let mut complaints = Vec::new();
        if feature.tests.is_empty() {
            complaints.push("it names no test".to_owned());
        }
        for test in feature.tests.iter().filter(|test| !self.has_test(test)) {
            complaints.push(format!("no test is called `{test}`"));
        }
        complaints.extend(self.example_complaint(feature.example.as_deref()));
        if feature.bench.is_empty() {
            complaints.push("it names no bench case, nor \"none\"".to_owned());
        }
        complaints.extend(feature.bench.iter().filter_map(|case| self.bench_complaint(case)));
        complaints
    }

    fn example_complaint(&self, path: Option<&str>) -> Option<String> {
        let Some(path) = path else { return Some("it names no example".to_owned()) };
        let Some(text) = self.tree.text(path) else {
            return Some(format!("its example `{path}` does not exist"));
        };
        let shows = path.contains("/examples/") || text.contains("```");
        (!shows).then(|| format!("`{path}` is no example and its docs hold none"))
    }

    /// A suite is the file or the folder of its name in `bench/src`; a case is named there.
    fn bench_complaint(&self, bench: &str) -> Option<String> {
        if bench == "none" {
            return None;
        }
        let Some((suite, case)) = bench.split_once('/') else {
            return Some(format!("`{bench}` is not of the form `suite/case`"));
        };
        let (file, folder) = (format!("bench/src/{suite}.rs"), format!("bench/src/{suite}/"));
        let texts: Vec<_> = self
            .tree
            .files()
            .filter(|(path, _)| *path == file || path.starts_with(&folder))
            .collect();
        if texts.is_empty() {
            return Some(format!("there is no suite `{suite}`"));
        }
        let literal = format!("\"{case}\"");
        let found = texts.iter().any(|(_, text)| text.contains(&literal));
        (!found).then(|| format!("suite `{suite}` has no case `{case}`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_behind_every_test_attribute_and_nowhere_else() {
        let tree = Tree::of(&[(
            "a.rs",
            "#[test]\n#[should_panic]\nfn a() {}\n#[moirai::test(worker_threads = 2)]\n\
             async fn b() {}\n// #[test] fn c() {}\n#[cfg(test)]\nfn d() {}\nfn e() {}",
        )]);
        let evidence = Evidence::of(&tree);
        assert_eq!(evidence.tests.iter().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn an_example_is_a_program_or_a_documented_file() {
        let tree = Tree::of(&[("a/src/b.rs", "//! ```\n//! ```"), ("a/src/c.rs", "//! x")]);
        let evidence = Evidence::of(&tree);
        assert_eq!(evidence.example_complaint(Some("a/src/b.rs")), None);
        assert!(evidence.example_complaint(Some("a/src/c.rs")).is_some());
        assert!(evidence.example_complaint(None).is_some());
    }
}
