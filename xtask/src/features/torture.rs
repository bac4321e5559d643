//! The table of what has gone wrong elsewhere: each row names tests, and they are there.

use std::collections::BTreeSet;

use super::evidence::Evidence;
use crate::tidy::{Tree, Violation};

/// Everything that is wrong with the table.
pub(super) fn check(tree: &Tree, evidence: &Evidence<'_>) -> Vec<Violation> {
    let Some(text) = tree.text(TABLE) else {
        return vec![Violation::new(TABLE, 1, "the table is missing")];
    };
    let mut ids = BTreeSet::new();
    let mut violations = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(row) = line.strip_prefix("| T") else { continue };
        let mut complain = |what: String| violations.push(Violation::new(TABLE, index + 1, what));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let &[id, _, tests, without, _] = cells.as_slice() else {
            complain("a row has four cells".to_owned());
            continue;
        };
        if !ids.insert(id) {
            complain(format!("T{id} has two rows"));
        }
        if without.is_empty() {
            complain(format!("T{id} does not say what its tests fail without"));
        }
        // Between backticks.
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            complain(format!("T{id} names no test"));
        }
        for name in names.into_iter().filter(|name| !evidence.has_test(name)) {
            complain(format!("no test is called `{name}`"));
        }
    }
    violations
}

const TABLE: &str = "docs/torture.md";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rows(rows: &str, expected: &[&str]) {
        let text = format!("# Rows\n| id | wrong | tests | without |\n|---|---|---|---|\n{rows}");
        let tests = "#[test]\nfn it_holds() {}\n#[test]\nfn so_does_this() {}";
        let tree = Tree::of(&[(TABLE, &text), ("crates/a/tests/it/main.rs", tests)]);
        let found = check(&tree, &Evidence::of(&tree));
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rows_whose_tests_are_there_pass() {
        check_rows(
            "| T1 | lost (a 1) | `it_holds`, `so_does_this` | a fence |\n| T2 | b | `it_holds` | c |",
            &[],
        );
    }

    #[test]
    fn a_row_is_refused_for_each_thing_that_is_wrong() {
        for (row, what) in [
            ("| T1 | a | `gone` | b |", "no test is called `gone`"),
            ("| T1 | a | none yet | b |", "T1 names no test"),
            ("| T1 | a | `it_holds` | |", "T1 does not say what its tests fail without"),
            ("| T1 | a | `it_holds` |", "a row has four cells"),
        ] {
            check_rows(row, &[&format!("docs/torture.md:4: {what}")]);
        }
        let row = "| T1 | a | `it_holds` | b |\n";
        check_rows(&row.repeat(2), &["docs/torture.md:5: T1 has two rows"]);
    }
}
