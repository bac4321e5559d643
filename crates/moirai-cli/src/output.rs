//! A file that appears whole or not at all.
//!
//! ```text
//!   create ──► directory, and in it a temporary file (O_EXCL, random name)
//!     │            │ commit: mode, fsync, rename (RENAME_NOREPLACE without -f), fsync of the directory
//!     │            ▼
//!     │        target
//!     └─ dropped ──► temporary file removed, target as it was
//! ```
//! Streams and special files have no such thing: what was written to them is written. The temporary
//! file's *path* stays with [`Output`] while a copy of the handle goes into the pipeline, so that it can
//! be removed while a write is going on. [`Cleanup`] knows the path too, for an end of the process that
//! does not wait for the thread that has the [`Output`].

use crate::error::Error;
use crate::plan::{Replace, Target, standard_file};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;

/// Where a run writes to.
#[derive(Debug)]
pub struct Output {
    name: String,
    file: File,
    pending: Option<Pending>,
    cleanup: Cleanup,
}

/// A file that is not in place yet.
#[derive(Debug)]
struct Pending {
    temp: TempPath,
    /// The directory of `path`; none if it may be written to but not opened.
    directory: Option<File>,
    path: PathBuf,
    replace: Replace,
    mode: Option<u32>,
}

impl Output {
    /// Opens `target` for writing. A new file will have the permission bits `mode`, or those of any
    /// new file.
    ///
    /// # Errors
    ///
    /// [`Error::Create`].
    pub fn create(target: &Target, mode: Option<u32>, cleanup: Cleanup) -> Result<Self, Error> {
        let name = target.name();
        let create = |source| Error::Create { output: name.clone(), source };
        let (file, pending) = match target {
            Target::Stdout => (standard_file(&io::stdout()).map_err(create)?, None),
            Target::Special(path) => {
                (OpenOptions::new().write(true).open(path).map_err(create)?, None)
            }
            Target::File { path, replace } => {
                // Opened before any work: after the rename it is too late to fail.
                let directory = open_directory_of(path).map_err(create)?;
                let (file, temp) = cleanup.create(|| create_beside(path, mode)).map_err(create)?;
                let (path, replace) = (path.clone(), *replace);
                (file, Some(Pending { temp, directory, path, replace, mode }))
            }
        };
        Ok(Self { name, file, pending, cleanup })
    }

    /// The path, or what the standard output is called in messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A handle to write through.
    ///
    /// # Errors
    ///
    /// [`Error::Create`] if the process has too many open files.
    pub fn writer(&self) -> Result<File, Error> {
        let create = |source| Error::Create { output: self.name.clone(), source };
        self.file.try_clone().map_err(create)
    }

    /// Makes what was written durable, before it is put in place.
    ///
    /// # Errors
    ///
    /// [`Error::Write`], also for errors of writes long gone that the operating system kept back.
    pub fn sync(&self, bytes: u64) -> Result<(), Error> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let write = |source| Error::write(&self.name, bytes, source);
        if let Some(mode) = pending.mode {
            self.file.set_permissions(Permissions::from_mode(mode)).map_err(write)?;
        }
        self.file.sync_all().map_err(write)
    }

    /// Puts the file in place.
    ///
    /// # Errors
    ///
    /// [`Error::Exists`] if a file came there meanwhile and is not to be replaced; [`Error::Create`];
    /// [`Error::Directory`], with the file in place only if it replaced another.
    pub fn commit(self) -> Result<(), Error> {
        let Self { name, pending, cleanup, .. } = self;
        let Some(Pending { temp, directory, path, replace, .. }) = pending else { return Ok(()) };
        let place = || match replace {
            Replace::Yes => temp.persist(&path),
            Replace::No => temp.persist_noclobber(&path),
        };
        cleanup.place(|| place().map_err(|refused| refused.error)).map_err(|source| {
            let output = name.clone();
            match source.kind() {
                io::ErrorKind::AlreadyExists => Error::Exists { output },
                _ => Error::Create { output, source },
            }
        })?;
        let Err(source) = directory.map_or(Ok(()), |directory| sync_directory(&directory)) else {
            return Ok(());
        };
        let is_in_place = replace == Replace::Yes || fs::remove_file(&path).is_err();
        Err(Error::Directory { output: name, is_in_place, source })
    }
}

fn open_directory_of(path: &Path) -> io::Result<Option<File>> {
    match File::open(directory_of(path)) {
        // To write into a directory, no right to read it is needed.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        opened => opened.map(Some),
    }
}

/// Some file systems cannot sync a directory; the file is in place all the same.
fn sync_directory(directory: &File) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match directory.sync_all() {
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => Ok(()),
        synced => synced,
    }
}

