//! Files, names and mappings, on the real disk and the simulated one alike where both can.

use super::*;

fn both(test: impl Fn(&dyn Storage, &Path)) {
    let scratch = Scratch::new();
    test(&RealStorage, &scratch.folder.path().canonicalize().unwrap());
    test(&SimStorage::new(), Path::new("/data"));
}

#[test]
fn a_file_reads_what_was_written() {
    both(|storage, folder| {
        let path = folder.join("a");
        let file = storage.open(&path, OpenMode::CreateNew).unwrap();
        write_all_at(&*file, b"hello", 3).unwrap();
        assert_eq!(bytes_of(&*file), b"\0\0\0hello");
        file.set_len(5).unwrap();
        file.set_len(7).unwrap();
        assert_eq!(bytes_of(&*file), b"\0\0\0he\0\0");
        file.allocate(4, 100).unwrap();
        assert_eq!((file.len().unwrap(), file.read_at(&mut [0; 9], 104).unwrap()), (104, 0));
        file.allocate(0, 10).unwrap();
        file.allocate(0, 0).unwrap();
        file.punch(4, 1).unwrap();
        file.punch(90, 1 << 20).unwrap();
        assert_eq!((file.len().unwrap(), &bytes_of(&*file)[3..6]), (104, &b"h\0\0"[..]));
        file.sync().unwrap();
        assert_eq!(kind_of(file.allocate(u64::MAX, 2)), io::ErrorKind::InvalidInput);

        let reader = storage.open(&path, OpenMode::Read).unwrap();
        assert_eq!(bytes_of(&*reader).len(), 104);
        assert!(reader.write_at(b"x", 0).is_err());
        assert!(reader.try_lock().is_err());
        let mut more = [0; 200];
        assert_eq!(kind_of(read_exact_at(&*reader, &mut more, 0)), io::ErrorKind::UnexpectedEof);
        assert_eq!(file.map(3, 1).unwrap().as_slice(), b"h");
        assert_eq!(file.map(104, 0).unwrap().len(), 0);
        assert_eq!(kind_of(file.map(104, 1)), io::ErrorKind::UnexpectedEof);
        assert!(file.map(u64::MAX, 1).is_err());
    });
}

#[test]
fn names_are_opened_published_and_removed() {
    both(|storage, folder| {
        let (a, b, c) = (folder.join("x"), folder.join("x-wal"), folder.join("y"));
        assert_eq!(kind_of(storage.open(&a, OpenMode::Write)), io::ErrorKind::NotFound);
        let file = storage.open(&a, OpenMode::CreateNew).unwrap();
        file.write_at(b"1", 0).unwrap();
        for mode in [OpenMode::Read, OpenMode::Write, OpenMode::CreateNew] {
            assert_eq!(kind_of(storage.open(folder, mode)), io::ErrorKind::IsADirectory);
        }
        assert_eq!(kind_of(storage.open(&a, OpenMode::CreateNew)), io::ErrorKind::AlreadyExists);
        storage.open(&b, OpenMode::CreateNew).unwrap();
        storage.open(&c, OpenMode::CreateNew).unwrap();
        assert_eq!(storage.siblings(&a).unwrap(), [a.clone(), b.clone()]);

        assert_eq!(kind_of(storage.publish(&a, &c)), io::ErrorKind::AlreadyExists);
        storage.remove(&c).unwrap();
        storage.publish(&a, &c).unwrap();
        storage.sync_dir_of(&c).unwrap();
        assert_eq!((storage.exists(&a).unwrap(), storage.exists(&c).unwrap()), (false, true));
        assert_eq!(bytes_of(&*storage.open(&c, OpenMode::Read).unwrap()), b"1");
        storage.remove(&c).unwrap();
        assert_eq!(kind_of(storage.remove(&c)), io::ErrorKind::NotFound);
        assert_eq!(bytes_of(&*file), b"1", "an open file outlives its name");
        assert_eq!(storage.resolve(&folder.join("./x/../z")).is_ok(), folder.starts_with("/data"));
        assert_eq!(storage.resolve(&folder.join("z")).unwrap(), folder.join("z"));
    });
}

#[test]
fn a_path_is_resolved_through_links_to_what_may_not_exist_yet() {
    let scratch = Scratch::new();
    let (real, _file) = scratch.create("real");
    let real = real.canonicalize().unwrap();
    let link = |to: &str, name: &str| {
        std::os::unix::fs::symlink(to, scratch.path(name)).unwrap();
        RealStorage.resolve(&scratch.path(name))
    };
    assert_eq!(link("real", "one").unwrap(), real);
    assert_eq!(link("one", "two").unwrap(), real);
    assert_eq!(link("nowhere", "dangling").unwrap(), real.with_file_name("nowhere"));
    assert_eq!(link("dangling", "twice").unwrap(), real.with_file_name("nowhere"));
    assert!(link("round", "round").is_err());
    assert_eq!(kind_of(link("no/where", "far")), io::ErrorKind::NotFound);
    assert!(RealStorage.resolve(Path::new("a_name")).unwrap().is_absolute());
}

