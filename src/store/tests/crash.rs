//! What the simulated disk leaves after a power loss: all that it must, and enough of what it may.

use std::collections::BTreeSet;

use super::*;
use crate::store::sim::Fault;

const A: &str = "/db/a";

fn a() -> &'static Path {
    Path::new(A)
}

/// The contents of `path` over many images at the present moment.
fn outcomes(disk: &SimStorage, path: &Path, piece: usize) -> BTreeSet<Option<Vec<u8>>> {
    let now = disk.op_count();
    (0..400).map(|seed| disk.crash_image(now, seed, piece).contents(path)).collect()
}

#[test]
fn what_was_synced_with_its_folder_is_in_every_image() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    for i in 0..300_u64 {
        file.write_at(&[i as u8; 90], i * 90).unwrap();
        if i % 7 == 0 {
            file.sync().unwrap();
        }
    }
    file.set_len(10_000).unwrap();
    file.punch(512, 1024).unwrap();
    file.allocate(0, 20_000).unwrap();
    file.sync().unwrap();
    let expected = disk.contents(a());
    for piece in [512, 4096] {
        assert_eq!(outcomes(&disk, a(), piece), BTreeSet::from([expected.clone()]));
    }
}

#[test]
fn every_moment_has_what_was_durable_then() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    let mut durable = vec![(disk.op_count(), 0)];
    for i in 0..400_u64 {
        file.write_at(&(i + 1).to_le_bytes(), i * 8).unwrap();
        if i % 3 == 0 {
            file.sync().unwrap();
            durable.push((disk.op_count(), (i + 1) as usize));
        }
    }
    for now in durable[0].0..=disk.op_count() {
        let certain = durable.iter().rfind(|(at, _)| *at <= now).unwrap().1;
        let bytes = disk.crash_image(now, now as u64, 512).contents(a()).unwrap();
        let (words, _) = bytes.as_chunks::<8>();
        assert!(words.len() >= certain, "at {now}");
        for (i, word) in words.iter().enumerate() {
            let word = u64::from_le_bytes(*word);
            assert!(word == i as u64 + 1 || (word == 0 && i >= certain), "word {i} at {now}");
        }
        assert!(words.len() <= certain + 3, "nothing from the future at {now}");
    }
}

#[test]
fn unsynced_pieces_survive_each_for_itself() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    file.set_len(2048).unwrap();
    file.sync().unwrap();
    file.write_at(&[1; 1536], 256).unwrap();
    let seen: BTreeSet<Vec<bool>> = outcomes(&disk, a(), 512)
        .into_iter()
        .map(|bytes| {
            let bytes = bytes.unwrap();
            assert_eq!((bytes.len(), bytes[0], bytes[2047]), (2048, 0, 0));
            // The write begins and ends within a piece: four are touched.
            let parts = [256..512, 512..1024, 1024..1536, 1536..1792];
            parts.map(|part| {
                assert!(bytes[part.clone()].iter().all(|&b| b == bytes[part.start]), "torn piece");
                bytes[part.start] == 1
            })
        })
        .map(Vec::from)
        .collect();
    assert_eq!(seen.len(), 16, "all combinations, all lost and all kept among them");
    assert_eq!(outcomes(&disk, a(), 4096).len(), 2, "one piece of a page");
}

#[test]
fn all_lost_and_all_kept_are_common() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    for i in 0..100 {
        file.write_at(&[1; 100], i * 100).unwrap();
    }
    let images = |seed| disk.crash_image(disk.op_count(), seed, 512).contents(a()).unwrap();
    let images: Vec<_> = (0..100).map(images).collect();
    let lost = images.iter().filter(|bytes| bytes.is_empty()).count();
    let kept = images.iter().filter(|bytes| **bytes == [1; 10_000]).count();
    assert!(lost > 10 && kept > 10 && lost + kept < 80, "{lost} lost, {kept} kept");
}

