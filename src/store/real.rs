//! Files of the operating system.
//!
//! Two things are less plain than they look. A mapping keeps its open file alive, and with it any
//! lock on that open file: an Arrow buffer, or a fork child, would hold the lock of a database long
//! closed. So the lock is taken through a second opening of the same file that is never mapped.
//! And a fork child must keep no descriptor, so that all are opened through `GuardedFile`.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;
use parking_lot::Mutex;

use super::fork::{GuardedFile, file_of};
use super::map::{ReadMap, WritableMap};
use super::storage::{File, OpenMode, Storage, WRITER_LOCK_END, end_of};

mod paths;
pub use paths::make_folder_of;
mod system;
use system::Lock;

/// The file system of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealStorage;

impl Storage for RealStorage {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        paths::resolve(path)
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        Ok(Arc::new(RealFile::open(path, mode)?))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        system::rename_new(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn siblings(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        paths::siblings(path)
    }

    fn sync_dir_of(&self, path: &Path) -> io::Result<()> {
        let folder = fs::File::open(paths::folder_of(path))?;
        match folder.sync_all() {
            // Some network and foreign file systems cannot sync a folder, and need not.
            Err(e) if system::is_unsupported(&e) => Ok(()),
            done => done,
        }
    }
}

/// An open file of the operating system.
pub(super) struct RealFile {
    path: PathBuf,
    file: GuardedFile,
    writable: bool,
    locks: Mutex<Locks>,
    /// The mapping that views are cut from; older ones live on in their views.
    view: Mutex<Option<Arc<ReadMap>>>,
}

/// What is locked.
#[derive(Default)]
struct Locks {
    /// The opening that holds the locks, once there was one.
    file: Option<GuardedFile>,
    /// How many times each byte was locked.
    bytes: BTreeMap<u64, usize>,
}

impl RealFile {
    pub(super) fn open(path: &Path, mode: OpenMode) -> io::Result<Self> {
        let file = GuardedFile::open(|| open_file(path, mode))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            writable: mode != OpenMode::Read,
            locks: Mutex::default(),
            view: Mutex::new(None),
        })
    }

    #[cfg(test)]
    pub(super) fn descriptors(&self) -> Vec<i32> {
        let lock = self.locks.lock().file.as_ref().map(|file| file.as_raw_fd());
        [self.file.as_raw_fd()].into_iter().chain(lock).collect()
    }

    /// The opening that holds the locks.
    fn lock_file<'a>(&self, locks: &'a mut Locks) -> io::Result<&'a fs::File> {
        if locks.file.is_none() {
            locks.file = Some(self.open_again()?);
        }
        locks.file.as_deref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Another opening of the same file, for the locks.
    fn open_again(&self) -> io::Result<GuardedFile> {
        let mode = if self.writable { OpenMode::Write } else { OpenMode::Read };
        let again = GuardedFile::open(|| {
            // The first finds the file under any name it has by now; the second needs no `/proc`.
            let by_number = PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()));
            if cfg!(target_os = "linux") {
                match open_file(&by_number, mode) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                    opened => return opened,
                }
            }
            open_file(&self.path, mode)
        })?;
        if file_of(again.as_raw_fd()) != file_of(self.file.as_raw_fd()) {
            return Err(io::Error::other("the file was replaced while it was being locked"));
        }
        Ok(again)
    }

    /// A mapping that reaches `end`, which the file of `file_len` bytes does.
    fn view_to(&self, end: usize, file_len: usize) -> io::Result<Arc<ReadMap>> {
        let mut view = self.view.lock();
        if let Some(map) = view.as_ref().filter(|map| end <= map.len()) {
            return Ok(Arc::clone(map));
        }
        // Room to grow costs address space only; where that is short, do without.
        let roomy = file_len.saturating_add(file_len.max(MIN_ROOM));
        let map = Arc::new(match ReadMap::new(&self.file, roomy) {
            Ok(map) if cfg!(target_pointer_width = "64") => map,
            _ => ReadMap::new(&self.file, file_len)?,
        });
        *view = Some(Arc::clone(&map));
        Ok(map)
    }

    /// Checks a range against the file's end and gives both as addresses: `(end, length)`.
    fn within(&self, offset: u64, len: usize) -> io::Result<(usize, usize)> {
        let (end, file_len) = (end_of(offset, len as u64)?, self.len()?);
        if end > file_len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match (usize::try_from(end), usize::try_from(file_len)) {
            (Ok(end), Ok(file_len)) => Ok((end, file_len)),
            _ => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }
}

