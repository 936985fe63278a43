//! An open file of the simulated disk.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_buffer::Buffer;

use super::state::{FileOp, Inode, Kind, State};
use super::{Fault, SimStorage};
use crate::store::storage::{File, WRITER_LOCK_END, WritableMap, end_of};

/// Files end here: a hostile length must not take the memory of the machine.
const MAX_LEN: u64 = 1 << 36;

pub(super) struct SimFile {
    disk: SimStorage,
    path: Arc<Path>,
    inode: usize,
    handle: u64,
    writable: bool,
}

impl SimFile {
    /// A handle of an inode; `state` is that of `disk`, locked by the caller.
    pub(super) fn new(
        disk: &SimStorage,
        state: &mut State,
        path: &Path,
        inode: usize,
        writable: bool,
    ) -> Self {
        state.next_handle += 1;
        state.inodes[inode].handles += 1;
        let (disk, path) = (disk.clone(), path.into());
        Self { disk, path, inode, handle: state.next_handle, writable }
    }

    /// Refuses what no handle or no file allows, before it counts as an operation.
    fn check_change(&self, offset: u64, len: u64) -> io::Result<()> {
        self.check_writable()?;
        match end_of(offset, len)? {
            0..=MAX_LEN => Ok(()),
            _ => Err(io::Error::from_raw_os_error(libc::EFBIG)),
        }
    }

    fn check_writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::EBADF)) }
    }

    /// Counts, logs and does a change that is whole or not at all.
    fn change(&self, what: &'static str, range: (u64, u64), op: FileOp) -> io::Result<()> {
        self.check_change(range.0, range.1)?;
        let mut state = self.disk.lock();
        state.begin_plain(what, &self.path, Some(range))?;
        if let FileOp::Allocate { offset, len } = op {
            let (live, room) = (&state.inodes[self.inode].live, state.room());
            if live.fitting(offset, len as usize, room) < len as usize {
                return Err(Fault::Enospc.error());
            }
        }
        state.change_file(self.inode, op);
        Ok(())
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        end_of(offset, buf.len() as u64)?;
        let mut state = self.disk.lock();
        let len = match state.begin_read(buf.len()) {
            Some(Fault::ShortWrite(n)) => n,
            Some(fault) => return Err(fault.error()),
            None => buf.len(),
        };
        Ok(state.inodes[self.inode].live.read(&mut buf[..len], offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        self.check_change(offset, buf.len() as u64)?;
        let mut state = self.disk.lock();
        let range = Some((offset, buf.len() as u64));
        let len = match state.begin("write", &self.path, range, Kind::Write(buf.len())) {
            Some(Fault::ShortWrite(n)) => n,
            Some(fault) => return Err(fault.error()),
            None => buf.len(),
        };
        // As Linux does: what fits is written, and only if nothing fits the disk is full.
        let fits = state.inodes[self.inode].live.fitting(offset, len, state.room());
        if fits == 0 && len > 0 {
            return Err(Fault::Enospc.error());
        }
        if fits > 0 {
            state.change_file(self.inode, FileOp::Write { offset, data: buf[..fits].into() });
        }
        Ok(fits)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.lock().inodes[self.inode].live.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change("set_len", (0, len), FileOp::SetLen(len))
    }

    fn allocate(&self, offset: u64, len: u64) -> io::Result<()> {
        self.change("allocate", (offset, len), FileOp::Allocate { offset, len })
    }

    fn punch(&self, offset: u64, len: u64) -> io::Result<()> {
        self.change("punch", (offset, len), FileOp::Punch { offset, len })
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.lock();
        let fault = state.begin("sync", &self.path, None, Kind::Sync);
        let (now, without) = (state.now(), state.without_syncs);
        let Inode { history, live, .. } = &mut state.inodes[self.inode];
        match fault {
            None if without => Ok(()),
            None => {
                history.sync(now, live, |_| true);
                Ok(())
            }
            Some(fault) => {
                if fault != Fault::Eintr {
                    history.sync_failed(|_| true);
                }
                Err(fault.error())
            }
        }
    }

    fn map(&self, offset: u64, len: usize) -> io::Result<Buffer> {
        let end = end_of(offset, len as u64)?;
        let mut state = self.disk.lock();
        if let Some(fault) = state.begin_read(0) {
            return Err(fault.error());
        }
        let live = &state.inodes[self.inode].live;
        if end > live.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut bytes = arrow_buffer::MutableBuffer::from_len_zeroed(len);
        live.read(bytes.as_slice_mut(), offset);
        Ok(bytes.into())
    }

    fn map_writable(&self, _offset: u64, _len: usize) -> io::Result<Option<WritableMap>> {
        self.check_writable().map(|()| None)
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.check_writable()?;
        let holder = &mut self.disk.lock().inodes[self.inode].locked_by;
        Ok(*holder.get_or_insert(self.handle) == self.handle)
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        Ok(self.disk.lock().names.get(path) == Some(&self.inode))
    }

    fn unlock(&self) -> io::Result<()> {
        let holder = &mut self.disk.lock().inodes[self.inode].locked_by;
        *holder = holder.filter(|&handle| handle != self.handle);
        Ok(())
    }

    fn lock_byte(&self, at: u64) -> io::Result<()> {
        let mut state = self.disk.lock();
        state.begin_lock()?;
        *state.inodes[self.inode].byte_locks.entry((at, self.handle)).or_default() += 1;
        Ok(())
    }

    fn unlock_byte(&self, at: u64) -> io::Result<()> {
        let locks = &mut self.disk.lock().inodes[self.inode].byte_locks;
        match locks.get_mut(&(at, self.handle)) {
            Some(times) if *times > 1 => *times -= 1,
            _ => drop(locks.remove(&(at, self.handle))),
        }
        Ok(())
    }

    fn locked_byte(&self, from: u64, to: u64) -> io::Result<Option<u64>> {
        let mut state = self.disk.lock();
        state.begin_lock()?;
        let inode = &state.inodes[self.inode];
        if from < WRITER_LOCK_END && inode.locked_by.is_some_and(|holder| holder != self.handle) {
            return Ok(Some(from));
        }
        Ok(inode.byte_locks.range((from, 0)..(to, 0)).next().map(|((at, _), _)| *at))
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        let _ = self.unlock();
        let mut state = self.disk.lock();
        state.inodes[self.inode].byte_locks.retain(|(_, handle), _| *handle != self.handle);
        state.inodes[self.inode].handles -= 1;
        state.reclaim(self.inode);
    }
}

impl fmt::Debug for SimFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimFile({})", self.path.display())
    }
}