#[test]
#[cfg(target_os = "linux")]
fn what_is_no_file_is_refused_without_waiting() {
    let scratch = Scratch::new();
    let pipe = scratch.path("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(kind_of(RealStorage.open(&pipe, OpenMode::Read)), io::ErrorKind::InvalidInput);
}

#[test]
fn a_view_outlives_growth_removal_and_the_file() {
    let scratch = Scratch::new();
    let (path, file) = scratch.create("a");
    let page = |n: u8| vec![n; 4096];
    file.write_at(&page(1), 0).unwrap();
    let first = file.map(0, 4096).unwrap();
    file.write_at(&page(2), 4096).unwrap();
    let second = file.map(4096, 4096).unwrap();
    assert_eq!(first.as_ptr().wrapping_add(4096), second.as_ptr(), "growth fits the same mapping");
    // Beyond the room that the first mapping has.
    file.set_len(64 << 20).unwrap();
    file.write_at(&page(3), (64 << 20) - 4096).unwrap();
    let third = file.map((64 << 20) - 4000, 4000).unwrap();
    let part = second.slice_with_length(4000, 96);
    file.punch(1 << 20, 60 << 20).unwrap();
    RealStorage.remove(&path).unwrap();
    drop((file, second));
    assert!(first.iter().all(|&b| b == 1));
    assert!(part.iter().all(|&b| b == 2));
    assert!(third.iter().all(|&b| b == 3));
    std::thread::spawn(move || drop((first, part, third))).join().unwrap();
}

#[test]
fn a_view_is_refused_beyond_a_file_that_was_cut() {
    let scratch = Scratch::new();
    let (_, file) = scratch.create("a");
    file.set_len(8192).unwrap();
    file.map(0, 8192).unwrap();
    file.set_len(4096).unwrap();
    assert_eq!(kind_of(file.map(0, 4097)), io::ErrorKind::UnexpectedEof);
    assert_eq!(file.map(0, 4096).unwrap().len(), 4096);
}

#[test]
fn a_writable_map_is_seen_by_reads_and_other_openings() {
    let scratch = Scratch::new();
    let (path, file) = scratch.create("a");
    assert_eq!(kind_of(file.map_writable(0, 4096)), io::ErrorKind::UnexpectedEof);
    file.allocate(0, 16384).unwrap();
    assert_eq!(kind_of(file.map_writable(100, 4096)), io::ErrorKind::InvalidInput);
    let Some(mut map) = file.map_writable(4096, 8192).unwrap() else {
        println!("no writable maps on this file system");
        return;
    };
    map.write(10, b"hello");
    map.write(8190, b"!!");
    map.write(8192, b"");
    let reader = RealStorage.open(&path, OpenMode::Read).unwrap();
    let mut seen = [0; 5];
    read_exact_at(&*reader, &mut seen, 4106).unwrap();
    assert_eq!((&seen, map.len()), (b"hello", 8192));
    file.sync().unwrap();
    drop(file);
    map.write(10, b"still");
    read_exact_at(&*reader, &mut seen, 4106).unwrap();
    assert_eq!(&seen, b"still");
    for (at, len) in [(8191, 2), (8193, 0), (usize::MAX, 2)] {
        let mut map = std::panic::AssertUnwindSafe(&mut map);
        let write = std::panic::catch_unwind(move || map.write(at, &vec![0; len]));
        assert!(write.is_err(), "{len} bytes at {at}");
    }
}

#[test]
fn many_views_from_many_threads() {
    let scratch = Scratch::new();
    let (_, file) = scratch.create("a");
    std::thread::scope(|scope| {
        for t in 0..4_u64 {
            let file = &file;
            scope.spawn(move || {
                for i in 0..50_u64 {
                    let at = (i * 4 + t) * (1 << 20);
                    write_all_at(&**file, &[t as u8; 100], at).unwrap();
                    assert!(file.map(at, 100).unwrap().iter().all(|&b| b == t as u8));
                }
            });
        }
    });
}

#[test]
fn a_view_of_what_was_cut_reads_zeros_and_says_so() {
    use crate::store::bus::is_cut;

    let scratch = Scratch::new();
    let (_, file) = scratch.create("a");
    file.write_at(&[7; 64 << 10], 0).unwrap();
    let (other, _kept) = (scratch.create("b").1, scratch.create("c"));
    other.write_at(&[8; 4096], 0).unwrap();
    let (view, beside) = (file.map(0, 64 << 10).unwrap(), other.map(0, 4096).unwrap());
    assert!(view.iter().all(|&byte| byte == 7) && !is_cut(&view));
    file.set_len(4096).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let view = view.clone();
            std::thread::spawn(move || view.iter().map(|&byte| u32::from(byte)).sum::<u32>())
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), 7 * 4096);
    }
    assert!(is_cut(&view) && !is_cut(&beside));
    drop(view);
    file.set_len(64 << 20).unwrap();
    let again = file.map((64 << 20) - 10, 10).unwrap();
    assert!(again.iter().all(|&byte| byte == 0) && !is_cut(&again), "a new mapping is whole");
}

#[test]
fn a_fault_elsewhere_still_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;

    const NAME: &str = "store::tests::files::a_fault_elsewhere_still_ends_the_process";
    const ALONE: &str = "CHRONOLITE_TEST_FAULT";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
        let done = alone.args(["--exact", NAME]).env(ALONE, "1").output().unwrap();
        assert_eq!(done.status.signal(), Some(libc::SIGBUS), "{done:?}");
        return;
    }
    let scratch = Scratch::new();
    let (path, file) = scratch.create("a");
    file.write_at(&[7; 8192], 0).unwrap();
    let _view = file.map(0, 4096).unwrap();
    let plain = std::fs::File::open(path).unwrap();
    let map = memmap2::MmapOptions::new().len(8192).map_raw_read_only(&plain).unwrap();
    file.set_len(0).unwrap();
    #[allow(unsafe_code)] // to fault is the point
    // SAFETY: within the mapping; it ends the process.
    let byte = unsafe { map.as_ptr().read_volatile() };
    println!("read {byte}");
}
