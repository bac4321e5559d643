//! The floors of crates, read from their manifests. Knows how a `Cargo.toml` lists dependencies;
//! must never know a module.

use super::ranks::FLOORS;
use super::{Tree, Violation};

/// A crate depends on crates of lower floors only, also in its tests.
pub(crate) fn crates_depend_only_downward(tree: &Tree) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (path, text) in tree.files() {
        let Some(package) = package_of(path) else { continue };
        let Some(floor) = floor_of(package) else {
            violations.push(Violation::new(
                path,
                1,
                format!("crate `{package}` has no floor: add it to the table in `tidy/ranks.rs`"),
            ));
            continue;
        };
        for (line, name) in dependencies(text) {
            let above = floor_of(name).is_some_and(|other| other >= floor);
            let unknown = name.starts_with("moirai") && floor_of(name).is_none();
            if above || unknown {
                violations.push(Violation::new(
                    path,
                    line,
                    format!(
                        "`{package}` (floor {floor}) depends on `{name}`, which is not below it"
                    ),
                ));
            }
        }
    }
    violations
}

/// The package whose manifest lies at `path`. The folder carries the package's name.
fn package_of(path: &str) -> Option<&str> {
    let folder = path.strip_suffix("/Cargo.toml")?;
    let package = folder.strip_prefix("crates/").unwrap_or(folder);
    (package == "xtask" || package.len() < folder.len()).then_some(package)
}

fn floor_of(package: &str) -> Option<usize> {
    FLOORS.iter().find(|(name, _)| *name == package).map(|&(_, floor)| floor)
}

/// The dependencies in any `[..dependencies]` table, as (line, name).
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut listing = false;
    for (index, line) in manifest.lines().enumerate() {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            listing = table.ends_with("dependencies");
            let single = table.rsplit_once("dependencies.").map(|(_, name)| name);
            found.extend(single.map(|name| (index + 1, name)));
        } else if listing && !line.starts_with('#') {
            let end = line.find(|letter: char| !letter.is_alphanumeric() && !"-_".contains(letter));
            let name = &line[..end.unwrap_or(line.len())];
            found.extend((!name.is_empty()).then_some((index + 1, name)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, manifest: &str, lines: &[usize]) {
        let found = crates_depend_only_downward(&Tree::of(&[(path, manifest)]));
        let expected: Vec<_> = lines.iter().map(|line| format!("{path}:{line}:")).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.to_string().starts_with(&expected), "{found}");
        }
    }

    #[test]
    fn a_dependency_on_the_floor_above_is_refused() {
        let manifest = "[dependencies]\nmoirai-runtime.workspace = true\nlibc = \"1\"\n";
        check("crates/moirai-sync/Cargo.toml", manifest, &[2]);
        check("crates/moirai-pipeline/Cargo.toml", manifest, &[]);
    }

    #[test]
    fn every_kind_of_dependency_counts() {
        let manifest = "[target.'cfg(unix)'.dev-dependencies]\nmoirai = { path = \"x\" }\n\
                        [build-dependencies.moirai-cli]\npath = \"y\"\n";
        check("crates/moirai-runtime/Cargo.toml", manifest, &[2, 3]);
    }

    #[test]
    fn a_crate_outside_the_table_is_refused() {
        check("crates/moirai-net/Cargo.toml", "[package]\n", &[1]);
        check("crates/moirai/Cargo.toml", "[dependencies]\nmoirai-net = \"1\"\n", &[2]);
    }

    #[test]
    fn the_benchmarks_stand_outside() {
        check("bench/Cargo.toml", "[dependencies]\nmoirai = \"1\"\n", &[]);
    }
}
