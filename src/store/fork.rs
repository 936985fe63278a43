//! What a fork must not hand to the child: file descriptors and the right to write.
//!
//! A lock belongs to the open file, which a child shares: were the parent killed, a child that
//! never heard of the database would hold its lock. So every descriptor of this crate is in a
//! registry, and in a child each is replaced by `/dev/null` before `fork` returns: the number
//! stays taken, and closing the inherited handle later closes nothing else. A generation count
//! moves as well, by which handles know that they were inherited.
//!
//! The registry's mutex is held across the fork: `prepare` takes it, `parent` and `child` give it
//! back. So no other thread is between opening a file and noting it, or the reverse, when the
//! child gets its copy. It is the standard library's mutex because its release is an atomic store
//! and at most one system call, fit for a child in which all other threads are gone
//! (`parking_lot`'s may visit a table of waiters that one of those had locked). The child calls
//! async-signal-safe functions only and allocates nothing.

use std::cell::UnsafeCell;
use std::fs;
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ops::Deref;
use std::os::fd::{AsRawFd, RawFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

static GENERATION: AtomicU32 = AtomicU32::new(0);
static REGISTRY: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static HELD: HeldAcrossFork = HeldAcrossFork(UnsafeCell::new(None));

/// Counts the forks between the first process that opened a file and this one. A handle that
/// remembers another value was inherited and must refuse to work.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Counts forks from now on, for who opens no file.
pub fn count_from_now() {
    // Without handlers there is nothing to count by: the system has no memory left.
    let _ = install_handlers();
}

/// A registered descriptor, with the file it is of: should someone have closed it behind our back
/// and opened another under its number, the child leaves that one alone.
#[derive(Clone, Copy)]
struct Entry {
    fd: RawFd,
    file: (libc::dev_t, libc::ino_t),
}

/// An open file that fork children do not keep.
#[derive(Debug)]
pub(super) struct GuardedFile(ManuallyDrop<fs::File>);

impl GuardedFile {
    /// Opens a file by `open` such that no fork falls between the opening and its note.
    pub(super) fn open(open: impl FnOnce() -> io::Result<fs::File>) -> io::Result<Self> {
        install_handlers()?;
        let mut registry = lock_registry();
        let file = open()?;
        let fd = file.as_raw_fd();
        registry.push(Entry { fd, file: file_of(fd).ok_or_else(io::Error::last_os_error)? });
        Ok(Self(ManuallyDrop::new(file)))
    }
}

impl Deref for GuardedFile {
    type Target = fs::File;

    #[inline]
    fn deref(&self) -> &fs::File {
        &self.0
    }
}

impl Drop for GuardedFile {
    #[allow(unsafe_code)] // the file must be closed before the registry is unlocked
    fn drop(&mut self) {
        let mut registry = lock_registry();
        let fd = self.0.as_raw_fd();
        // An inherited file is in no registry, and its number is still taken by `/dev/null`.
        if let Some(i) = registry.iter().position(|entry| entry.fd == fd) {
            registry.swap_remove(i);
        }
        // SAFETY: dropped here once, and not used after.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}

fn lock_registry() -> MutexGuard<'static, Vec<Entry>> {
    // Nothing panics between a change and its end, so a poisoned registry is whole.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The registry's guard, from `prepare` to `parent` and `child`.
struct HeldAcrossFork(UnsafeCell<Option<MutexGuard<'static, Vec<Entry>>>>);

#[allow(unsafe_code)] // a guard cannot travel between two callbacks but by a static
// SAFETY: the cell is touched only while the registry's mutex is held, by the thread that forks:
// that thread runs all three handlers (in the child it is the only one), so the guard never
// changes threads either.
unsafe impl Sync for HeldAcrossFork {}

#[allow(unsafe_code)] // pthread_atfork is a C function
fn install_handlers() -> io::Result<()> {
    static INSTALLED: OnceLock<i32> = OnceLock::new();
    let code = *INSTALLED.get_or_init(|| {
        // SAFETY: the three handlers are functions of this module and live as long as the program.
        unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) }
    });
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}

#[allow(unsafe_code)] // see `HeldAcrossFork`
extern "C" fn prepare() {
    let guard = lock_registry();
    // SAFETY: the mutex is held, so nobody else is at the cell.
    unsafe { *HELD.0.get() = Some(guard) };
}

#[allow(unsafe_code)] // see `HeldAcrossFork`
extern "C" fn parent() {
    // SAFETY: the mutex is held since `prepare`. The guard is taken out before its drop unlocks.
    drop(unsafe { (*HELD.0.get()).take() });
}

#[allow(unsafe_code)] // see `HeldAcrossFork`
extern "C" fn child() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the mutex is held since `prepare`, by this thread, the only one there is.
    let guard = unsafe { (*HELD.0.get()).take() };
    if let Some(mut registry) = guard {
        replace_by_null(&registry);
        registry.clear(); // keeps its memory: nothing is freed here
    }
}

/// Puts `/dev/null` under every number that is still ours.
#[allow(unsafe_code)] // raw descriptors: the owners' handles must not notice
fn replace_by_null(entries: &[Entry]) {
    let ours = |entry: &&Entry| file_of(entry.fd) == Some(entry.file);
    let Some(first) = entries.iter().find(ours) else { return };
    let mut null = open_null();
    if null < 0 {
        // Out of descriptors, perhaps: the first number is to be given up in any case.
        // SAFETY: the number is ours; a null device will be put there if one can be had.
        unsafe { libc::close(first.fd) };
        null = open_null();
    }
    let mut taken = false;
    for entry in entries {
        if entry.fd == null {
            taken = true;
        } else if entry.fd == first.fd || ours(&entry) {
            // Without a null device the number is freed: that the lock goes matters most.
            // SAFETY: plain calls on numbers that are ours.
            unsafe { if null >= 0 { duplicate(null, entry.fd) } else { libc::close(entry.fd) } };
        }
    }
    if null >= 0 && !taken {
        // SAFETY: opened above and used under no other number.
        unsafe { libc::close(null) };
    }
}

#[allow(unsafe_code)] // fit for a fork child, which std does not promise
fn open_null() -> RawFd {
    // SAFETY: a terminated string and no memory but that.
    unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC) }
}

/// `dup2` that keeps close-on-exec.
///
/// # Safety
/// `to` must be a number that the caller may replace.
#[allow(unsafe_code)] // see `replace_by_null`
unsafe fn duplicate(from: RawFd, to: RawFd) -> i32 {
    #[cfg(target_os = "linux")]
    // SAFETY: the caller's promise.
    return unsafe { libc::dup3(from, to, libc::O_CLOEXEC) };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: the caller's promise.
    return unsafe { libc::dup2(from, to).min(libc::fcntl(to, libc::F_SETFD, libc::FD_CLOEXEC)) };
}

/// Which file a descriptor is of; `None` if it is closed.
#[allow(unsafe_code)] // fit for a fork child, which std does not promise
pub(super) fn file_of(fd: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: `stat` is room for one; it is read only if the call says that it was filled.
    unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return None;
        }
        let stat = stat.assume_init();
        Some((stat.st_dev, stat.st_ino))
    }
}
