//! A disk in memory for the tests: it fails where it is told to, and shows what a power loss at
//! any of its operations would have left.
//!
//! Operations that change something, open or sync are numbered from 1, failed ones included; reads
//! and mappings are counted apart, and so are locks on single bytes. `crash_image(n, ..)` is the disk of a machine that lost its
//! power just after operation `n`, and 0 is before the first. Folders need not be made: every path
//! has one.

mod chunks;
mod file;
mod history;
mod image;
mod state;

use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use self::chunks::{CHUNK, Chunks};
use self::file::SimFile;
use self::state::{Armed, Kind, NameOp, State};
use super::storage::{File, OpenMode, Storage};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device fails. At a sync, as [`Fault::SyncFails`].
    Eio,
    /// No space is left. At a sync, as [`Fault::SyncFails`].
    Enospc,
    /// A signal came first; nothing was done.
    Eintr,
    /// The first write, from the given operation on, of more bytes writes only these. Of reads,
    /// the same.
    ShortWrite(usize),
    /// The first sync from the given operation on fails. As on Linux, the pages count as clean
    /// after that: no later sync makes them durable, though each may have reached the disk.
    SyncFails,
}

impl Fault {
    fn error(self) -> io::Error {
        io::Error::from_raw_os_error(match self {
            Self::Enospc => libc::ENOSPC,
            Self::Eintr => libc::EINTR,
            _ => libc::EIO,
        })
    }
}

/// The disk; a clone is the same disk.
#[derive(Clone, Default)]
pub struct SimStorage {
    state: Arc<Mutex<State>>,
}

impl SimStorage {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Lets operation `number` fail (for [`Fault::ShortWrite`] and [`Fault::SyncFails`], the first
    /// that can from there on); with `sticky`, all later ones too.
    pub fn fail_at(&self, number: usize, fault: Fault, sticky: bool) {
        self.lock().faults.push(Armed { at: number, fault, sticky });
    }

    /// The same for reads and mappings, by their own count.
    pub fn fail_read_at(&self, number: usize, fault: Fault, sticky: bool) {
        self.lock().read_faults.push(Armed { at: number, fault, sticky });
    }

    /// The same for locks on single bytes and looks for them, by their own count.
    pub fn fail_lock_at(&self, number: usize, fault: Fault, sticky: bool) {
        self.lock().lock_faults.push(Armed { at: number, fault, sticky });
    }

    /// How many locks on single bytes, and looks for them, there were.
    pub fn lock_count(&self) -> usize {
        self.lock().locks
    }

    /// Forgets all faults that are still to come.
    pub fn clear_faults(&self) {
        let mut state = self.lock();
        state.lock_faults.clear();
        state.faults.clear();
        state.read_faults.clear();
    }

    /// From now on all files together take at most this, in units of 4096. Holes are free.
    pub fn disk_limit(&self, bytes: u64) {
        self.lock().limit = Some(usize::try_from(bytes).unwrap_or(usize::MAX) / CHUNK);
    }

    /// How many operations there were.
    pub fn op_count(&self) -> usize {
        self.lock().now()
    }

    /// How many reads and mappings there were.
    pub fn read_count(&self) -> usize {
        self.lock().reads
    }

    /// The operations in words; operation `n` is at `n - 1`.
    pub fn ops(&self) -> Vec<String> {
        let describe = |op: &state::Logged| {
            let mut text = format!("{} {}", op.what, op.path.display());
            if let Some((offset, len)) = op.range {
                text += &format!(" {offset}+{len}");
            }
            if let Some(fault) = op.fault {
                text += &format!(" [{fault:?}]");
            }
            text
        };
        self.lock().log.iter().map(describe).collect()
    }

    /// The names of all files, in order.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.lock().names.keys().cloned().collect()
    }

    /// The bytes of a file as a read would see them.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.lock();
        state.names.get(&normal(path)).map(|&inode| state.inodes[inode].live.to_vec())
    }

    /// Places a file, durably and outside the log. Handles of an older one of that name keep it.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        self.lock().put(normal(path), Chunks::from_bytes(bytes));
    }

    /// The control: from now on a sync reports success and makes nothing durable.
    pub fn remove_syncs(&self, removed: bool) {
        self.lock().without_syncs = removed;
    }

    /// The disk after a power loss just after operation `at_op`. What was synced is there. Unsynced
    /// writes are cut at multiples of `piece` (512 or 4096), and pieces, lengths and names survive
    /// at random, but the same for the same `seed`. The image is a disk of its own on which all is
    /// durable, without faults and limits.
    pub fn crash_image(&self, at_op: usize, seed: u64, piece: usize) -> Self {
        let image = image::image(&self.lock(), at_op, seed, piece);
        Self { state: Arc::new(Mutex::new(image)) }
    }
}

impl Storage for SimStorage {
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(normal(path))
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = normal(path);
        let mut state = self.lock();
        let create = mode == OpenMode::CreateNew;
        state.begin_plain(if create { "create" } else { "open" }, &path.as_path().into(), None)?;
        if is_folder(&state, &path) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let inode = match state.names.get(&path) {
            Some(_) if create => return Err(io::ErrorKind::AlreadyExists.into()),
            Some(&inode) => inode,
            None if create => {
                let inode = state.new_inode(Chunks::default());
                state.change_names(NameOp::Link { path: path.clone(), inode });
                inode
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(SimFile::new(self, &mut state, &path, inode, writable)))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let (state, path) = (self.lock(), normal(path));
        Ok(state.names.contains_key(&path) || is_folder(&state, &path))
    }

    fn publish(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        let mut state = self.lock();
        state.begin_plain("publish", &to.as_path().into(), None)?;
        let inode = *state.names.get(&from).ok_or(io::ErrorKind::NotFound)?;
        if state.names.contains_key(&to) || is_folder(&state, &to) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.change_names(NameOp::Rename { from, to, inode });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        let mut state = self.lock();
        state.begin_plain("remove", &path.as_path().into(), None)?;
        let inode = *state.names.get(&path).ok_or(io::ErrorKind::NotFound)?;
        state.change_names(NameOp::Unlink { path, inode });
        state.inodes[inode].named = false;
        state.reclaim(inode);
        Ok(())
    }

    fn siblings(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let path = normal(path);
        let prefix = path.file_name().unwrap_or_default().as_encoded_bytes();
        let beside = |other: &&PathBuf| {
            let name = other.file_name().unwrap_or_default().as_encoded_bytes();
            other.parent() == path.parent() && name.starts_with(prefix)
        };
        Ok(self.lock().names.keys().filter(beside).cloned().collect())
    }

    fn sync_dir_of(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        let folder = path.parent().unwrap_or(&path);
        let mut state = self.lock();
        let fault = state.begin("sync_dir", &folder.into(), None, Kind::Sync);
        let (now, without) = (state.now(), state.without_syncs);
        let State { names, names_history, .. } = &mut *state;
        let covers = |op: &NameOp| op.folder() == Some(folder);
        match fault {
            Some(fault) => {
                if fault != Fault::Eintr {
                    names_history.sync_failed(covers);
                }
                return Err(fault.error());
            }
            None if without => {}
            None => names_history.sync(now, names, covers),
        }
        Ok(())
    }
}

impl fmt::Debug for SimStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "SimStorage({} files, {} operations)", state.names.len(), state.now())
    }
}

/// True for the root and for what some file lies in.
fn is_folder(state: &State, path: &Path) -> bool {
    path.parent().is_none()
        || state.names.keys().any(|name| name.as_path() != path && name.starts_with(path))
}

/// Absolute, without `.` and `..`. This disk has no links to follow.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => {
                normal.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    normal
}
