//! `cargo xtask tokei`: a program that others wrote for rayon, ported by its `use` lines.
//!
//! The source of tokei's library is copied from the registry's folder on this machine into
//! `compat/tokei/`, all of it as it is but for the lines that import rayon's prelude. The package there
//! does not depend on rayon, so whatever else of it were named would not compile. A program counts the
//! lines of some folders with the copy and with the original, and compares all that they tell. Git
//! ignores the copies.

use std::path::{Path, absolute};

use crate::cargo::Cargo;
use crate::failure::Failure;
use crate::{registry, repo};

/// Counts the lines in these folders, or in the crates of this repository.
pub(crate) fn run(args: &[String]) -> Result<(), Failure> {
    if let Some(flag) = args.iter().find(|arg| arg.starts_with('-')) {
        return Err(Failure::unexpected("tokei", flag));
    }
    copy()?;
    let mut cargo = Cargo::new(["run", "--manifest-path", MANIFEST, "--locked"]).args([
        "--example",
        "compare",
        "--",
    ]);
    if args.is_empty() {
        cargo = cargo.args(["crates"]);
    }
    for folder in args {
        // Cargo runs in the root, the caller elsewhere.
        let folder = absolute(folder).map_err(|e| Failure::Failed(format!("{folder}: {e}")))?;
        cargo = cargo.args([folder.to_string_lossy()]);
    }
    cargo.run()
}

/// Copies the library, and rewrites what it imports of rayon.
fn copy() -> Result<(), Failure> {
    let source = registry::source_of(MANIFEST, ORIGINAL)?;
    let target = repo::root().join(PACKAGE);
    for file in ["build.rs", "languages.json"] {
        registry::write(&target.join(file), &registry::read(&source.join(file))?)?;
    }
    let mut rewritten = 0;
    for file in registry::files(&source.join("src"))? {
        if COMMAND_LINE.iter().any(|name| file == Path::new(name)) {
            continue;
        }
        let file = Path::new("src").join(file);
        let (text, lines) = port(&registry::read(&source.join(&file))?);
        registry::write(&target.join(&file), &text)?;
        rewritten += lines;
    }
    if rewritten == USES {
        return Ok(());
    }
    Err(Failure::Failed(format!("{ORIGINAL} has {rewritten} lines `{RAYON}`, expected {USES}")))
}

/// The text with its imports of rayon's prelude rewritten, and how many of them there are.
fn port(text: &str) -> (String, usize) {
    let lines = text.lines().filter(|line| *line == RAYON).count();
    // Where more of rayon is named, by its path.
    let named = text.matches("rayon::").count() > lines;
    let ours = if named { "use moirai::{self as rayon, par::*};" } else { "use moirai::par::*;" };
    let ported: Vec<&str> =
        text.split('\n').map(|line| if line == RAYON { ours } else { line }).collect();
    (ported.join("\n"), lines)
}

/// The version is pinned in the manifest; this is the same.
const ORIGINAL: &str = "tokei-15.0.0";
const PACKAGE: &str = "compat/tokei";
const MANIFEST: &str = "compat/tokei/Cargo.toml";

/// The line that is rewritten, and how many there are.
const RAYON: &str = "use rayon::prelude::*;";
const USES: usize = 3;

/// What belongs to the program, and not to the library.
const COMMAND_LINE: &[&str] = &["main.rs", "cli.rs", "cli_utils.rs", "input.rs"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_rewritten_but_the_import() {
        let text = |import| format!("//! On rayon.\n{import}\nfn f() {{}}\n");
        assert_eq!(port(&text(RAYON)), (text("use moirai::par::*;"), 1));
        assert_eq!(port(&text("use std::fs;")), (text("use std::fs;"), 0));
    }

    #[test]
    fn where_rayon_is_named_by_its_path_that_name_is_ours() {
        let (text, _) = port("use rayon::prelude::*;\nfn f() { rayon::join(g, h); }");
        assert_eq!(text, "use moirai::{self as rayon, par::*};\nfn f() { rayon::join(g, h); }");
    }

    #[test]
    fn the_version_is_the_one_in_the_manifest() {
        registry::assert_pinned(MANIFEST, ORIGINAL);
    }
}
