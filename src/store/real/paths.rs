//! Names: where a path leads, and what lies beside it.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Symlinks followed by hand before giving up, as the kernel does.
const MAX_LINKS: usize = 40;

/// The folder that holds `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

/// Makes the folder that holds `path`, and those above it, where they are missing.
pub fn make_folder_of(path: &Path) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))
}

/// See [`super::Storage::resolve`].
pub(super) fn resolve(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            done => return done,
        }
        let folder = fs::canonicalize(folder_of(&path))?;
        let Some(name) = path.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
        };
        let full = folder.join(name);
        match fs::read_link(&full) {
            Ok(target) => path = folder.join(target),
            Err(_) => return Ok(full), // it does not exist yet
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// See [`super::Storage::siblings`].
pub(super) fn siblings(path: &Path) -> io::Result<Vec<PathBuf>> {
    let Some(name) = path.file_name() else { return Ok(vec![]) };
    let mut found = vec![];
    for entry in fs::read_dir(folder_of(path))? {
        let entry = entry?;
        let starts = entry.file_name().as_bytes().starts_with(name.as_bytes());
        if starts && entry.file_type()?.is_file() {
            found.push(path.with_file_name(entry.file_name()));
        }
    }
    found.sort();
    Ok(found)
}
