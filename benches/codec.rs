//! The codecs beside pco, zstd and ALP, on the same values in one run: bits a value, and how fast it
//! is written and read.
//!
//! `cargo bench --bench codec [-- PART OF A NAME [--json FILE]]`; `make bench-codec` keeps the figures
//! and draws them.
//!
//! One core, values in cache. MB are of values, whatever they take. Chronolite's are encoded and
//! decoded by block, each again and again into the same buffer: 16,384 rows, 65,536 in `size`, as in
//! a segment. The peers get all rows in one piece, which is to their advantage in size. What is
//! decoded is compared with the values, to the bit.

#[path = "codec/alp_fastlanes.rs"]
mod alp_fastlanes;
#[path = "codec/data.rs"]
mod data;
#[path = "codec/figure.rs"]
mod figure;
#[path = "codec/files.rs"]
mod files;
#[path = "codec/json.rs"]
mod json;
#[path = "codec/judge.rs"]
mod judge;
#[path = "codec/ours.rs"]
mod ours;
#[path = "codec/peers.rs"]
mod peers;

use chronolite::codec::{Choice, Codec};

use data::Data;
use figure::{Figure, Kind};

/// Rows of a block, and of one in `size`.
const BLOCK: usize = 16_384;
const LARGE_BLOCK: usize = 65_536;

fn main() {
    // Cargo passes `--bench` on.
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut wanted, mut file) = (String::new(), None);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => file = Some(args.next().expect("a file after --json")),
            _ => wanted = arg,
        }
    }
    let sets: Vec<Data> = data::sets().into_iter().filter(|d| d.name.contains(&wanted)).collect();
    println!("{}", Figure::head());
    let mut figures = Vec::new();
    for data in &sets {
        for figure in measured(data) {
            println!("{figure}");
            figures.push(figure);
        }
        println!();
    }
    let verdicts = judge::judge(&sets, &figures);
    judge::print(&verdicts);
    if let Some(file) = file {
        std::fs::write(&file, json::text(&sets, &figures, &verdicts)).expect("written");
    }
}

/// Choices, then peers, then what each codec makes of it by itself.
fn measured(data: &Data) -> Vec<Figure> {
    let choices = [
        ("flushed", Choice::Smallest, BLOCK),
        ("balanced", Choice::Balanced, BLOCK),
        ("size", Choice::Least, LARGE_BLOCK),
    ];
    let choices = choices.map(|(name, choice, block)| {
        let (timed, codecs) = ours::measure(data, choice, block);
        Figure::new(data, Kind::Choice, name, codecs, &timed)
    });
    let peers = peers::measure(data);
    let peers =
        peers.into_iter().map(|(name, timed)| Figure::new(data, Kind::Peer, name, vec![], &timed));
    let codecs = Codec::ALL.into_iter().filter(|codec| codec.applies_to(data.ty));
    let codecs = codecs.filter_map(|codec| {
        let (timed, codecs) = ours::measure(data, Choice::Only(codec), BLOCK);
        let applies = codecs.contains(&codec.name());
        applies.then(|| Figure::new(data, Kind::Codec, codec.name(), codecs, &timed))
    });
    choices.into_iter().chain(peers).chain(codecs).collect()
}
