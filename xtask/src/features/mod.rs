//! `cargo xtask features`: what is promised, what is done, and what shows it.
//!
//! Knows which ids there are and what a feature called done must show. The file format is the
//! business of `table`, what the tree offers that of `evidence`.

mod evidence;
mod table;
mod torture;

use crate::failure::{Failure, no_arguments};
use crate::tidy::{Tree, Violation};
use evidence::Evidence;
use table::{Feature, Status};

/// Prints the table; fails if a feature called done does not show what it must.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    no_arguments("features", args)?;
    let tree = Tree::load().map_err(|error| {
        Failure::Failed(format!("cannot read the files of the repository: {error}"))
    })?;
    let features = tree.text(TABLE).map(table::parse).unwrap_or_else(|| Ok(Vec::new()));
    for feature in features.iter().flatten() {
        println!("{}", row(feature));
    }
    let mut violations = check(&tree);
    violations.extend(torture::check(&tree, &Evidence::of(&tree)));
    for violation in &violations {
        println!("{violation}");
    }
    if !violations.is_empty() {
        return Err(Failure::Failed(format!("{} things do not hold", violations.len())));
    }
    let all: Vec<_> = features.into_iter().flatten().collect();
    let done = all.iter().filter(|feature| feature.status == Status::Done).count();
    println!("\n{done} of {} done", all.len());
    Ok(())
}

fn row(feature: &Feature) -> String {
    let Feature { id, title, status, tests, example, bench, .. } = feature;
    match status {
        Status::Planned => format!("{id:<4} planned  {title}"),
        Status::Done => {
            let example = example.as_deref().unwrap_or("no example");
            let tests = tests.len();
            format!(
                "{id:<4} done     {title}\n               tests {tests} · {example} · bench {}",
                bench.join(", "),
            )
        }
    }
}

/// Everything that is wrong with the table, or with a feature that it calls done.
fn check(tree: &Tree) -> Vec<Violation> {
    let Some(text) = tree.text(TABLE) else {
        return vec![Violation::new(TABLE, 1, "the table of features is missing")];
    };
    let features = match table::parse(text) {
        Ok(features) => features,
        Err(table::Error { line, what }) => return vec![Violation::new(TABLE, line, what)],
    };
    let mut violations = missing_or_unknown(&features);
    let evidence = Evidence::of(tree);
    for feature in features.iter().filter(|feature| feature.status == Status::Done) {
        let complaints = evidence.complaints(feature);
        violations.extend(complaints.into_iter().map(|what| {
            Violation::new(TABLE, feature.line, format!("{} is not done: {what}", feature.id))
        }));
    }
    violations
}

/// The ids must be exactly those of `SECTIONS`, in order, so that none is dropped in silence.
fn missing_or_unknown(features: &[Feature]) -> Vec<Violation> {
    let expected = SECTIONS
        .iter()
        .flat_map(|&(section, count)| (1..=count).map(move |number| format!("{section}{number}")));
    let mut listed = features.iter();
    for id in expected {
        match listed.next() {
            Some(feature) if feature.id == id => {}
            other => {
                let line = other.map_or(1, |feature| feature.line);
                return vec![Violation::new(TABLE, line, format!("`[{id}]` belongs here"))];
            }
        }
    }
    let extra = listed.map(|feature| {
        Violation::new(TABLE, feature.line, format!("no feature is called `{}`", feature.id))
    });
    extra.collect()
}

const TABLE: &str = "docs/features.toml";

/// The sections of the feature list and how many features each has.
const SECTIONS: [(char, usize); 10] = [
    ('A', 19),
    ('B', 7),
    ('C', 7),
    ('D', 5),
    ('E', 3),
    ('F', 20),
    ('G', 6),
    ('H', 9),
    ('I', 4),
    ('J', 5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_called_done_shows_it() {
        let violations = check(&Tree::load().unwrap());
        let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "{}", list.join("\n"));
    }

    #[test]
    fn what_has_gone_wrong_elsewhere_has_its_tests() {
        let tree = Tree::load().unwrap();
        let violations = torture::check(&tree, &Evidence::of(&tree));
        let list: Vec<_> = violations.iter().map(ToString::to_string).collect();
        assert!(list.is_empty(), "{}", list.join("\n"));
    }

    /// A table of all ids, planned but for those in `done`.
    fn table_with(done: &[(&str, &str)]) -> String {
        let mut text = String::new();
        for (section, count) in SECTIONS {
            for number in 1..=count {
                let id = format!("{section}{number}");
                let planned = "status = \"planned\"";
                let keys = done.iter().find(|(name, _)| *name == id).map_or(planned, |(_, k)| k);
                text.push_str(&format!("[{id}]\ntitle = \"t\"\n{keys}\n"));
            }
        }
        text
    }

    #[track_caller]
    fn check_table(table: &str, expected: &[&str]) {
        let tree = Tree::of(&[
            (TABLE, table),
            ("crates/a/tests/it/main.rs", "#[test]\nfn it_holds() {}\nfn no_test() {}"),
            ("crates/a/examples/hello.rs", "//! x"),
            ("bench/src/exec.rs", "const CASE: &str = \"flat\";"),
        ]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    const SHOWN: &str = "status = \"done\"\ntests = [\"it_holds\"]\n\
                         example = \"crates/a/examples/hello.rs\"\nbench = [\"exec/flat\"]";

    #[test]
    fn a_done_feature_that_shows_everything_passes() {
        check_table(&table_with(&[]), &[]);
        check_table(&table_with(&[("A1", SHOWN)]), &[]);
        check_table(&table_with(&[("A1", &SHOWN.replace("[\"exec/flat\"]", "\"none\""))]), &[]);
    }

    #[test]
    fn a_done_feature_fails_for_each_thing_that_is_missing() {
        for (from, to, what) in [
            ("it_holds", "it_fails", "no test is called `it_fails`"),
            ("it_holds", "no_test", "no test is called `no_test`"),
            ("[\"it_holds\"]", "[]", "it names no test"),
            ("hello.rs", "gone.rs", "its example `crates/a/examples/gone.rs` does not exist"),
            ("exec/flat", "exec/gone", "suite `exec` has no case `gone`"),
            ("exec/flat", "join/flat", "there is no suite `join`"),
            ("bench = [\"exec/flat\"]", "", "it names no bench case, nor \"none\""),
        ] {
            let table = table_with(&[("A1", &SHOWN.replace(from, to))]);
            check_table(&table, &[&format!("docs/features.toml:1: A1 is not done: {what}")]);
        }
    }

    #[test]
    fn no_id_is_dropped_doubled_or_invented() {
        let all = table_with(&[]);
        let dropped = all.replace("[A2]\ntitle = \"t\"\nstatus = \"planned\"\n", "");
        check_table(&dropped, &["docs/features.toml:4: `[A2]` belongs here"]);
        let more = all + "[K1]\ntitle = \"t\"\nstatus = \"planned\"\n";
        check_table(&more, &["docs/features.toml:256: no feature is called `K1`"]);
    }

    #[test]
    fn a_table_that_cannot_be_read_is_one_complaint() {
        check_table(
            "[A1]\nstatus = \"almost\"\n",
            &["docs/features.toml:2: a status is \"planned\" or \"done\", not \"almost\""],
        );
    }
}
