//! What a power loss leaves: everything durable, and of the rest a random part.
//!
//! A disk writes pages in any order, so each piece of each write survives on its own; nor do
//! lengths, reservations and names wait for each other. This allows more than a real disk does,
//! on purpose: recovery must not lean on an order that no sync has made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::chunks::Chunks;
use super::history::{Entry, History};
use super::state::{FileOp, Inode, NameOp, State};

/// Splitmix64 (Steele, Lea, Flood 2014).
pub(super) struct Rng(u64);

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }
}

/// A coin that says "survives" with a probability of its own.
struct Coin {
    rng: Rng,
    /// Of 2^32.
    chance: u64,
}

impl Coin {
    /// Never, always, half of the time, or any other probability: each as likely, so that images
    /// that lost or kept everything are common.
    fn draw(rng: &mut Rng) -> u64 {
        match rng.below(4) {
            0 => 0,
            1 => 1 << 32,
            2 => 1 << 31,
            _ => rng.below(1 << 32),
        }
    }

    fn survives(&mut self) -> bool {
        self.rng.below(1 << 32) < self.chance
    }
}

/// The disk after a power loss just after operation `now`.
pub(super) fn image(disk: &State, now: usize, seed: u64, piece: usize) -> State {
    let mut rng = Rng::new(seed);
    let data_chance = Coin::draw(&mut rng);
    // Half of the time the same for names: all kept or all lost, on the whole disk.
    let name_chance = if rng.below(2) == 0 { data_chance } else { Coin::draw(&mut rng) };
    let mut coin = Coin { rng: Rng::new(rng.next()), chance: name_chance };
    let names = surviving_names(&disk.names_history, now, &mut coin);
    let mut image = State::default();
    for (path, inode) in names {
        // A stream for each file, so that what happens to one does not hang on the others.
        let mut coin =
            Coin { rng: Rng::new(seed ^ ((inode as u64 + 1) << 32)), chance: data_chance };
        let content = surviving_content(&disk.inodes[inode], now, &mut coin, piece.max(1) as u64);
        image.put(path, content);
    }
    image
}

fn surviving_names(
    history: &History<NameOp, BTreeMap<PathBuf, usize>>,
    now: usize,
    coin: &mut Coin,
) -> BTreeMap<PathBuf, usize> {
    let (mut names, entries) = history.until(now);
    // Either a journal that was cut somewhere, or every change for itself.
    let mut in_prefix = (coin.rng.below(2) == 0).then(|| {
        let pending = entries.iter().filter(|e| !e.is_certain(now)).count() as u64;
        match coin.chance {
            0 => 0,
            all if all == 1 << 32 => pending,
            _ => coin.rng.below(pending + 1),
        }
    });
    for entry in entries {
        let survives = entry.is_certain(now)
            || match &mut in_prefix {
                Some(0) => false,
                Some(left) => {
                    *left -= 1;
                    true
                }
                None => coin.survives(),
            };
        if survives {
            entry.op.apply(&mut names);
        }
    }
    names
}

fn surviving_content(inode: &Inode, now: usize, coin: &mut Coin, piece: u64) -> Chunks {
    let (mut content, entries) = inode.history.until(now);
    for entry in entries {
        if entry.is_certain(now) {
            entry.op.apply(&mut content);
        } else {
            apply_in_part(entry, &mut content, coin, piece);
        }
    }
    content
}

fn apply_in_part(entry: &Entry<FileOp>, content: &mut Chunks, coin: &mut Coin, piece: u64) {
    match &entry.op {
        FileOp::Write { offset, data } => {
            let (start, end) = (*offset, offset + data.len() as u64);
            for (from, to) in pieces(start, end, piece) {
                if coin.survives() {
                    content.write(from, &data[(from - start) as usize..(to - start) as usize]);
                }
            }
            // The new length may reach the disk without the bytes, which then read as zeros.
            if content.len() < end && coin.survives() {
                content.grow(end);
            }
        }
        FileOp::Punch { offset, len } => {
            for (from, to) in pieces(*offset, (offset + len).min(content.len()), piece) {
                if coin.survives() {
                    content.punch(from, to - from);
                }
            }
        }
        FileOp::SetLen(_) | FileOp::Allocate { .. } => {
            if coin.survives() {
                entry.op.apply(content);
            }
        }
    }
}

/// Cuts a range at multiples of `piece` from the start of the file.
fn pieces(start: u64, end: u64, piece: u64) -> impl Iterator<Item = (u64, u64)> {
    let mut from = start;
    std::iter::from_fn(move || {
        let to = end.min((from / piece + 1) * piece);
        let cut = (from < end).then_some((from, to));
        from = to;
        cut
    })
}
