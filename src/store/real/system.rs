//! System calls that differ between systems. Linux has them all; elsewhere the next best is done.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::Path;

#[cfg(target_os = "linux")]
use rustix::fs::FallocateFlags;

/// True if the call is not one that this file system, or system, knows.
pub(super) fn is_unsupported(error: &io::Error) -> bool {
    const CODES: [i32; 4] = [libc::EOPNOTSUPP, libc::ENOTSUP, libc::ENOSYS, libc::EINVAL];
    error.kind() == io::ErrorKind::Unsupported
        || error.raw_os_error().is_some_and(|code| CODES.contains(&code))
}

/// Renames, unless `to` exists.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(io::Error::from) {
            Err(e) if is_unsupported(&e) => {}
            done => return done,
        }
    }
    // A moment with both names is no harm: the first is a stale temporary of the same file.
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// Moves a descriptor out of 0 to 2: where a program closed those, the next thing printed would
/// go into the database.
pub(super) fn above_standard_streams(file: fs::File) -> io::Result<fs::File> {
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    Ok(fs::File::from(rustix::io::fcntl_dupfd_cloexec(&file, 3)?))
}

/// Reserves space for a range, and lets the file grow to its end.
#[cfg(target_os = "linux")]
pub(super) fn reserve(fd: BorrowedFd<'_>, offset: u64, len: u64) -> io::Result<()> {
    fallocate(fd, FallocateFlags::empty(), offset, len)
}

/// Frees the space of a range.
#[cfg(target_os = "linux")]
pub(super) fn punch(fd: BorrowedFd<'_>, offset: u64, len: u64) -> io::Result<()> {
    fallocate(fd, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len)
}

#[cfg(target_os = "linux")]
fn fallocate(fd: BorrowedFd<'_>, mode: FallocateFlags, offset: u64, len: u64) -> io::Result<()> {
    if len == 0 {
        return Ok(()); // the system would call it invalid
    }
    // What an interrupted call has reserved stays, so that repeating it comes to an end.
    Ok(rustix::io::retry_on_intr(|| rustix::fs::fallocate(fd, mode, offset, len))?)
}

/// True for file systems that overwrite in place: there a reserved range can always be stored to.
/// The others (copy-on-write, network) may find the disk full at each store.
#[cfg(target_os = "linux")]
pub(super) fn reserves_space(fd: BorrowedFd<'_>) -> bool {
    const EXT: i64 = 0xEF53; // ext2, ext3, ext4
    const XFS: i64 = 0x5846_5342;
    const TMPFS: i64 = 0x0102_1994;
    #[allow(clippy::unnecessary_cast)] // the type differs between architectures
    rustix::fs::fstatfs(fd).is_ok_and(|fs| [EXT, XFS, TMPFS].contains(&(fs.f_type as i64)))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserve(_fd: BorrowedFd<'_>, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn punch(_fd: BorrowedFd<'_>, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reserves_space(_fd: BorrowedFd<'_>) -> bool {
    false
}

/// Takes the exclusive lock of an open file; `false` if another open file holds it.
pub(super) fn try_lock(file: &fs::File) -> io::Result<bool> {
    match set_lock(file, true) {
        Ok(()) => Ok(true),
        Err(e) => match e.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(e),
        },
    }
}

/// Gives the lock of an open file up.
pub(super) fn unlock(file: &fs::File) -> io::Result<()> {
    set_lock(file, false)
}

/// An open-file-description lock over the whole file: unlike the older POSIX lock it is not lost
/// when some other descriptor of the file is closed, and it excludes this process too.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // no crate at hand has these locks
fn set_lock(file: &fs::File, exclusive: bool) -> io::Result<()> {
    let kind = if exclusive { libc::F_WRLCK } else { libc::F_UNLCK };
    let range = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0, // to the end, wherever that will be
        l_pid: 0, // as the call demands
    };
    // SAFETY: an open descriptor and a struct that lives through the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &range) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// True if another open file holds the exclusive lock.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // as in `set_lock`
pub(super) fn is_locked(file: &fs::File) -> io::Result<bool> {
    let mut range = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: an open descriptor and a struct that lives through the call and is all its own.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &mut range) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(range.l_type != libc::F_UNLCK as libc::c_short),
    }
}

/// Not to be told without taking the lock, which a reader cannot.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_locked(_file: &fs::File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(not(target_os = "linux"))]
fn set_lock(file: &fs::File, exclusive: bool) -> io::Result<()> {
    use rustix::fs::{FlockOperation, flock};
    let lock = FlockOperation::NonBlockingLockExclusive;
    Ok(flock(file, if exclusive { lock } else { FlockOperation::Unlock })?)
}
