//! One writer, whatever the way to the file, and the next one as soon as it is gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::ErrorKind;
use crate::store::lock::{NOTE_EMPTY, NOTE_LEN, NOTE_OFFSET, WriterLock};
use crate::store::storage::WRITER_LOCK_END;

/// Set for the helper process: the file that it shall lock.
const LOCK_THIS: &str = "CHRONOLITE_TEST_LOCK_THIS";

fn database(scratch: &Scratch) -> PathBuf {
    let (path, file) = scratch.create("a.chl");
    file.set_len(3 * 4096).unwrap();
    write_all_at(&*file, &NOTE_EMPTY, NOTE_OFFSET).unwrap();
    path
}

fn acquire(storage: &dyn Storage, path: &Path) -> crate::Result<WriterLock> {
    let path = storage.resolve(path).unwrap();
    let file = storage.open(&path, OpenMode::Write).unwrap();
    let lock = WriterLock::acquire(&file, &path)?;
    lock.announce().unwrap();
    Ok(lock)
}

fn note(path: &Path) -> [u8; NOTE_LEN] {
    let mut note = [0; NOTE_LEN];
    let file = RealStorage.open(path, OpenMode::Read).unwrap();
    read_exact_at(&*file, &mut note, NOTE_OFFSET).unwrap();
    note
}

/// A process that holds the lock of `path` until it is told to end or is killed. Its line tells
/// the id of its fork child.
fn holder(path: &Path) -> (Child, u32) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "store::tests::locks::helper_that_holds_a_lock", "--nocapture"])
        .env(LOCK_THIS, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().split_once("child ").map(|(_, n)| n.to_owned()));
    (child, line.unwrap().parse().unwrap())
}

/// Not a test: the other process of the tests below.
#[test]
fn helper_that_holds_a_lock() {
    let Some(path) = std::env::var_os(LOCK_THIS) else { return };
    let path = PathBuf::from(path);
    let file = RealStorage.open(&path, OpenMode::Write).unwrap();
    let lock = WriterLock::acquire(&file, &path).unwrap();
    lock.announce().unwrap();
    // What keeps an open file alive, and must not keep the lock: a view, in a fork child too.
    let _view = file.map(0, 4096).unwrap();
    // That it runs is told, as `fork` may return here before the child has done its part.
    let (mut runs, mut tell) = forks::pipe();
    let child = forks::Forked::new(|| {
        tell.write_all(b"!").unwrap();
        std::thread::sleep(std::time::Duration::from_secs(15));
        true
    });
    runs.read_exact(&mut [0]).unwrap();
    println!("\nchild {}", child.pid());
    std::io::stdin().read_line(&mut String::new()).unwrap();
    child.kill();
}

#[test]
fn a_second_writer_in_this_process_is_told_who_is_first() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    let lock = acquire(&RealStorage, &path).unwrap();
    let error = acquire(&RealStorage, &path).unwrap_err();
    assert_eq!((error.kind(), error.pid()), (ErrorKind::Locked, Some(std::process::id())));
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    assert!(error.to_string().contains("a.chl"), "{error}");
    drop(lock);
    assert_eq!(note(&path), NOTE_EMPTY);
    acquire(&RealStorage, &path).unwrap();
}

#[test]
fn links_lead_to_the_same_lock() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    let (soft, hard) = (scratch.path("soft"), scratch.path("hard"));
    std::os::unix::fs::symlink(&path, &soft).unwrap();
    std::fs::hard_link(&path, &hard).unwrap();
    let lock = acquire(&RealStorage, &soft).unwrap();
    for other in [&path, &soft, &hard] {
        assert_eq!(acquire(&RealStorage, other).unwrap_err().kind(), ErrorKind::Locked);
    }
    // Renamed while it is open.
    RealStorage.publish(&path, &scratch.path("moved")).unwrap();
    assert!(acquire(&RealStorage, &scratch.path("moved")).is_err());
    drop(lock);
    acquire(&RealStorage, &hard).unwrap();
}

#[test]
fn a_renamed_file_can_be_locked() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    let file = RealStorage.open(&path, OpenMode::Write).unwrap();
    RealStorage.publish(&path, &scratch.path("moved")).unwrap();
    database(&scratch);
    assert!(file.try_lock().unwrap() && file.try_lock().unwrap());
    assert!(acquire(&RealStorage, &scratch.path("moved")).is_err());
    acquire(&RealStorage, &path).unwrap();
}

#[test]
fn neither_readers_nor_views_keep_the_lock() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    let file = RealStorage.open(&path, OpenMode::Write).unwrap();
    let lock = WriterLock::acquire(&file, &path).unwrap();
    let view = file.map(0, 4096).unwrap();
    let written = file.map_writable(0, 4096).unwrap();
    drop(lock);
    acquire(&RealStorage, &path).expect("the handle lives on without the lock");
    let lock = WriterLock::acquire(&file, &path).unwrap();
    drop((lock, file));
    acquire(&RealStorage, &path).expect("the views live on without the lock");
    drop((view, written));
    // The handle alone, as after a panic between.
    let file = RealStorage.open(&path, OpenMode::Write).unwrap();
    assert!(file.try_lock().unwrap());
    drop(file);
    acquire(&RealStorage, &path).unwrap();
}

