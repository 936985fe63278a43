//! The targets, held against the figures of one run.

use crate::alp_fastlanes::ALP;
use crate::data::Data;
use crate::figure::{Figure, Kind};

/// Bits a value of ALP with FastLanes in the table of DESIGN, which has one decimal.
const ALP_BITS: [(&str, f64); 5] = [
    ("city_temperature_f_tw", 10.8),
    ("food_prices_tw", 18.5),
    ("sensor, 2 decimals", 6.5),
    ("ticks, 0.25 steps", 6.2),
    ("uniform random", 70.8),
];
/// MB/s, of what is flushed.
const DECODE: f64 = 8000.0;
/// Of the smallest peer in size; and so much that headers of blocks are not counted as a loss.
const SIZE: f64 = 1.03;
const PEERS: [&str; 3] = ["pco 8", ALP, "zstd 3"];
/// Also against this one, which writes a hundredth of what the others do in the same time.
const SLOW_PEER: &str = "zstd 19";
const SIZE_BITS: f64 = 0.01;

pub(crate) struct Verdict {
    pub(crate) target: &'static str,
    pub(crate) data: String,
    /// At least, if more is better; else at most.
    pub(crate) wanted: f64,
    pub(crate) of: &'static str,
    pub(crate) found: f64,
    pub(crate) met: bool,
}

pub(crate) const TARGETS: [(&str, &str); 5] = [
    ("flushed", "flushed: bits a value are at most those of ALP in the table of DESIGN 5"),
    ("flushed, here", "flushed: bits a value are at most those of ALP in this run"),
    ("decode", "flushed: decimals are decoded at 8,000 MB/s and more"),
    (
        "size",
        "size: at most 1.03 times the smallest of pco 8, ALP and zstd 3, or 0.01 bits above it",
    ),
    ("size, zstd 19", "size: the same against zstd 19, which is no target"),
];

pub(crate) fn judge(sets: &[Data], figures: &[Figure]) -> Vec<Verdict> {
    sets.iter().flat_map(|data| of_set(data, figures)).collect()
}

fn of_set(data: &Data, figures: &[Figure]) -> Vec<Verdict> {
    let of = |kind: Kind, who: &str| {
        figures.iter().find(|f| f.data == data.name && f.kind == kind && f.who == who)
    };
    let (Some(flushed), Some(size)) = (of(Kind::Choice, "flushed"), of(Kind::Choice, "size"))
    else {
        return vec![];
    };
    let verdict = |target, wanted, of, found, met| {
        let data = data.name.clone();
        Verdict { target, data, wanted, of, found, met }
    };
    let mut verdicts = vec![];
    if let Some((_, bits)) = ALP_BITS.iter().find(|(name, _)| *name == data.name) {
        let met = (flushed.bits * 10.0).round() / 10.0 <= *bits;
        verdicts.push(verdict("flushed", *bits, "DESIGN", flushed.bits, met));
    }
    if let Some(alp) = of(Kind::Peer, ALP) {
        let met = flushed.bits <= alp.bits;
        verdicts.push(verdict("flushed, here", alp.bits, ALP, flushed.bits, met));
    }
    if data.decimal {
        let met = flushed.decode >= DECODE;
        verdicts.push(verdict("decode", DECODE, "", flushed.decode, met));
    }
    let peers = PEERS.iter().filter_map(|peer| of(Kind::Peer, peer));
    let least = peers.min_by(|a, b| a.bits.total_cmp(&b.bits));
    for (target, peer) in [("size", least), ("size, zstd 19", of(Kind::Peer, SLOW_PEER))] {
        if let Some(peer) = peer {
            let wanted = (peer.bits * SIZE).max(peer.bits + SIZE_BITS);
            verdicts.push(verdict(target, wanted, peer.who, size.bits, size.bits <= wanted));
        }
    }
    verdicts
}

/// By target, how many were met, and each that was not.
pub(crate) fn print(verdicts: &[Verdict]) {
    for (target, text) in TARGETS {
        let of = || verdicts.iter().filter(|verdict| verdict.target == target);
        let met = of().filter(|verdict| verdict.met).count();
        println!("{text}: met for {met} of {} sets", of().count());
        for verdict in of().filter(|verdict| !verdict.met) {
            let Verdict { data, wanted, of, found, .. } = verdict;
            println!("  MISSED {data}: {found:.3}, wanted {wanted:.3} {of}");
        }
    }
}