/// The least growth that a mapping leaves room for.
const MIN_ROOM: usize = 16 << 20;

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.file.write_at(buf, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = end_of(offset, len)?;
        match system::reserve(self.file.as_fd(), offset, len) {
            Err(e) if system::is_unsupported(&e) && self.len()? < end => self.set_len(end),
            Err(e) if system::is_unsupported(&e) => Ok(()),
            done => done,
        }
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        end_of(offset, len)?;
        match system::punch(self.file.as_fd(), offset, len) {
            Err(e) if system::is_unsupported(&e) => Ok(()),
            done => done,
        }
    }

    fn sync(&self) -> io::Result<()> {
        // The standard library repeats this when a signal interrupts it. That is no retry of a
        // failure: an error of the device is told first, and an interruption consumes none.
        self.file.sync_data()
    }

    fn map(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        let (end, file_len) = self.within(offset, len)?;
        if len == 0 {
            return Ok(Buffer::from_vec(Vec::<u8>::new()));
        }
        Ok(self.view_to(end, file_len)?.view(end - len, len))
    }

    fn map_writable(&self, offset: u64, len: usize) -> io::Result<Option<WritableMap>> {
        if !offset.is_multiple_of(4096) || len == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a range of pages"));
        }
        self.within(offset, len)?;
        if !system::reserves_space(self.file.as_fd()) {
            return Ok(None);
        }
        // Reserved here, whatever was done before: a store into a hole of a full disk is a SIGBUS.
        match system::reserve(self.file.as_fd(), offset, len as u64) {
            Err(e) if system::is_unsupported(&e) => Ok(None),
            Err(e) => Err(e),
            Ok(()) => WritableMap::new(&self.file, offset, len).map(Some),
        }
    }

    fn try_lock(&self) -> io::Result<bool> {
        if !self.writable {
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        }
        let mut locks = self.locks.lock();
        let file = self.lock_file(&mut locks)?;
        system::try_lock(file, 0..WRITER_LOCK_END, Lock::Exclusive)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let this = self.file.metadata()?;
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            other => other.map(|other| (this.dev(), this.ino()) == (other.dev(), other.ino())),
        }
    }

    fn unlock(&self) -> io::Result<()> {
        // Told to the system before the close: a child between fork and exec may have a copy of
        // the descriptor for a moment, which the close alone would leave with the lock.
        match &self.locks.lock().file {
            Some(file) => system::try_lock(file, 0..WRITER_LOCK_END, Lock::Unlocked).map(|_| ()),
            None => Ok(()),
        }
    }

    fn lock_byte(&self, at: u64) -> io::Result<()> {
        let mut locks = self.locks.lock();
        let file = self.lock_file(&mut locks)?;
        if !system::try_lock(file, at..at + 1, Lock::Shared)? {
            return Err(io::Error::from_raw_os_error(libc::EAGAIN));
        }
        *locks.bytes.entry(at).or_default() += 1;
        Ok(())
    }

    fn unlock_byte(&self, at: u64) -> io::Result<()> {
        let mut locks = self.locks.lock();
        let Locks { file: Some(file), bytes } = &mut *locks else { return Ok(()) };
        match bytes.get_mut(&at) {
            Some(times) if *times > 1 => {
                *times -= 1;
                Ok(())
            }
            Some(_) => {
                bytes.remove(&at);
                system::try_lock(file, at..at + 1, Lock::Unlocked).map(|_| ())
            }
            None => Ok(()),
        }
    }

    fn locked_byte(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        system::locked_byte(&self.file, from..to)
    }
}

impl Drop for RealFile {
    fn drop(&mut self) {
        // As in `unlock`. In a fork child this is `/dev/null` and the parent keeps its lock.
        if let Some(file) = self.locks.get_mut().file.take() {
            let _ = system::try_lock(&file, 0..u64::MAX, Lock::Unlocked);
        }
    }
}

impl fmt::Debug for RealFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RealFile({})", self.path.display())
    }
}

/// The system's own error, with its number.
fn is_a_folder() -> io::Error {
    io::Error::from_raw_os_error(libc::EISDIR)
}

/// Opens a regular file, and nothing that only looks like one.
fn open_file(path: &Path, mode: OpenMode) -> io::Result<fs::File> {
    let file = fs::OpenOptions::new()
        .read(true)
        .write(mode != OpenMode::Read)
        .create_new(mode == OpenMode::CreateNew)
        // Without the first, opening a pipe would wait for its other end.
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists if path.is_dir() => is_a_folder(),
            _ => e,
        })?;
    let kind = file.metadata()?;
    if kind.is_dir() {
        return Err(is_a_folder());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    system::above_standard_streams(file)
}
