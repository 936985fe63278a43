//! What a fork child has of its parent's database: nothing that counts.

use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Command;

use super::*;
use crate::store::fork::generation;
use crate::store::real::RealFile;

/// A child process that ends after its body, by success if that is true.
pub(super) struct Forked(libc::pid_t);

impl Forked {
    /// Runs `body` in a fork child. Other threads of this process are gone there, so it must not
    /// print or wait for anything of theirs.
    #[allow(unsafe_code)] // to fork is the point
    pub(super) fn new(body: impl FnOnce() -> bool) -> Self {
        // SAFETY: the child runs `body`, which heeds the above, and ends without unwinding into
        // the test's frames or running exit handlers.
        unsafe {
            match libc::fork() {
                0 => {
                    // A hang is to be a failure.
                    libc::alarm(20);
                    let body = std::panic::AssertUnwindSafe(body);
                    let fine = std::panic::catch_unwind(body).unwrap_or(false);
                    libc::_exit(i32::from(!fine));
                }
                pid if pid > 0 => Self(pid),
                _ => panic!("cannot fork: {}", io::Error::last_os_error()),
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.0 as u32
    }

    pub(super) fn kill(self) {
        kill(self.pid());
        self.join();
    }

    #[allow(unsafe_code)] // std cannot wait for a child that it did not spawn
    fn join(self) -> bool {
        let mut status = 0;
        // SAFETY: a child of ours and room for its status.
        let ended = unsafe { libc::waitpid(self.0, &raw mut status, 0) };
        ended == self.0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

#[allow(unsafe_code)] // a signal is sent by a C call
pub(super) fn kill(pid: u32) {
    // SAFETY: a process that these tests started.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
}

/// True if the process is there and has not ended.
pub(super) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

#[allow(unsafe_code)] // see `Forked`
pub(super) fn pipe() -> (std::fs::File, std::fs::File) {
    let mut fds = [0; 2];
    // SAFETY: room for two descriptors, which are then owned once each.
    unsafe {
        assert_eq!(libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (OwnedFd::from_raw_fd(fds[0]).into(), OwnedFd::from_raw_fd(fds[1]).into())
    }
}

#[test]
fn a_child_sees_the_null_device_and_another_generation() {
    let scratch = Scratch::new();
    let (path, _) = scratch.create("a");
    let file = RealFile::open(&path, OpenMode::Write).unwrap();
    file.write_at(b"parent", 0).unwrap();
    assert!(file.try_lock().unwrap());
    let fds = file.descriptors();
    let before = generation();
    let mut file = Some(file);
    let child = Forked::new(|| {
        let is_null = |fd| {
            let link = std::fs::read_link(format!("/proc/self/fd/{fd}"));
            link.is_ok_and(|to| to == Path::new("/dev/null"))
        };
        let inherited = file.take().unwrap(); // the parent's copy stays where it is
        let fine = generation() == before + 1
            && fds.iter().all(|&fd| is_null(fd))
            && inherited.read_at(&mut [0; 6], 0).is_ok_and(|n| n == 0)
            && inherited.write_at(b"child!", 0).is_ok();
        drop(inherited);
        // Numbers that were freed are used again and belong to the new file alone.
        let again = RealStorage.open(&path, OpenMode::Write).unwrap();
        fine && bytes_of(&*again) == b"parent" && !again.try_lock().unwrap()
    });
    assert!(child.join());
    assert_eq!(generation(), before);
    assert_eq!(bytes_of(&file.unwrap()), b"parent");
}

#[test]
fn a_living_child_does_not_keep_the_lock() {
    use std::io::Read;

    let scratch = Scratch::new();
    let (path, file) = scratch.create("a");
    file.set_len(1 << 20).unwrap();
    assert!(file.try_lock().unwrap());
    let (view, map) = (file.map(0, 4096).unwrap(), file.map_writable(0, 4096).unwrap());
    let (mut wait, end) = pipe();
    let child = {
        let end = &end;
        Forked::new(|| {
            // The child's copy of this end must not keep it waiting for itself.
            close_in_child(end);
            let _ = wait.read(&mut [0]);
            view[0] == 0
        })
    };
    let second = RealStorage.open(&path, OpenMode::Write).unwrap();
    assert!(!second.try_lock().unwrap(), "forking gives nothing up");
    drop(file);
    assert!(second.try_lock().unwrap());
    drop((end, map));
    assert!(child.join());
}

#[allow(unsafe_code)] // see `Forked`
fn close_in_child(file: &std::fs::File) {
    use std::os::fd::AsRawFd;
    // SAFETY: in a child that never drops the file.
    unsafe { libc::close(file.as_raw_fd()) };
}

#[test]
fn a_child_cannot_write_through_an_inherited_map() {
    const NAME: &str = "store::tests::forks::a_child_cannot_write_through_an_inherited_map";
    const ALONE: &str = "CHRONOLITE_TEST_ALONE";
    // A panic in a child may wait for what another thread of the parent held, so this test gets a
    // process in which no other thread does anything.
    if std::env::var_os(ALONE).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let done = alone.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
        assert!(done.status.success(), "{done:?}");
        return;
    }
    let scratch = Scratch::new();
    let (_, file) = scratch.create("a");
    file.allocate(0, 4096).unwrap();
    let Some(mut map) = file.map_writable(0, 4096).unwrap() else { return };
    map.write(0, b"parent");
    let child = Forked::new(|| {
        let write = std::panic::AssertUnwindSafe(|| map.write(0, b"child!"));
        std::panic::catch_unwind(write).is_err()
    });
    assert!(child.join());
    map.write(4, b"!");
    assert_eq!(&bytes_of(&*file)[..6], b"pare!t");
}

#[test]
fn a_grandchild_is_another_generation_and_children_have_files_of_their_own() {
    let scratch = Scratch::new();
    let (path, _file) = scratch.create("a");
    let before = generation();
    let child = Forked::new(|| {
        let own = RealStorage.open(&path, OpenMode::Write).unwrap();
        own.write_at(b"own", 0).unwrap();
        let grandchild = Forked::new(|| {
            generation() == before + 2 && own.read_at(&mut [0; 3], 0).is_ok_and(|n| n == 0)
        });
        grandchild.join() && bytes_of(&*own) == b"own"
    });
    assert!(child.join());
}

#[test]
fn forks_while_other_threads_open_and_close() {
    let scratch = Scratch::new();
    let (path, _file) = scratch.create("a");
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    RealStorage.open(&path, OpenMode::Write).unwrap();
                }
            });
        }
        for _ in 0..50 {
            let child = Forked::new(|| {
                let here = path.canonicalize().unwrap();
                // No number is left that leads to the file, and the registry works.
                let leads = |n: u32| std::fs::read_link(format!("/proc/self/fd/{n}")).ok();
                let leaks = (0..256).filter_map(leads).any(|to| to == here);
                !leaks && RealStorage.open(&path, OpenMode::Read).is_ok()
            });
            assert!(child.join());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}
