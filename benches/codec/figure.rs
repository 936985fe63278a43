//! A line of the table, and the clock.

use std::fmt;
use std::time::Instant;

use crate::data::Data;

/// What a set became, and the seconds that it took.
#[derive(Clone, Copy)]
pub(crate) struct Timed {
    pub(crate) bytes: usize,
    pub(crate) encoding: f64,
    pub(crate) decoding: f64,
}

/// Seconds of a run: the best of a few rounds, each long enough to be timed.
pub(crate) fn seconds(mut run: impl FnMut()) -> f64 {
    const ROUNDS: usize = 5;
    const ROUND: f64 = 0.02;
    let mut round = |runs: usize| {
        let start = Instant::now();
        (0..runs).for_each(|_| run());
        start.elapsed().as_secs_f64() / runs as f64
    };
    let first = round(1);
    // A slow one is as long as all rounds of a fast one.
    if first > 5.0 * ROUND {
        return first.min(round(1));
    }
    let runs = (ROUND / first).ceil().clamp(1.0, 1e6) as usize;
    (0..ROUNDS).map(|_| round(runs)).fold(first, f64::min)
}

/// Whose figure it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Chronolite's, with the codecs that it chooses.
    Choice,
    /// Chronolite's, with one codec.
    Codec,
    /// Another library's.
    Peer,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Choice => "choice",
            Self::Codec => "codec",
            Self::Peer => "peer",
        }
    }
}

pub(crate) struct Figure {
    pub(crate) data: String,
    pub(crate) kind: Kind,
    pub(crate) who: &'static str,
    /// Those that were chosen.
    pub(crate) codecs: Vec<&'static str>,
    pub(crate) bits: f64,
    /// MB of values a second.
    pub(crate) encode: f64,
    pub(crate) decode: f64,
}

impl Figure {
    /// What stands above.
    pub(crate) fn head() -> String {
        format!(
            "{:24} {:7} {:18} {:>12} {:>10} {:>10}  {}",
            "data", "", "who", "bits a value", "enc MB/s", "dec MB/s", "codecs"
        )
    }

    pub(crate) fn new(
        data: &Data,
        kind: Kind,
        who: &'static str,
        codecs: Vec<&'static str>,
        timed: &Timed,
    ) -> Self {
        let (rows, megabytes) = (data.rows() as f64, data.bytes() as f64 / 1e6);
        Self {
            data: data.name.clone(),
            kind,
            who,
            codecs,
            bits: timed.bytes as f64 * 8.0 / rows,
            encode: megabytes / timed.encoding,
            decode: megabytes / timed.decoding,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { data, kind, who, codecs, bits, encode, decode } = self;
        let (kind, codecs) = (kind.name(), codecs.join(" "));
        write!(f, "{data:24} {kind:7} {who:18} {bits:12.3} {encode:10.0} {decode:10.0}  {codecs}")
    }
}