fn create_beside(path: &Path, mode: Option<u32>) -> io::Result<(File, TempPath)> {
    // With a mode to come, nobody else gets to read the file before it is whole.
    let mode = if mode.is_some() { 0o600 } else { 0o666 };
    let temp = tempfile::Builder::new()
        .prefix(TEMP_PREFIX)
        .suffix(TEMP_SUFFIX)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory_of(path))?;
    Ok(temp.into_parts())
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// What must be gone when the process ends: shared by the thread that has the [`Output`], and those that end
/// the process without waiting for it.
#[derive(Clone, Debug, Default)]
pub struct Cleanup {
    state: Arc<Mutex<CleanupState>>,
}

#[derive(Debug, Default)]
struct CleanupState {
    temp: Option<PathBuf>,
    /// The process is about to end: no file may be made or put in place any more.
    has_run: bool,
}

impl Cleanup {
    /// Makes a temporary file with `create`, unless the end has come.
    fn create(
        &self,
        create: impl FnOnce() -> io::Result<(File, TempPath)>,
    ) -> io::Result<(File, TempPath)> {
        // Locked meanwhile: a file can be made before the end or not at all, but not be forgotten.
        let mut state = self.lock_before_end()?;
        let (file, temp) = create()?;
        state.temp = Some(temp.to_path_buf());
        Ok((file, temp))
    }

    /// Puts the temporary file in place, or removes it, with `place`, unless the end has come.
    fn place(&self, place: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut state = self.lock_before_end()?;
        let placed = place();
        state.temp = None;
        placed
    }

    /// Removes the temporary file, if there is one, and lets none come after it.
    pub fn run(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.has_run = true;
        if let Some(temp) = state.temp.take() {
            // There is nobody left to tell.
            let _ = fs::remove_file(temp);
        }
    }

    fn lock_before_end(&self) -> io::Result<MutexGuard<'_, CleanupState>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.has_run { Err(io::Error::other("the run is over")) } else { Ok(state) }
    }
}

/// What temporary files are called, so that one that `kill -9` left can be known for what it is.
const TEMP_PREFIX: &str = ".moirai-";
const TEMP_SUFFIX: &str = ".tmp";

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn names(directory: &Path) -> Vec<String> {
        let entry = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        fs::read_dir(directory).unwrap().map(|name| entry(name).into_string().unwrap()).collect()
    }

    fn create(path: &Path, replace: Replace) -> Output {
        let target = Target::File { path: path.to_owned(), replace };
        Output::create(&target, Some(0o640), Cleanup::default()).unwrap()
    }

    #[test]
    fn a_committed_file_has_its_content_and_mode_and_leaves_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let output = create(&path, Replace::No);
        output.writer().unwrap().write_all(b"whole").unwrap();
        assert!(!path.exists());
        output.sync(5).unwrap();
        output.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn a_dropped_output_leaves_nothing_and_the_old_file_intact() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        fs::write(&path, "old").unwrap();
        let output = create(&path, Replace::Yes);
        output.writer().unwrap().write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced_without_leave() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        let output = create(&path, Replace::No);
        fs::write(&path, "theirs").unwrap();
        assert!(matches!(output.commit(), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        create(&path, Replace::Yes).commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"");
        assert_eq!(names(directory.path()), ["out"]);
    }

    #[test]
    fn cleanup_removes_the_temporary_file_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let cleanup = Cleanup::default();
        let target = Target::File { path: directory.path().join("out"), replace: Replace::No };
        let output = Output::create(&target, None, cleanup.clone()).unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        cleanup.run();
        assert!(names(directory.path()).is_empty());
        assert!(matches!(output.commit(), Err(Error::Create { .. })), "nothing is put in place");
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn after_cleanup_no_temporary_file_is_made() {
        let directory = tempfile::tempdir().unwrap();
        let cleanup = Cleanup::default();
        cleanup.run();
        let target = Target::File { path: directory.path().join("out"), replace: Replace::No };
        assert!(Output::create(&target, None, cleanup).is_err());
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn a_new_file_whose_directory_cannot_be_synced_is_removed() {
        use rustix::fs::{Mode, OFlags, open};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        for (replace, is_left) in [(Replace::No, false), (Replace::Yes, true)] {
            let mut output = create(&path, replace);
            // Such a handle is for looking only.
            let handle = open(directory.path(), OFlags::PATH, Mode::empty()).unwrap();
            output.pending.as_mut().unwrap().directory = Some(handle.into());
            let failed = output.commit().unwrap_err();
            assert_eq!(failed.exit_code(), crate::error::exit::IO);
            assert_eq!(failed.to_string().contains("is in place"), is_left, "{failed}");
            assert_eq!(path.exists(), is_left);
        }
    }
}
