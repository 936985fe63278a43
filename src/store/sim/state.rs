//! The simulated disk itself: names, files, the operation log and the faults to come.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Fault;
use super::chunks::{CHUNK, Chunks};
use super::history::History;

/// A change of a file.
pub(super) enum FileOp {
    Write { offset: u64, data: Arc<[u8]> },
    SetLen(u64),
    Allocate { offset: u64, len: u64 },
    Punch { offset: u64, len: u64 },
}

impl FileOp {
    pub(super) fn apply(&self, to: &mut Chunks) {
        match self {
            Self::Write { offset, data } => to.write(*offset, data),
            Self::SetLen(len) => to.set_len(*len),
            Self::Allocate { offset, len } => to.allocate(*offset, *len),
            Self::Punch { offset, len } => to.punch(*offset, *len),
        }
    }

    fn work(&self) -> usize {
        match self {
            Self::Write { data, .. } => 1 + data.len() / CHUNK,
            _ => 1,
        }
    }
}

/// A change of the names.
pub(super) enum NameOp {
    Link { path: PathBuf, inode: usize },
    Rename { from: PathBuf, to: PathBuf, inode: usize },
    Unlink { path: PathBuf, inode: usize },
}

impl NameOp {
    /// Applies it to names in which what came before may have been lost.
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            Self::Link { path, inode } => {
                names.insert(path.clone(), *inode);
            }
            Self::Rename { from, to, inode } => {
                if names.get(from) == Some(inode) {
                    names.remove(from);
                }
                names.insert(to.clone(), *inode);
            }
            Self::Unlink { path, inode } => {
                if names.get(path) == Some(inode) {
                    names.remove(path);
                }
            }
        }
    }

    /// The folder whose sync makes it durable.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Link { path, .. } | Self::Unlink { path, .. } => path.parent(),
            Self::Rename { to, .. } => to.parent(),
        }
    }
}

/// A file, named or not.
pub(super) struct Inode {
    pub(super) live: Chunks,
    pub(super) history: History<FileOp, Chunks>,
    pub(super) named: bool,
    pub(super) handles: usize,
    /// The handle that holds the lock.
    pub(super) locked_by: Option<u64>,
    /// Locks on single bytes: the byte, the handle, and how many times.
    pub(super) byte_locks: BTreeMap<(u64, u64), usize>,
}

/// What an operation is, as far as faults are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Read(usize),
    Write(usize),
    Sync,
    Other,
}

/// A fault to come.
#[derive(Clone, Copy)]
pub(super) struct Armed {
    pub(super) at: usize,
    pub(super) fault: Fault,
    pub(super) sticky: bool,
}

impl Armed {
    fn hits(&self, number: usize, kind: Kind) -> bool {
        match (self.fault, kind) {
            (Fault::SyncFails, _) => kind == Kind::Sync && number >= self.at,
            (Fault::ShortWrite(n), Kind::Write(len) | Kind::Read(len)) => {
                n < len && number >= self.at
            }
            (Fault::ShortWrite(_), _) => false,
            _ => number == self.at || (self.sticky && number > self.at),
        }
    }
}

/// Takes the fault that hits operation `number`, if one does.
fn fire(armed: &mut Vec<Armed>, number: usize, kind: Kind) -> Option<Fault> {
    let i = armed.iter().position(|a| a.hits(number, kind))?;
    let fault = armed[i].fault;
    if !armed[i].sticky {
        armed.remove(i);
    }
    Some(fault)
}

