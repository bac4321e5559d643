//! Where the repository is, and which files belong to it. Knows no command.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository: the parent of this package.
pub(crate) fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Every file of the repository, relative to its root, with `/` between the parts, in order.
///
/// Asks git for what is tracked or could be (so that ignored build output stays out); outside a
/// checkout, for example in an unpacked archive, walks the folders instead.
pub(crate) fn files() -> io::Result<Vec<String>> {
    let root = root();
    let mut files = match listed_by_git(&root) {
        Some(files) => files,
        None => walked(&root)?,
    };
    files.retain(|file| root.join(file).is_file());
    files.sort();
    files.dedup();
    Ok(files)
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let listed = String::from_utf8(output.stdout).ok()?;
    let files: Vec<_> =
        listed.split('\0').filter(|file| !file.is_empty()).map(String::from).collect();
    // An archive unpacked inside somebody else's checkout lists nothing of ours.
    let ours = files.iter().any(|file| file == "xtask/Cargo.toml");
    (output.status.success() && ours).then_some(files)
}

fn walked(root: &Path) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_file() {
                files.push(path);
            } else if kind.is_dir() && !matches!(name.as_str(), ".git" | "target") {
                folders.push(path);
            }
        }
    }
    Ok(files)
}

/// Fails unless each of these is a function of some crate.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_tests_exist(names: impl Iterator<Item = impl AsRef<str>>) {
    let sources: String = files()
        .unwrap()
        .iter()
        .filter(|file| file.starts_with("crates/") && file.ends_with(".rs"))
        .map(|file| std::fs::read_to_string(root().join(file)).unwrap())
        .collect();
    for name in names {
        let name = name.as_ref();
        assert!(sources.contains(&format!("fn {name}(")), "no test is called `{name}`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn git_and_the_walk_both_find_this_file_and_no_build_output() {
        let root = root();
        let listings = [listed_by_git(&root), walked(&root).ok()];
        for files in listings.into_iter().flatten() {
            assert!(files.iter().any(|file| file == "xtask/src/repo.rs"));
            assert!(!files.iter().any(|file| file.starts_with("target/")));
        }
    }
}
