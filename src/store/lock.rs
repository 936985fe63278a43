//! The writer's lock: one writer for a file, whatever the name it was opened by.
//!
//! The lock is on the file itself and goes with its holder, killed or not. A note in the file's
//! third page says who that is. The note is for the message only and is never trusted: it may be
//! stale, or from another container.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::fork;
use super::storage::{File, read_exact_at, write_all_at};
use crate::{Error, ErrorKind, Result};

/// Where the note is: after the two pages of header slots.
pub const NOTE_OFFSET: u64 = 8192;
/// Magic and process id, each a little-endian `u32`.
pub const NOTE_LEN: usize = 8;
/// The note when nobody writes: `CHLw` and no process. A new file should hold it.
pub const NOTE_EMPTY: [u8; NOTE_LEN] = *b"CHLw\0\0\0\0";

/// The right to write to a database, until dropped.
#[derive(Debug)]
pub struct WriterLock {
    file: Arc<dyn File>,
    generation: u32,
}

impl WriterLock {
    /// Takes the lock of `file`, open for writing. If another holds it, this is
    /// [`ErrorKind::Locked`] and names its process where the file tells.
    ///
    /// Who holds it is noted by [`WriterLock::announce`], once the file is known to be a database:
    /// what may turn out not to be one is never written to.
    pub fn acquire(file: &Arc<dyn File>, path: &Path) -> Result<Self> {
        let generation = fork::generation();
        if !file.try_lock().map_err(|e| Error::from_io("lock the database", path, e))? {
            return Err(locked(holder(&**file), path));
        }
        Ok(Self { file: Arc::clone(file), generation })
    }

    /// Notes this process in the file, which is a database. A file too short to hold the note is
    /// left as it is.
    pub fn announce(&self) -> io::Result<()> {
        if self.file.len()? < NOTE_OFFSET + NOTE_LEN as u64 {
            return Ok(());
        }
        let mut note = NOTE_EMPTY;
        note[4..].copy_from_slice(&std::process::id().to_le_bytes());
        write_all_at(&*self.file, &note, NOTE_OFFSET)
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        // In a fork child the note and the lock are the parent's.
        if self.generation != fork::generation() {
            return;
        }
        if read_note(&*self.file) == Some(std::process::id()) {
            let _ = write_all_at(&*self.file, &NOTE_EMPTY, NOTE_OFFSET);
        }
        // The handle may live on in readers of the same process; the lock must not. If this fails,
        // it goes with the handle.
        let _ = self.file.unlock();
    }
}

/// Fails if somebody has `file` open for writing, which a reader that takes no part in it must not
/// read beside: what it finds may be of two moments.
pub fn refuse_beside_writer(file: &dyn File, path: &Path) -> Result<()> {
    match file.is_locked().map_err(|e| Error::from_io("look at the lock of", path, e))? {
        true => Err(locked(holder(file), path)),
        false => Ok(()),
    }
}

/// How long to wait for a holder that took the lock just now to say who it is.
const WAIT_FOR_NOTE: (u32, Duration) = (100, Duration::from_millis(1));

/// The process that holds the lock, as far as the note tells. A note of nobody, or of a process that
/// is gone, is older than the lock.
fn holder(file: &dyn File) -> Option<u32> {
    let mut noted = None;
    for _ in 0..WAIT_FOR_NOTE.0 {
        noted = read_note(file);
        match noted {
            Some(pid) if pid == 0 || !is_alive(pid) => std::thread::sleep(WAIT_FOR_NOTE.1),
            _ => break,
        }
    }
    noted.filter(|&pid| is_alive(pid))
}

/// True if there is such a process, of this user or another.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| {
        !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
    })
}

/// The process in the note, 0 if nobody; `None` if the file has no note.
fn read_note(file: &dyn File) -> Option<u32> {
    let mut note = [0; NOTE_LEN];
    read_exact_at(file, &mut note, NOTE_OFFSET).ok()?;
    let [m0, m1, m2, m3, p0, p1, p2, p3] = note;
    ([m0, m1, m2, m3] == NOTE_EMPTY[..4]).then(|| u32::from_le_bytes([p0, p1, p2, p3]))
}

#[cold]
fn locked(holder: Option<u32>, path: &Path) -> Error {
    let error = |by: &str| {
        let message = format!("the database is open for writing {by}; close it there first");
        Error::new(ErrorKind::Locked, message).in_file(path)
    };
    match holder.filter(|&pid| pid != 0) {
        Some(pid) if pid == std::process::id() => {
            error(&format!("in this process (pid {pid})")).with_pid(pid)
        }
        Some(pid) => error(&format!("in process {pid}")).with_pid(pid),
        None => error("by another handle or process"),
    }
}