/// One line of the operation log.
pub(super) struct Logged {
    pub(super) what: &'static str,
    pub(super) path: Arc<Path>,
    /// Offset and length, where there are any.
    pub(super) range: Option<(u64, u64)>,
    pub(super) fault: Option<Fault>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) names: BTreeMap<PathBuf, usize>,
    pub(super) names_history: History<NameOp, BTreeMap<PathBuf, usize>>,
    pub(super) inodes: Vec<Inode>,
    pub(super) log: Vec<Logged>,
    pub(super) reads: usize,
    pub(super) faults: Vec<Armed>,
    pub(super) read_faults: Vec<Armed>,
    /// Locks on single bytes, taken or looked for.
    pub(super) locks: usize,
    pub(super) lock_faults: Vec<Armed>,
    /// In chunks.
    pub(super) limit: Option<usize>,
    pub(super) without_syncs: bool,
    pub(super) next_handle: u64,
}

impl State {
    /// The number of the latest operation.
    pub(super) fn now(&self) -> usize {
        self.log.len()
    }

    /// Counts and logs an operation, failed or not, and gives the fault that hits it.
    pub(super) fn begin(
        &mut self,
        what: &'static str,
        path: &Arc<Path>,
        range: Option<(u64, u64)>,
        kind: Kind,
    ) -> Option<Fault> {
        let fault = fire(&mut self.faults, self.log.len() + 1, kind);
        self.log.push(Logged { what, path: Arc::clone(path), range, fault });
        fault
    }

    /// The same for one that no short write can hit.
    pub(super) fn begin_plain(
        &mut self,
        what: &'static str,
        path: &Arc<Path>,
        range: Option<(u64, u64)>,
    ) -> io::Result<()> {
        self.begin(what, path, range, Kind::Other).map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// Counts a read of `len` bytes and gives the fault that hits it.
    pub(super) fn begin_read(&mut self, len: usize) -> Option<Fault> {
        self.reads += 1;
        fire(&mut self.read_faults, self.reads, Kind::Read(len))
    }

    /// Counts a lock on a byte, or a look for one, and gives the fault that hits it.
    pub(super) fn begin_lock(&mut self) -> io::Result<()> {
        self.locks += 1;
        let fault = fire(&mut self.lock_faults, self.locks, Kind::Other);
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    pub(super) fn new_inode(&mut self, content: Chunks) -> usize {
        let history = History::new(self.now(), content.clone());
        let inode = Inode {
            live: content,
            history,
            named: true,
            handles: 0,
            locked_by: None,
            byte_locks: BTreeMap::new(),
        };
        self.inodes.push(inode);
        self.inodes.len() - 1
    }

    /// Places a durable file under a durable name.
    pub(super) fn put(&mut self, path: PathBuf, content: Chunks) {
        let inode = self.new_inode(content);
        if let Some(&old) = self.names.get(&path) {
            self.inodes[old].named = false;
            self.reclaim(old);
        }
        let link = NameOp::Link { path: path.clone(), inode };
        self.change_names(link);
        self.names_history.sync(
            self.now(),
            &self.names,
            |op| matches!(op, NameOp::Link { path: p, inode: i } if *p == path && *i == inode),
        );
    }

    pub(super) fn change_names(&mut self, op: NameOp) {
        op.apply(&mut self.names);
        self.names_history.push(self.now(), op, 4);
    }

    pub(super) fn change_file(&mut self, inode: usize, op: FileOp) {
        let now = self.now();
        let file = &mut self.inodes[inode];
        op.apply(&mut file.live);
        let work = op.work();
        file.history.push(now, op, work);
    }

    /// How many more chunks the disk takes.
    pub(super) fn room(&self) -> usize {
        self.limit.map_or(usize::MAX, |limit| {
            limit.saturating_sub(self.inodes.iter().map(|inode| inode.live.used()).sum())
        })
    }

    /// Frees the space of a file that has neither name nor handle.
    pub(super) fn reclaim(&mut self, inode: usize) {
        let inode = &mut self.inodes[inode];
        if !inode.named && inode.handles == 0 {
            inode.live = Chunks::default();
        }
    }
}

impl Default for History<NameOp, BTreeMap<PathBuf, usize>> {
    fn default() -> Self {
        Self::new(0, BTreeMap::new())
    }
}
