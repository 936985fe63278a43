//! System calls that differ between systems. Linux has them all; elsewhere the next best is done.

use std::fs;
use std::io;
use std::ops::Range;
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

/// What a lock is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Nobody else has any.
    Exclusive,
    /// Others may have one such as well.
    Shared,
    /// None.
    Unlocked,
}

/// Takes a lock of an open file, or gives it up; `false` if another open file is in the way.
pub(super) fn try_lock(file: &fs::File, range: Range<u64>, lock: Lock) -> io::Result<bool> {
    match set_lock(file, range, lock) {
        Ok(()) => Ok(true),
        Err(e) => match e.raw_os_error() {
            Some(libc::EAGAIN | libc::EACCES) => Ok(false),
            _ => Err(e),
        },
    }
}

/// The words of the calls below for a range; without an end where that is the last there can be.
#[cfg(target_os = "linux")]
fn words(range: &Range<u64>, lock: Lock) -> libc::flock {
    let kind = match lock {
        Lock::Exclusive => libc::F_WRLCK,
        Lock::Shared => libc::F_RDLCK,
        Lock::Unlocked => libc::F_UNLCK,
    };
    let len = if range.end > i64::MAX as u64 { 0 } else { range.end - range.start };
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: range.start as libc::off_t,
        l_len: len as libc::off_t,
        l_pid: 0, // as the call demands
    }
}

/// An open-file-description lock: unlike the older POSIX lock it is not lost when some other
/// descriptor of the file is closed, and it excludes this process too.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // no crate at hand has these locks
fn set_lock(file: &fs::File, range: Range<u64>, lock: Lock) -> io::Result<()> {
    let words = words(&range, lock);
    // SAFETY: an open descriptor and a struct that lives through the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &words) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The first byte of the range that a lock of another open file covers; of several locks, any.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)] // as in `set_lock`
pub(super) fn locked_byte(file: &fs::File, range: Range<u64>) -> io::Result<Option<u64>> {
    let mut words = words(&range, Lock::Exclusive);
    // SAFETY: an open descriptor and a struct that lives through the call and is all its own.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &mut words) } {
        -1 => Err(io::Error::last_os_error()),
        _ if words.l_type == libc::F_UNLCK as libc::c_short => Ok(None),
        _ => Ok(Some((words.l_start as u64).max(range.start))),
    }
}

/// Not to be told without taking the lock, which a reader cannot.
#[cfg(not(target_os = "linux"))]
pub(super) fn locked_byte(_file: &fs::File, _range: Range<u64>) -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
fn set_lock(file: &fs::File, _range: Range<u64>, lock: Lock) -> io::Result<()> {
    use rustix::fs::{FlockOperation, flock};
    let exclusive = FlockOperation::NonBlockingLockExclusive;
    match lock {
        Lock::Exclusive => Ok(flock(file, exclusive)?),
        Lock::Unlocked => Ok(flock(file, FlockOperation::Unlock)?),
        // There are no locks of ranges that go with the open file.
        Lock::Shared => Err(io::ErrorKind::Unsupported.into()),
    }
}
