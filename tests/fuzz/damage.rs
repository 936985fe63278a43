//! Damaged forms of seeds.

/// Splitmix64.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is at least 1.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }
}

/// Numbers at which counts and lengths go wrong.
const EDGES: [u64; 8] = [0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF, i64::MAX as u64, u64::MAX];

/// One of the seeds, damaged in up to four places. Headers stand in front: half of the damage goes
/// there.
pub(crate) fn damaged(seeds: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut data = seeds[rng.below(seeds.len())].clone();
    for _ in 0..1 + rng.below(4) {
        let reach = if rng.below(2) == 0 { data.len().min(64) } else { data.len() };
        let at = rng.below(reach + 1);
        let bytes = rng.next();
        match rng.below(8) {
            0 | 1 => put(&mut data, at, &[bytes as u8]),
            2 => {
                let edge = EDGES[rng.below(EDGES.len())].to_le_bytes();
                put(&mut data, at, &edge[..1 << rng.below(4)]);
            }
            3 => put(&mut data, at, &bytes.to_le_bytes()[..1 << rng.below(4)]),
            4 => data.truncate(at),
            5 => {
                let new = vec![bytes as u8; rng.below(20)];
                data.splice(at..at, new);
            }
            6 => {
                let end = data.len().min(at + rng.below(20));
                data.drain(at..end);
            }
            _ => {
                let other = &seeds[rng.below(seeds.len())];
                let start = rng.below(other.len() + 1);
                let end = other.len().min(start + rng.below(64));
                put(&mut data, at, &other[start..end]);
            }
        }
    }
    data
}

/// Writes over what is there from `at` on.
fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    for (place, byte) in data.iter_mut().skip(at).zip(bytes) {
        *place = *byte;
    }
}
