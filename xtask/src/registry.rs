//! The sources of others' packages, which cargo keeps on this machine, and copies of their files.
//! Knows no package and no command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cargo::Cargo;
use crate::failure::Failure;

/// The folder of `package`, a name and a version as `tokei-15.0.0`, on which the package of `manifest`
/// depends. Cargo fetches it if it is not there yet.
pub(crate) fn source_of(manifest: &str, package: &str) -> Result<PathBuf, Failure> {
    let metadata = Cargo::new(["metadata", "--manifest-path", manifest, "--locked"])
        .args(["--format-version", "1"])
        .output()?;
    folder_of(&metadata, package)
        .ok_or_else(|| Failure::Failed(format!("cargo does not know where {package} is")))
}

/// Every file below `folder`, relative to it, in order.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        let path = folder.join(&inner);
        for entry in fs::read_dir(&path).map_err(|error| failed("read", &path, &error))? {
            let entry = entry.map_err(|error| failed("read", &path, &error))?;
            let file = inner.join(entry.file_name());
            if entry.path().is_dir() { folders.push(file) } else { files.push(file) }
        }
    }
    files.sort();
    Ok(files)
}

/// The text of a file.
pub(crate) fn read(file: &Path) -> Result<String, Failure> {
    fs::read_to_string(file).map_err(|error| failed("read", file, &error))
}

/// Writes a file, and the folders that it lies in. One that says the same stays as it is, so that cargo
/// does not compile it again.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    if fs::read(file).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    let written = file.parent().map_or(Ok(()), fs::create_dir_all);
    written.and_then(|()| fs::write(file, text)).map_err(|error| failed("write", file, &error))
}

fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!("cannot {what} {}: {error}", path.display()))
}

/// Reads as much of the JSON as it needs for this.
fn folder_of(metadata: &str, package: &str) -> Option<PathBuf> {
    let manifests = metadata.split("\"manifest_path\":\"").skip(1);
    let manifests = manifests.filter_map(|rest| rest.split('"').next());
    let mut folders = manifests.filter_map(|manifest| {
        Some(PathBuf::from(manifest.replace("\\\\", "\\")).parent()?.into())
    });
    folders.find(|folder: &PathBuf| folder.file_name().is_some_and(|name| name == package))
}

/// Fails unless `manifest` depends on the version that `package` names, and on no other.
#[cfg(test)]
#[track_caller]
pub(crate) fn assert_pinned(manifest: &str, package: &str) {
    let manifest = read(&crate::repo::root().join(manifest)).unwrap();
    let (_, version) = package.rsplit_once('-').unwrap();
    assert!(manifest.contains(&format!("version = \"={version}\"")), "{version}");
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_folder_of_a_package_is_found_among_others() {
        let metadata = r#"{"packages":[{"manifest_path":"/r/crossbeam-utils-0.8.23/Cargo.toml"},
            {"manifest_path":"/r/crossbeam-channel-0.5.17/Cargo.toml","metadata":null}]}"#;
        let found = folder_of(metadata, "crossbeam-channel-0.5.17");
        assert_eq!(found.as_deref(), Some(Path::new("/r/crossbeam-channel-0.5.17")));
        assert_eq!(folder_of(metadata, "crossbeam-channel-0.5.1"), None);
    }

    #[test]
    fn what_says_the_same_is_not_written_again() {
        let folder = std::env::temp_dir().join(format!("xtask-registry-{}", std::process::id()));
        let file = folder.join("inner/file.rs");
        write(&file, "text").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let modified = || fs::metadata(&file).unwrap().modified().unwrap();
        write(&file, "text").unwrap();
        assert_eq!(
            (modified(), files(&folder).unwrap()),
            (UNIX_EPOCH, vec!["inner/file.rs".into()])
        );
        write(&file, "other").unwrap();
        assert_eq!(read(&file), Ok("other".to_owned()));
        fs::remove_dir_all(folder).unwrap();
    }
}
