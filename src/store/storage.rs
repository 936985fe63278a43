//! What the rest of the crate asks of a disk.
//!
//! The calls are as thin as the system's: a read or write may be short or interrupted, a sync may
//! fail and is then never repeated, and a new name lasts only once its folder was synced. The two
//! loops at the end are how callers get whole reads and writes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;

pub use super::map::WritableMap;

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// A new file, to read and write; `AlreadyExists` if the name is taken.
    CreateNew,
}

/// A place that holds files by name.
pub trait Storage: Send + Sync + fmt::Debug {
    /// `path`, absolute and with symlinks followed. The last component need not exist; if it is a
    /// dangling symlink, this is where it points.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf>;

    /// Opens a file; a folder is `IsADirectory`.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;

    /// True if something has this name.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Renames `from` to `to`; `AlreadyExists` if there is a `to`, which is then left alone.
    /// Atomic: no moment, and no power loss, leaves less than one of the names.
    fn publish(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a name. Open files and mappings keep their bytes.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The files in the same folder whose name starts with the file name of `path`, itself
    /// included, in order. Other databases may be among them: the caller knows its suffixes.
    fn siblings(&self, path: &Path) -> io::Result<Vec<PathBuf>>;

    /// Makes the names in the folder of `path` durable: what was created, published, removed.
    fn sync_dir_of(&self, path: &Path) -> io::Result<()>;
}

/// An open file. All offsets are absolute; there is no position.
#[allow(clippy::len_without_is_empty)] // `len` is a system call here, not a property
pub trait File: Send + Sync + fmt::Debug {
    /// Reads into `buf`: may be short, 0 only at the end, may be `Interrupted`.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes from `buf`: may be short, may be `Interrupted`.
    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Cuts the file, or grows it with a hole that reads as zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reserves space for a range and grows the file to its end; what is new reads as zeros. After
    /// an error the file may have grown by a part of it. A file system that cannot reserve only
    /// grows the file, and then [`File::map_writable`] gives `None`.
    fn allocate(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Gives the space of a range back; the length stays. The range then reads as zeros, or as
    /// before where the file system has no holes, so only free ranges may be punched.
    fn punch(&self, offset: u64, len: u64) -> io::Result<()>;

    /// Makes bytes and length durable (not the name: see [`Storage::sync_dir_of`]). After an error
    /// nobody knows what reached the disk, and a second call may wrongly succeed: never retry.
    fn sync(&self) -> io::Result<()>;

    /// A read-only view of a range within the file; `UnexpectedEof` if the file ends before it. It
    /// stays valid after the file grew, was closed or removed. The bytes must be sealed: no one
    /// may write or punch them while a view is alive.
    fn map(&self, offset: u64, len: usize) -> io::Result<Buffer>;

    /// A view to write through, with its space reserved so that a store cannot hit a full disk.
    /// `None` where that cannot be had: write with [`File::write_at`] instead. `offset` is a
    /// multiple of 4096.
    fn map_writable(&self, offset: u64, len: usize) -> io::Result<Option<WritableMap>>;

    /// Takes the exclusive lock on the file itself, whatever the name it was opened by; `false` if
    /// another handle holds it, in this process or another. The file must be open for writing. The
    /// lock goes with this handle or by [`File::unlock`]; views do not keep it.
    fn try_lock(&self) -> io::Result<bool>;

    /// True if another handle holds the lock, as far as that can be told without taking it.
    fn is_locked(&self) -> io::Result<bool> {
        Ok(self.locked_byte(0, WRITER_LOCK_END)?.is_some())
    }

    /// True if this is the file that has this name now.
    fn is_at(&self, path: &Path) -> io::Result<bool>;

    /// Gives the lock up before the handle goes. Nothing happens if it is not held.
    fn unlock(&self) -> io::Result<()>;

    /// Takes a lock on one byte at or past [`WRITER_LOCK_END`], which any number of handles may
    /// share. The file need not be open for writing. It goes with this handle, with its process, or
    /// by as many calls of [`File::unlock_byte`]; views do not keep it, nor do fork children.
    fn lock_byte(&self, at: u64) -> io::Result<()>;

    /// Gives up what one call of [`File::lock_byte`] took.
    fn unlock_byte(&self, at: u64) -> io::Result<()>;

    /// A byte in `from..to` that is locked: by another handle, or by this one's
    /// [`File::lock_byte`]. Any of them, if there are several.
    fn locked_byte(&self, from: u64, to: u64) -> io::Result<Option<u64>>;
}

/// The writer's lock covers the bytes before this one; those behind it, at which no file has
/// bytes, are for [`File::lock_byte`].
pub const WRITER_LOCK_END: u64 = 1 << 62;

/// Interruptions in a row before a loop gives up: far more than signals cause, and an end to it
/// when a file system (or a test) interrupts for ever.
const MAX_INTERRUPTS: u32 = 1000;

/// Fills `buf` from `offset`; `UnexpectedEof` if the file ends before it is full.
pub fn read_exact_at(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    match read_up_to(file, buf, offset)? == buf.len() {
        true => Ok(()),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Fills `buf` from `offset` as far as the file goes; returns how much there was.
pub fn read_up_to(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<usize> {
    let (mut done, mut interrupts) = (0, 0);
    while done < buf.len() {
        match file.read_at(&mut buf[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(n) => (done, interrupts) = (done + n, 0),
            Err(e) => retry_interrupted(e, &mut interrupts)?,
        }
    }
    Ok(done)
}

/// Writes all of `buf` at `offset`. After an error a prefix of it may have been written.
pub fn write_all_at(file: &dyn File, mut buf: &[u8], mut offset: u64) -> io::Result<()> {
    let mut interrupts = 0;
    while !buf.is_empty() {
        match file.write_at(buf, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => {
                buf = &buf[n..];
                offset += n as u64;
                interrupts = 0;
            }
            Err(e) => retry_interrupted(e, &mut interrupts)?,
        }
    }
    Ok(())
}

/// `Ok` if the call is to be made again.
#[cold]
fn retry_interrupted(error: io::Error, interrupts: &mut u32) -> io::Result<()> {
    *interrupts += 1;
    if error.kind() == io::ErrorKind::Interrupted && *interrupts < MAX_INTERRUPTS {
        Ok(())
    } else {
        Err(error)
    }
}

/// The end of a range, refused where it leaves what a file can hold.
pub(super) fn end_of(offset: u64, len: u64) -> io::Result<u64> {
    match offset.checked_add(len) {
        Some(end) if end <= i64::MAX as u64 => Ok(end),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the range leaves what a file holds")),
    }
}