#[test]
fn the_same_seed_gives_the_same_image() {
    let disk = SimStorage::new();
    let files = [sim_file(&disk, "/a"), sim_file(&disk, "/b")];
    for i in 0..50 {
        files[i % 2].write_at(&[i as u8 + 1; 1000], i as u64 * 700).unwrap();
    }
    let both = |image: SimStorage| [image.contents(Path::new("/a")), image.contents("/b".as_ref())];
    let first: Vec<_> = (0..50).map(|seed| both(disk.crash_image(40, seed, 512))).collect();
    files[0].write_at(b"later", 0).unwrap();
    let again: Vec<_> = (0..50).map(|seed| both(disk.crash_image(40, seed, 512))).collect();
    assert_eq!(first, again);
    assert!(first.iter().collect::<BTreeSet<_>>().len() > 20, "seeds differ");
}

#[test]
fn lengths_keep_to_what_was_synced_or_asked_for() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    file.write_at(&[7; 1000], 0).unwrap();
    file.sync().unwrap();
    file.write_at(&[8; 10], 3000).unwrap();
    let mut zeros_between = false;
    for bytes in outcomes(&disk, a(), 512).into_iter().flatten() {
        assert!(bytes.len() == 1000 || bytes.len() == 3010, "{}", bytes.len());
        assert_eq!(&bytes[..1000], &[7; 1000]);
        zeros_between |= bytes.len() == 3010 && bytes[1000..3000].iter().all(|&b| b == 0);
    }
    assert!(zeros_between);
    file.sync().unwrap();
    file.set_len(500).unwrap();
    let cut = outcomes(&disk, a(), 512).into_iter().flatten().map(|bytes| bytes.len());
    assert_eq!(cut.collect::<BTreeSet<_>>(), BTreeSet::from([500, 3010]));
}

#[test]
fn names_last_once_the_folder_was_synced() {
    let disk = SimStorage::new();
    let b = Path::new("/db/b");
    let file = disk.open(a(), OpenMode::CreateNew).unwrap();
    file.write_at(b"x", 0).unwrap();
    file.sync().unwrap();
    let content = Some(b"x".to_vec());
    assert_eq!(outcomes(&disk, a(), 512), BTreeSet::from([None, content.clone()]));
    disk.sync_dir_of(Path::new("/elsewhere/a")).unwrap();
    assert_eq!(outcomes(&disk, a(), 512).len(), 2, "another folder's sync does nothing here");
    disk.sync_dir_of(a()).unwrap();
    assert_eq!(outcomes(&disk, a(), 512), BTreeSet::from([content.clone()]));

    disk.publish(a(), b).unwrap();
    let now = disk.op_count();
    let names: BTreeSet<_> = (0..100).map(|s| disk.crash_image(now, s, 512).paths()).collect();
    assert_eq!(names, BTreeSet::from([vec![a().to_path_buf()], vec![b.to_path_buf()]]));
    disk.sync_dir_of(b).unwrap();
    assert_eq!(outcomes(&disk, b, 512), BTreeSet::from([content.clone()]));

    disk.remove(b).unwrap();
    assert_eq!(outcomes(&disk, b, 512), BTreeSet::from([None, content]));
    disk.sync_dir_of(b).unwrap();
    assert_eq!(outcomes(&disk, b, 512), BTreeSet::from([None]));
}

#[test]
fn pending_names_survive_in_order_or_alone() {
    let disk = SimStorage::new();
    let paths = ["/1", "/2", "/3"].map(Path::new);
    for path in paths {
        disk.open(path, OpenMode::CreateNew).unwrap();
    }
    let now = disk.op_count();
    let sets: BTreeSet<_> = (0..300).map(|s| disk.crash_image(now, s, 512).paths()).collect();
    assert_eq!(sets.len(), 8, "each subset occurs");
}