#[test]
fn another_process_is_named_and_its_death_frees_the_lock() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    for killed in [true, false] {
        let (mut holder, grandchild) = holder(&path);
        let error = acquire(&RealStorage, &path).unwrap_err();
        assert_eq!((error.kind(), error.pid()), (ErrorKind::Locked, Some(holder.id())));
        if killed {
            holder.kill().unwrap();
        } else {
            drop(holder.stdin.take());
        }
        holder.wait().unwrap();
        assert_eq!(note(&path) == NOTE_EMPTY, !killed, "the killed leave their note");
        // Its fork child is still there in the first case, with all that it inherited.
        assert_eq!(forks::is_alive(grandchild), killed);
        acquire(&RealStorage, &path).unwrap();
        assert_eq!(note(&path), NOTE_EMPTY);
        if killed {
            forks::kill(grandchild);
        }
    }
}

#[test]
fn the_note_goes_only_where_its_place_is() {
    let scratch = Scratch::new();
    for len in [0, 8192, 8199, 8200, 9000] {
        let (path, file) = scratch.create(&format!("foreign{len}"));
        write_all_at(&*file, &vec![b'x'; len], 0).unwrap();
        let lock = WriterLock::acquire(&file, &path).unwrap();
        assert_eq!(bytes_of(&*file), vec![b'x'; len]);
        lock.announce().unwrap();
        assert_eq!(file.len().unwrap(), len as u64, "never grown");
        if len >= 8200 {
            let error = acquire(&RealStorage, &path).unwrap_err();
            assert_eq!(error.pid(), Some(std::process::id()));
        } else {
            assert_eq!(acquire(&RealStorage, &path).unwrap_err().pid(), None);
        }
    }
}

#[test]
fn the_simulated_disk_has_the_same_lock() {
    let disk = SimStorage::new();
    disk.put(Path::new("/a"), &[0; 12288]);
    let path = Path::new("/a");
    let file = disk.open(path, OpenMode::Write).unwrap();
    let lock = WriterLock::acquire(&file, path).unwrap();
    lock.announce().unwrap();
    let error = acquire(&disk, path).unwrap_err();
    assert_eq!((error.kind(), error.pid()), (ErrorKind::Locked, Some(std::process::id())));
    drop(lock);
    drop(acquire(&disk, path).unwrap());
    assert!(file.try_lock().unwrap());
    assert!(acquire(&disk, path).is_err());
    drop(file);
    acquire(&disk, path).unwrap();
}

#[test]
fn of_many_at_once_one_wins() {
    let scratch = Scratch::new();
    let path = database(&scratch);
    for _ in 0..20 {
        let barrier = std::sync::Barrier::new(4);
        let tries = || {
            barrier.wait();
            let lock = acquire(&RealStorage, &path);
            barrier.wait();
            lock.is_ok()
        };
        let wins = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(tries)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).filter(|&w| w).count()
        });
        assert_eq!(wins, 1);
    }
}

#[test]
fn places_are_shared_counted_and_go_with_their_handle() {
    const AT: u64 = WRITER_LOCK_END + 77;
    let scratch = Scratch::new();
    let (real, _) = scratch.create("a");
    let disk = SimStorage::new();
    sim_file(&disk, "/a");
    for (storage, path) in [(&RealStorage as &dyn Storage, &*real), (&disk, Path::new("/a"))] {
        let writer = storage.open(path, OpenMode::Write).unwrap();
        // Those that may only read may have one.
        let readers = [(); 2].map(|()| storage.open(path, OpenMode::Read).unwrap());
        let found = |from, to| writer.locked_byte(from, to).unwrap();
        assert!(writer.try_lock().unwrap());
        assert_eq!(found(WRITER_LOCK_END, u64::MAX), None);
        readers[0].lock_byte(AT).unwrap();
        readers[0].lock_byte(AT).unwrap();
        readers[1].lock_byte(AT).unwrap();
        readers[1].lock_byte(AT + 1).unwrap();
        assert_eq!((found(AT, AT + 1), found(AT + 1, AT + 9)), (Some(AT), Some(AT + 1)));
        assert_eq!((found(WRITER_LOCK_END, AT), found(AT + 2, u64::MAX)), (None, None));
        assert!(readers[0].is_locked().unwrap() && writer.try_lock().unwrap());
        readers[0].unlock_byte(AT).unwrap();
        readers[1].unlock_byte(AT).unwrap();
        assert_eq!(found(AT, AT + 1), Some(AT), "it was taken twice");
        readers[0].unlock_byte(AT).unwrap();
        readers[0].unlock_byte(AT).unwrap();
        assert_eq!((found(AT, AT + 1), found(AT, AT + 2)), (None, Some(AT + 1)));
        // Neither the writer's lock nor that of a place takes the other along.
        writer.unlock().unwrap();
        assert!(!readers[0].is_locked().unwrap());
        readers[1].unlock().unwrap();
        assert_eq!(found(AT, AT + 2), Some(AT + 1));
        drop(readers);
        assert_eq!(found(AT, AT + 2), None);
    }
}

#[test]
fn views_and_living_fork_children_keep_no_place() {
    const AT: u64 = WRITER_LOCK_END + 5;
    let scratch = Scratch::new();
    let (path, file) = scratch.create("a");
    file.set_len(4096).unwrap();
    let reader = RealStorage.open(&path, OpenMode::Read).unwrap();
    reader.lock_byte(AT).unwrap();
    let view = reader.map(0, 4096).unwrap();
    let child = forks::Forked::new(|| {
        std::thread::sleep(std::time::Duration::from_secs(15));
        view[0] == 0
    });
    assert_eq!(file.locked_byte(AT, AT + 1).unwrap(), Some(AT), "forking gives nothing up");
    drop(reader);
    assert_eq!(file.locked_byte(AT, AT + 1).unwrap(), None);
    child.kill();
}
