//! Each fault of the simulated disk, and the loops that must ride over some of them.

use super::*;
use crate::store::sim::Fault;

fn errno<T>(result: io::Result<T>) -> Option<i32> {
    result.err().and_then(|e| e.raw_os_error())
}

#[test]
fn loops_ride_over_interruptions_and_short_calls() {
    for fault in [Fault::Eintr, Fault::ShortWrite(1), Fault::ShortWrite(700)] {
        let disk = SimStorage::new();
        let file = sim_file(&disk, "/a");
        let bytes: Vec<u8> = (0..2000_u32).map(|i| i as u8).collect();
        let sticky = fault != Fault::Eintr;
        disk.fail_at(disk.op_count() + 1, fault, sticky);
        disk.fail_read_at(disk.read_count() + 1, fault, sticky);
        write_all_at(&*file, &bytes, 5).unwrap();
        let mut read = vec![0; 2000];
        read_exact_at(&*file, &mut read, 5).unwrap();
        assert_eq!(read, bytes, "{fault:?}");
    }
}

#[test]
fn endless_interruptions_and_empty_writes_come_to_an_end() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, "/a");
    disk.fail_at(1, Fault::Eintr, true);
    assert_eq!(kind_of(write_all_at(&*file, b"abc", 0)), io::ErrorKind::Interrupted);
    disk.clear_faults();
    disk.fail_at(1, Fault::ShortWrite(0), false);
    assert_eq!(kind_of(write_all_at(&*file, b"abc", 0)), io::ErrorKind::WriteZero);
}

#[test]
fn a_fault_hits_its_operation_and_leaves_no_trace() {
    let disk = SimStorage::new();
    let (path, other) = (Path::new("/a"), Path::new("/b"));
    let file = sim_file(&disk, "/a");
    file.write_at(b"before", 0).unwrap();
    let calls: [&dyn Fn() -> io::Result<()>; 7] = [
        &|| file.write_at(b"after", 0).map(|_| ()),
        &|| file.set_len(1),
        &|| file.allocate(0, 100),
        &|| file.punch(0, 6),
        &|| disk.publish(path, other),
        &|| disk.remove(path),
        &|| disk.open(other, OpenMode::CreateNew).map(|_| ()),
    ];
    for call in calls {
        for (fault, code) in
            [(Fault::Eio, libc::EIO), (Fault::Enospc, libc::ENOSPC), (Fault::Eintr, libc::EINTR)]
        {
            let next = disk.op_count() + 1;
            disk.fail_at(next, fault, false);
            assert_eq!(errno(call()), Some(code));
            assert_eq!(disk.op_count(), next, "a failed operation has a number");
            assert_eq!(disk.contents(path).unwrap(), b"before");
            assert_eq!(disk.paths(), [path]);
        }
    }
    assert!(disk.ops().last().unwrap().contains("create /b [Eintr]"), "{:?}", disk.ops());
    disk.fail_at(disk.op_count() + 2, Fault::Eio, true);
    assert!(file.sync().is_ok() && file.sync().is_err() && file.set_len(1).is_err());
    disk.fail_read_at(disk.read_count() + 2, Fault::Eio, false);
    assert!(file.map(0, 1).is_ok() && file.map(0, 1).is_err() && file.map(0, 1).is_ok());
}

#[test]
fn a_full_disk_takes_what_fits_and_more_after_a_removal() {
    let disk = SimStorage::new();
    let (a, b) = (sim_file(&disk, "/a"), sim_file(&disk, "/b"));
    disk.disk_limit(3 * 4096);
    a.allocate(0, 8192).unwrap();
    assert_eq!(errno(b.allocate(0, 8192)), Some(libc::ENOSPC));
    assert_eq!(b.len().unwrap(), 0);
    assert_eq!(b.write_at(&[1; 10_000], 0).unwrap(), 4096);
    assert_eq!(errno(b.write_at(&[1; 10_000], 4096)), Some(libc::ENOSPC));
    assert_eq!(a.write_at(&[1; 8192], 0).unwrap(), 8192, "reserved space is there");
    a.punch(0, 4096).unwrap();
    assert_eq!(b.write_at(&[1; 10_000], 4096).unwrap(), 4096);
    disk.remove(Path::new("/a")).unwrap();
    assert!(b.write_at(&[1; 4096], 8192).is_err(), "an open file keeps its space");
    drop(a);
    assert_eq!(b.write_at(&[1; 4096], 8192).unwrap(), 4096);
}