#[test]
fn a_failed_sync_loses_what_a_later_one_does_not_bring_back() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    file.write_at(b"first", 0).unwrap();
    disk.fail_at(0, Fault::SyncFails, false);
    assert!(file.sync().is_err());
    file.write_at(b"second", 600).unwrap();
    file.sync().unwrap();
    assert_eq!(&bytes_of(&*file)[..5], b"first", "it reads as if it were there");
    let images = outcomes(&disk, a(), 512);
    assert!(images.iter().flatten().all(|bytes| &bytes[600..] == b"second"));
    let firsts: BTreeSet<_> =
        images.iter().flatten().map(|bytes| &bytes[..5] == b"first").collect();
    assert_eq!(firsts.len(), 2, "the earlier write is there or not");
    file.write_at(b"again", 0).unwrap();
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, a(), 512).len(), 1);

    // An interrupted sync is none at all, and the same goes for folders.
    file.write_at(b"third", 0).unwrap();
    disk.fail_at(disk.op_count() + 1, Fault::Eintr, false);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(outcomes(&disk, a(), 512).len(), 1);
    disk.remove(a()).unwrap();
    disk.fail_at(0, Fault::SyncFails, false);
    assert!(disk.sync_dir_of(a()).is_err());
    disk.sync_dir_of(a()).unwrap();
    assert_eq!(outcomes(&disk, a(), 512).len(), 2);
}

#[test]
fn an_image_is_a_disk_on_which_all_is_durable() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    file.write_at(&[1; 5000], 0).unwrap();
    disk.disk_limit(0);
    disk.fail_at(1, Fault::Eio, true);
    let image = disk.crash_image(disk.op_count(), 3, 512);
    assert_eq!(image.op_count(), 0);
    let before = image.contents(a());
    assert_eq!(outcomes(&image, a(), 512), BTreeSet::from([before.clone()]));
    let again = image.open(a(), OpenMode::Write).unwrap();
    assert!(again.try_lock().unwrap(), "no lock survives");
    again.write_at(&[2; 6000], 0).unwrap();
    assert!(outcomes(&image, a(), 512).len() > 2);
    assert!(outcomes(&image, a(), 512).contains(&before));
    assert_eq!(disk.contents(a()).unwrap(), [1; 5000], "the first disk is as it was");
}

#[test]
fn control_without_syncs_nothing_is_certain() {
    let disk = SimStorage::new();
    disk.remove_syncs(true);
    let file = sim_file(&disk, A);
    file.write_at(b"acknowledged", 0).unwrap();
    file.sync().unwrap();
    let images = outcomes(&disk, a(), 512);
    assert!(images.contains(&None), "the name may be lost");
    assert!(images.contains(&Some(vec![])), "the bytes may be lost");
    assert!(images.contains(&Some(b"acknowledged".to_vec())));
}

#[test]
fn what_is_put_is_durable() {
    let disk = SimStorage::new();
    disk.put(a(), b"old");
    sim_file(&disk, "/db/other");
    disk.put(a(), b"new");
    assert_eq!(outcomes(&disk, a(), 512), BTreeSet::from([Some(b"new".to_vec())]));
    assert_eq!(disk.crash_image(0, 1, 512).contents(a()), Some(b"old".to_vec()));
}

#[test]
fn images_of_large_files_are_cheap() {
    let disk = SimStorage::new();
    let file = sim_file(&disk, A);
    file.write_at(&vec![1; 4 << 20], 0).unwrap();
    for i in 0..5000_u64 {
        file.write_at(&[2; 90], (i * 90) % (4 << 20)).unwrap();
        file.sync().unwrap();
    }
    let (start, ops) = (std::time::Instant::now(), disk.op_count());
    let images = 2000;
    for seed in 0..images {
        disk.crash_image(seed as usize * ops / images as usize, seed, 512);
    }
    let each = start.elapsed() / images as u32;
    println!("an image of a 4 MB file: {each:?}");
    assert!(each.as_micros() < 2000, "{each:?}");
}
